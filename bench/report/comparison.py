"""Two models or studies side by side: a figure a data set, tables, and what is to be said of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.analysis.agreement import MIN_SEEDS
from bench.analysis.compare import Comparison
from bench.analysis.names import title
from bench.escaping import as_cells
from bench.report.style import dataset_title, footnote, new_figure, save
from bench.store import writing

KINDS = {"strengths": ("o", "medians over seeds"), "runs": ("s", "runs, same strength and seed"),
         "seeds": ("^", "runs, without their setting's median")}  # fmt: skip


def write_comparison(
    found: Comparison, sides: tuple[str, str], folder: Path, budget: str, command: str
) -> Iterator[Path]:
    """Write a figure (pdf, png, csv) for each data set, and metrics.csv and runs.csv of them all; yield the paths.

    Args:
        found: of `compare`.
        sides: what is compared.
        folder: where to.
        budget: that stands behind the scores.
        command: that makes this.
    """
    for dataset, scores in found.scores.groupby("dataset", sort=False):
        pairs = found.metrics[found.metrics["dataset"] == dataset]
        figure = comparison_figure(scores, pairs, sides, budget)
        yield save(figure, scores, folder / str(dataset), command)[1]
    for name, table in (("metrics", found.metrics), ("runs", found.runs)):
        with writing(folder / f"{name}.csv") as file:
            file.write(as_cells(table).to_csv(index=False).encode())
        yield folder / f"{name}.csv"


def comparison_figure(scores: pd.DataFrame, pairs: pd.DataFrame, sides: tuple[str, str], budget: str) -> Figure:
    """One data set: how alike strengths, runs and seeds are ranked by each score; where metrics agree differently."""
    names = list(scores["name"])
    size = 0.46 * len(names)
    figure = new_figure(8.6, max(3.4, 2.2 + size)) if len(names) > 1 else new_figure(5.2, 3.0)
    if len(names) > 1:
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
        _differences(right, pairs, names, sides)
    else:
        left = figure.subplots()
    _correlations(left, scores)
    first = scores.iloc[0]
    counts = f"{first['settings']} settings, {first['pairs']} pairs of runs, {first['fewest_seeds']} seeds or more each"
    figure.suptitle(f"{sides[0]} and {sides[1]} on {dataset_title(first['dataset'])}: {counts}", fontsize=9)
    footnote(figure, f"bars: 95% interval over seeds. {budget}")
    return figure


def _correlations(ax: Axes, scores: pd.DataFrame) -> None:
    """Spearman of each score between the sides."""
    colours = sns.color_palette("colorblind", len(KINDS))
    for i, (kind, (marker, label)) in enumerate(KINDS.items()):
        at = np.arange(len(scores)) + 0.22 * (i - 1)
        ax.hlines(at, scores[f"{kind}_low"], scores[f"{kind}_high"], color=colours[i], linewidth=1.4)
        ax.scatter(scores[kind], at, marker=marker, s=22, color=colours[i], label=label, zorder=3)
    ax.axvline(0, color="0.7", linewidth=0.8, zorder=0)
    ax.set(xlim=(-1.05, 1.05), ylim=(len(scores) - 0.5, -0.5), xlabel="Spearman between the two")
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])
    ax.set_yticks(range(len(scores)), [title(n) for n in scores["name"]])
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=7, ncols=1)


def _differences(ax: Axes, pairs: pd.DataFrame, names: list[str], sides: tuple[str, str]) -> None:
    """Below the diagonal the first side's rank correlations of scores, above it the second's; framed: they differ."""
    n = len(names)
    values = np.full((n, n), np.nan)
    sure = []
    for pair in pairs.itertuples():
        i, j = names.index(pair.row), names.index(pair.column)
        values[j, i], values[i, j] = pair.a, pair.b
        if differs(pair.low, pair.high, pair.fewest_seeds):
            sure += [(i, j), (j, i)]
    sns.heatmap(
        100 * values, ax=ax, vmin=-100, vmax=100, cmap="vlag", annot=True, fmt="z.0f", linewidths=0.6, cbar=False,
        annot_kws={"size": 8}, xticklabels=[title(n) for n in names], yticklabels=[title(n) for n in names],
    )  # fmt: skip
    ax.set_facecolor("0.9")
    for i, j in sure:
        ax.add_patch(_frame(i, j))
    seeds = int(pairs["fewest_seeds"].iloc[0])
    framed = "framed: the two differ" if seeds >= MIN_SEEDS else f"{seeds} seeds: too few to call any different"
    ax.set_title(f"Spearman x 100 of scores\nbelow: {sides[0]}, above: {sides[1]}; {framed}", fontsize=8)
    ax.tick_params(axis="both", length=0)
    ax.tick_params(axis="y", rotation=0)
    for label in ax.get_xticklabels():
        label.set(rotation=50, ha="right", rotation_mode="anchor")


def _frame(row: int, column: int) -> Rectangle:
    return Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, fill=False, edgecolor="black", linewidth=1.3)


def differs(low: float, high: float, seeds: int) -> bool:
    """Whether an interval of a difference, over enough seeds to be trusted, excludes 0."""
    return bool((low > 0 or high < 0) and seeds >= MIN_SEEDS)
