"""How many seeds a study needs."""

import pandas as pd

from bench.analysis.names import dataset_title, title
from bench.analysis.scores.agreement import wide
from bench.analysis.scores.precision import SEEDS, width_against_seeds
from bench.report.figures.panels import Drawn, each_dataset, metrics_of, standing
from bench.report.style import PAGE, key_of, looks, new_figure, titled

STATISTICS = {"median": "median of a setting", "iqm": "IQM of a setting", "rank correlation": "rank correlation"}
NOTE = (
    "The setting, or the pair of metrics, is the middle one. Dashed: the seeds there are, beyond which widths are "
    "foretold from them. The grey band has 80% of the pairs of metrics."
)


def seeds_needed(table: pd.DataFrame, schedules: str) -> Drawn:
    """The width of a 95 % interval against seeds a setting: of medians, IQMs and rank correlations of metrics."""
    widths = each_dataset(wide(table), lambda scores: width_against_seeds(scores, metrics_of(table, scores)))
    datasets = list(dict.fromkeys(widths["dataset"]))
    statistics = [s for s in STATISTICS if s in set(widths["statistic"])]
    figure = new_figure(PAGE, 0.2 + 1.5 * len(datasets))
    axes = figure.subplots(len(datasets), len(statistics), squeeze=False, sharex=True)
    styles = looks(dict.fromkeys(widths["name"].dropna()))
    for row, dataset in zip(axes, datasets, strict=True):
        for ax, statistic in zip(row, statistics, strict=True):
            part = widths[widths["dataset"].eq(dataset) & widths["statistic"].eq(statistic)]
            for name, line in part.groupby("name", dropna=False, sort=False):
                named = isinstance(name, str)
                look = styles[name] if named else {"color": "0.2", "marker": "o"}
                ax.plot(line["seeds"], line["width"], **look, clip_on=False)
                if not named:
                    ax.fill_between(line["seeds"], line["low"], line["high"], color="0.2", alpha=0.15, linewidth=0)
            ax.axvline(part["available"].iloc[0], color="0.6", linewidth=0.8, linestyle="--")
            ax.set_xscale("log")
            ax.set_xticks(SEEDS, [str(s) for s in SEEDS])
            ax.minorticks_off()
            ax.set_ylim(bottom=0)
            ax.set_title(f"{dataset_title(str(dataset))}: {STATISTICS[str(statistic)]}")
        row[0].set_ylabel("width of the interval")
    for ax in axes[-1]:
        ax.set_xlabel("seeds a setting")
    behind = standing(int(widths.groupby("dataset")["runs"].first().sum()), int(widths["available"].min()))
    keys = [key_of(look) for look in styles.values()], [title(n) for n in styles]
    titled(figure, "Seeds needed: width of 95% intervals against seeds", behind, schedules, NOTE, keys)
    return figure, widths
