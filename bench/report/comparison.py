"""A comparison of two models or studies: a figure a data set, and tables."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from bench.analysis.names import dataset_title, model_title, title
from bench.analysis.pairs.compare import Comparison
from bench.analysis.scores.agreement import MIN_SEEDS
from bench.escaping import as_cells
from bench.report.figures.heatmaps import CORRELATION, heatmap
from bench.report.style import COLUMN, NOTE, PAGE, TICK, Picture, colours, new_figure, save, titled
from bench.store.files import write_text

KINDS = {"strengths": ("o", "medians over seeds"), "runs": ("s", "runs, same strength and seed"),
         "seeds": ("^", "runs, without their setting's median")}  # fmt: skip

ABREAST = 10  # the most scores whose matrix is legible in half a page


def write_comparison(
    comparison: Comparison, sides: tuple[str, str], folder: Path, schedules: str, command: str
) -> Iterator[Path]:
    """Write a figure (pdf, png, csv) for each data set, and metrics.csv and runs.csv for all; yield the paths."""
    for dataset, scores in comparison.scores.groupby("dataset", sort=False):
        pairs = comparison.metrics[comparison.metrics["dataset"] == dataset]
        figure = comparison_figure(scores, pairs, sides, schedules)
        yield save(figure, scores, folder / str(dataset), command)[1]
    for name, table in (("metrics", comparison.metrics), ("runs", comparison.runs)):
        write_text(folder / f"{name}.csv", as_cells(table).to_csv(index=False))
        yield folder / f"{name}.csv"


def comparison_figure(scores: pd.DataFrame, pairs: pd.DataFrame, sides: tuple[str, str], schedules: str) -> Picture:
    """One data set: how alike each score ranks strengths, runs and seeds; which correlations of metrics differ."""
    names = list(scores["name"])
    first, (a, b) = scores.iloc[0], map(model_title, sides)
    places = ("Above", "Below") if len(names) > ABREAST else ("Left", "Right")
    note = f"{places[0]}: rank correlation of each score between the two; bars: 95% interval over seeds."
    if len(names) > 1:
        if len(names) > ABREAST:
            figure = new_figure(PAGE, 1.6 + 0.46 * len(names))
            left, right = figure.subplots(2, 1, height_ratios=[1, 1.3])
        else:
            figure = new_figure(PAGE, 1.1 + 0.26 * len(names))
            left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
        _differences(right, pairs, names)
        seeds = int(pairs["fewest_seeds"].iloc[0])
        framed = "framed: the two differ" if seeds >= MIN_SEEDS else f"{seeds} seeds are too few to call any different"
        note += f" {places[1]}: Spearman x 100 of scores with each other, below the diagonal of {a}, above it of "
        note += f"{b}; {framed}."
    else:
        figure = new_figure(COLUMN, 1.0)
        left = figure.subplots()
    _correlations(left, scores)
    counts = f"{first['settings']} settings, {first['pairs']} pairs of runs, {first['fewest_seeds']} seeds or more each"
    heading = f"{dataset_title(first['dataset'])}: {a} and {b}"
    titled(figure, heading, counts, schedules, note, left.get_legend_handles_labels())
    return figure


def _correlations(ax: Axes, scores: pd.DataFrame) -> None:
    """Spearman of each score between the two sides."""
    palette = colours(KINDS)
    for i, (kind, (marker, label)) in enumerate(KINDS.items()):
        heights = np.arange(len(scores)) + 0.22 * (i - 1)
        ax.hlines(heights, scores[f"{kind}_low"], scores[f"{kind}_high"], color=palette[kind], linewidth=1.2)
        ax.scatter(scores[kind], heights, marker=marker, s=14, color=palette[kind], label=label, zorder=3)
    ax.axvline(0, color="0.7", linewidth=0.8, zorder=0)
    ax.set(xlim=(-1.05, 1.05), ylim=(len(scores) - 0.5, -0.5), xlabel="Spearman between the two")
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])
    ax.set_yticks(range(len(scores)), [title(n) for n in scores["name"]])
    ax.tick_params(axis="y", length=0)


def _differences(ax: Axes, pairs: pd.DataFrame, names: list[str]) -> None:
    """Below the diagonal the first side's rank correlations of scores, above it the second's; framed: they differ."""
    position = {name: k for k, name in enumerate(names)}
    correlation = {(name, name): np.nan for name in names}
    for pair in pairs.itertuples():
        correlation[pair.column, pair.row], correlation[pair.row, pair.column] = pair.a, pair.b
    cells = [{"row": row, "column": column, "spearman": correlation[row, column]} for row in names for column in names]
    heatmap(ax, pd.DataFrame(cells), CORRELATION, (title, title), size=NOTE if len(names) > ABREAST else TICK)
    for pair in pairs.itertuples():
        if differs(pair.low, pair.high, pair.fewest_seeds):
            ax.add_patch(_frame(position[pair.row], position[pair.column]))
            ax.add_patch(_frame(position[pair.column], position[pair.row]))


def _frame(row: int, column: int) -> Rectangle:
    return Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, fill=False, edgecolor="black", linewidth=0.9)


def differs(low: float, high: float, seeds: int) -> bool:
    """Whether the interval of a difference excludes 0 and there are at least `MIN_SEEDS` seeds."""
    return bool((low > 0 or high < 0) and seeds >= MIN_SEEDS)
