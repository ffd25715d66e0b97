"""Scores against regularisation strength, a line a model."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.analysis.agreement import MIN_SEEDS
from bench.analysis.names import title
from bench.analysis.strengths import against_strength, of_runs
from bench.report.figures.panels import (
    Drawn,
    dataset_scores,
    metrics_of,
    model_keys,
    palette_of,
    panel_grid,
    sizes_of,
    titled,
)
from bench.report.style import MARKERS, dataset_title

STRENGTH = "regularisation strength (index)"


def medians_against_strength(table: pd.DataFrame, dataset: str, budget: str) -> Drawn:
    """Figures 4 (left) and 15: the median of each score over seeds against strength, on one data set."""
    own = table[table["dataset"] == dataset]
    names = metrics_of(table, dataset_scores(table, dataset))
    lines = against_strength(own, names)
    palette = palette_of(table)
    figure, axes = panel_grid(len(names), 3, 1.65, sharex=True)
    for ax, name in zip(axes, names, strict=True):
        strength_lines(ax, lines[lines["name"] == name], palette)
        ax.set_title(title(name), fontsize=9)
    for ax in axes[-min(3, len(axes)) :]:
        ax.set_xlabel(STRENGTH, fontsize=8)
        ax.tick_params(labelbottom=True)
    keys = line_keys(lines, palette)
    rows = of_runs(own, names)
    heading = f"{dataset_title(dataset)}: median over seeds against strength; band: 95% interval"
    titled(figure, heading, sizes_of(rows[rows["strength"].notna()]), budget, keys=keys)
    return figure, lines


def line_keys(lines: pd.DataFrame, palette: dict[str, Any]) -> tuple[list[Line2D], list[str]]:
    """The legend of `strength_lines`."""
    models = sorted(lines["model"].unique())
    handles, labels = model_keys(models, palette, linewidth=1.2, markersize=3.5)
    for handle, marker in zip(handles, MARKERS * 9, strict=False):
        handle.set_marker(marker)
    return handles, labels


def strength_lines(ax: Axes, lines: pd.DataFrame, palette: dict[str, Any]) -> None:
    """Medians with bands, of the rows that `analysis.strengths.against_strength` gives for one score and data set."""
    for marker, model in zip(MARKERS * 9, sorted(lines["model"].unique()), strict=False):
        line = lines[lines["model"] == model].sort_values("strength")
        ax.plot(line["strength"], line["median"], marker=marker, markersize=3, linewidth=1.2, color=palette[model])
        sure = line[line["seeds"] >= MIN_SEEDS]  # the ends of an interval of fewer are the seeds themselves
        ax.fill_between(sure["strength"], sure["low"], sure["high"], color=palette[model], alpha=0.18, linewidth=0)
    ax.set_xticks(sorted(lines["strength"].unique()))
    ax.tick_params(labelsize=7)
