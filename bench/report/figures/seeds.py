"""How many seeds a study needs."""

import pandas as pd
import seaborn as sns

from bench.analysis.agreement import wide
from bench.analysis.names import title
from bench.analysis.precision import SEEDS, width_against_seeds
from bench.report.figures.panels import PAGE, Drawn, each_dataset, metrics_of, standing, titled
from bench.report.style import MARKERS, dataset_title, new_figure

STATISTICS = {"median": "Median of a setting", "iqm": "IQM of a setting", "rank correlation": "Rank correlation"}


def seeds_needed(table: pd.DataFrame, budget: str) -> Drawn:
    """The width of a 95 % interval against seeds a setting: of medians, IQMs and rank correlations of metrics."""

    def analyse(scores: pd.DataFrame) -> pd.DataFrame:
        return width_against_seeds(scores, metrics_of(table, scores))

    found = each_dataset(wide(table), analyse)
    datasets = list(dict.fromkeys(found["dataset"]))
    statistics = [s for s in STATISTICS if s in set(found["statistic"])]
    figure = new_figure(PAGE, 1.5 + 1.75 * len(datasets))
    axes = figure.subplots(len(datasets), len(statistics), squeeze=False, sharex=True)
    names = list(dict.fromkeys(found["name"].dropna()))
    palette = dict(zip(names, sns.color_palette("colorblind", len(names)), strict=True))
    for row, dataset in zip(axes, datasets, strict=True):
        for ax, statistic in zip(row, statistics, strict=True):
            part = found[found["dataset"].eq(dataset) & found["statistic"].eq(statistic)]
            for marker, (name, line) in zip(MARKERS * 9, part.groupby("name", dropna=False, sort=False), strict=False):
                known = isinstance(name, str)
                ax.plot(line["seeds"], line["width"], marker=marker, markersize=3.5, linewidth=1.1,
                        color=palette[name] if known else "0.2", label=title(name) if known else None)  # fmt: skip
                if not known:
                    ax.fill_between(line["seeds"], line["low"], line["high"], color="0.2", alpha=0.15, linewidth=0)
            ax.axvline(part["available"].iloc[0], color="0.6", linewidth=0.8, linestyle="--")
            ax.set_xscale("log")
            ax.set_xticks(SEEDS, [str(s) for s in SEEDS])
            ax.minorticks_off()
            ax.set_ylim(bottom=0)
            ax.set_title(f"{dataset_title(str(dataset))}: {STATISTICS[str(statistic)]}", fontsize=8)
            ax.tick_params(labelsize=7)
        row[0].set_ylabel("width of the 95% interval", fontsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("seeds a setting", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    said = standing(int(found.groupby("dataset")["runs"].first().sum()), int(found["available"].min()))
    note = (
        "dashed: seeds there are, beyond it foretold from them; grey: middle pair of metrics, 80% of pairs in the band"
    )
    titled(
        figure, "Seeds needed: width of intervals (middle setting) against seeds", said, budget, note, (handles, labels)
    )
    return figure, found
