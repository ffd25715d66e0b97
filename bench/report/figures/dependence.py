"""How dependent the dimensions of codes are on each other: of mean codes and of sampled ones."""

import pandas as pd

from bench.analysis.agreement import TooFewRunsError, wide
from bench.analysis.names import MI, TC, title
from bench.analysis.strengths import against_strength, of_runs
from bench.report.figures.panels import (
    PAGE,
    POINTS,
    Drawn,
    model_keys,
    palette_of,
    panel_grid,
    scatter,
    sizes_of,
    standing_of,
    titled,
)
from bench.report.figures.strengths import STRENGTH, line_keys, strength_lines
from bench.report.style import dataset_title, new_figure

SMALL = 1e-3  # nats below which the axis of total correlation is linear
KINDS = ("sampled", "mean")


def total_correlation(table: pd.DataFrame, budget: str) -> Drawn:
    """Figures 1, 8, 9, 25 and 26: Gaussian total correlation of sampled and of mean codes against strength."""
    return _against_strength(table, TC, "symlog", budget)


def mutual_information(table: pd.DataFrame, budget: str) -> Drawn:
    """Figures 27 and 28: mean mutual information of two dimensions of sampled and of mean codes against strength."""
    return _against_strength(table, MI, "linear", budget)


def _against_strength(table: pd.DataFrame, name: str, scale: str, budget: str) -> Drawn:
    _needs_both(table, name)
    lines = pd.concat([against_strength(table, [name], k).assign(representation=k) for k in KINDS])
    datasets = list(dict.fromkeys(lines["dataset"]))
    figure = new_figure(PAGE * 0.75, 1.4 + 1.6 * len(datasets))
    axes = figure.subplots(len(datasets), len(KINDS), squeeze=False, sharex=True, sharey="row")
    palette = palette_of(table)
    for row, dataset in zip(axes, datasets, strict=True):
        for ax, kind in zip(row, KINDS, strict=True):
            strength_lines(ax, lines[lines["dataset"].eq(dataset) & lines["representation"].eq(kind)], palette)
            ax.set_title(f"{dataset_title(dataset)}, {kind} codes", fontsize=9)
        row[0].set_yscale(scale, **({"linthresh": SMALL} if scale == "symlog" else {}))
        row[0].set_ylim(bottom=0)
        row[0].set_ylabel(f"{title(name)}\n(nats)", fontsize=8)
    for ax in axes[-1]:
        ax.set_xlabel(STRENGTH, fontsize=8)
    rows = of_runs(table[table["strength"].notna()], [name], "sampled")
    titled(figure, f"{title(name)}: median over seeds; band: 95% interval", sizes_of(rows), budget,
           keys=line_keys(lines, palette))  # fmt: skip
    return figure, lines.reset_index(drop=True)


def total_correlation_scatter(table: pd.DataFrame, budget: str) -> Drawn:
    """Figure 10: Gaussian total correlation of mean against sampled codes, both logarithmic, a point a run."""
    _needs_both(table, TC)
    both = pd.DataFrame({k: wide(table, k)[TC] for k in KINDS}).dropna()
    points = both.reset_index()
    datasets = list(dict.fromkeys(points["dataset"]))
    figure, axes = panel_grid(len(datasets), 3, 2.1, sharex=True, sharey=True)
    palette = palette_of(table)
    top = float(both.to_numpy().max()) * 1.5
    for ax, dataset in zip(axes, datasets, strict=True):
        own = points[points["dataset"] == dataset]
        scatter(ax, own["sampled"], own["mean"], own["model"], palette)
        ax.plot([0, top], [0, top], color="0.6", linewidth=0.8, linestyle="--")
        ax.set_xscale("symlog", linthresh=SMALL)
        ax.set_yscale("symlog", linthresh=SMALL)
        ax.set(xlim=(0, top), ylim=(0, top))
        ax.set_title(f"{dataset_title(str(dataset))} ({len(own):,} runs)", fontsize=9)
        ax.set_xlabel("sampled codes (nats)", fontsize=8)
    axes[0].set_ylabel("mean codes (nats)", fontsize=8)
    keys = model_keys(sorted(points["model"].unique()), palette, **POINTS)
    titled(
        figure, "Total correlation of mean and of sampled codes; dashed: equal", standing_of(both), budget, keys=keys
    )
    return figure, points


def _needs_both(table: pd.DataFrame, name: str) -> None:
    there = set(table.loc[table["name"] == name, "representation"].dropna())
    if missing := [k for k in KINDS if k not in there]:
        raise TooFewRunsError(
            f"{title(name).lower()} of {' and of '.join(missing)} codes is not in the table: "
            "score with scoring.representations=[mean,sampled] and metric unsupervised"
        )
