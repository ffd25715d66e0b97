"""The picture on a metric's report card: its scores as a code gets worse, beside those of MIG and DCI."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import title
from bench.report.style import MARKERS, PAGE, TICK, Picture, colours, new_figure, titled
from bench.scoring.floor_codes import KINDS
from bench.scoring.runs import declaration

PANELS: Mapping[str, tuple[str, str, Sequence[float]]] = {  # heading, unit, ticks
    "nothing": ("Nothing is encoded", "", range(len(KINDS))),
    "noise": ("Noise is added", "noise (deviations of a dim)", (0, 0.5, 1, 1.5, 2)),
    "rotation": ("Pairs of dims are rotated", "angle (degrees)", (0, 15, 30, 45)),
    "duplicates": ("Dims are repeated", "dims there twice, of 4", (0, 1, 2, 3, 4)),
}
GAP = 0.075  # least distance of two labels, as a share of the axis
NOTE = "There are 4 factors, one dim each; the code that is rotated or repeated has noise of 0.1."
GROUPED = "It is beside two others: perfect codes with noise of their own, 0.1 or as much as it has."


def draw_card(curves: pd.DataFrame, metric: str) -> Picture:
    """Draw a metric's behaviour: a column for each experiment; scores in 0..1 share a row, others have their own.

    Args:
        curves: from `bench.testing.behaviour`, of the metric and of those that it is compared with.
        metric: its name.
    """
    rows, styles = _rows(curves), _looks(curves, metric)
    heights = [1.8 if len(names) > 1 else 1.3 for names in rows]
    figure = new_figure(PAGE, 0.2 + sum(heights))
    axes = figure.subplots(len(rows), len(PANELS), squeeze=False, sharex="col", sharey="row", height_ratios=heights)
    for axes_of_row, names in zip(axes, rows, strict=True):
        for ax, experiment in zip(axes_of_row, PANELS, strict=True):
            _panel(ax, curves[curves["experiment"] == experiment], names, styles)
        axes_of_row[0].set_ylabel("score" if len(names) > 1 else fill(title(names[0]), 18))
        if len(names) > 1:
            _label(axes_of_row[-1])
    for ax, (heading, *_) in zip(axes[0], PANELS.values(), strict=True):
        ax.set_title(heading)
    for ax, (_, unit, _) in zip(axes[-1], PANELS.values(), strict=True):
        ax.set_xlabel(unit)
    declared = declaration(metric)
    heading = f"How {title(declared.headline or metric)} moves as a code gets worse"
    note = f"{NOTE} {GROUPED}" if declared.reads == "group" else NOTE
    titled(figure, heading, "1,500 rows, small samples", "nothing is trained", note)
    return figure


def _rows(curves: pd.DataFrame) -> list[list[str]]:
    """Score names that share a scale: all within 0..1 first, then each of the others."""
    shared: list[str] = []
    others: list[str] = []
    for metric, name in curves[["metric", "name"]].drop_duplicates().itertuples(index=False):
        score = declaration(metric).score(name)
        (shared if score.low >= 0 and score.high <= 1 else others).append(name)
    return [names for names in (shared, *([n] for n in others)) if names]


def _looks(curves: pd.DataFrame, metric: str) -> dict[str, dict[str, Any]]:
    """The style of each score; lines of the card's metric are thick and on top."""
    names = list(curves["name"].unique())
    of_metric = set(curves.loc[curves["metric"] == metric, "name"])
    thick = {"linewidth": 2, "markersize": 4.5, "zorder": 3}
    thin = {"linewidth": 1, "markersize": 3, "zorder": 2}
    markers = dict(zip(names, MARKERS * 2, strict=False))
    palette = colours(names)
    return {n: {"color": palette[n], "marker": markers[n]} | (thick if n in of_metric else thin) for n in names}


def _panel(ax: Axes, curves: pd.DataFrame, names: Sequence[str], styles: Mapping[str, Mapping[str, Any]]) -> None:
    experiment = curves["experiment"].iloc[0]
    for name in names:
        line = curves[curves["name"] == name]
        ax.plot(line["x"], line["score"], label=name, linestyle="" if experiment == "nothing" else "-", **styles[name])
    if len(names) > 1:
        ax.set_ylim(-0.04, 1.04)
    if experiment == "nothing":
        ax.set_xticks(range(len(KINDS)), list(KINDS.values()), rotation=35, ha="right", rotation_mode="anchor")
        ax.set_xlim(-0.5, len(KINDS) - 0.5)
    else:
        ax.set_xticks(PANELS[experiment][2])
    ax.grid(axis="y", color="0.9", linewidth=0.6)


def _label(ax: Axes) -> None:
    """Names at the right ends of the lines, moved apart if they overlap."""
    low, high = ax.get_ylim()
    ends = [(float(np.asarray(line.get_ydata())[-1]) - low) / (high - low) for line in ax.get_lines()]
    for line, y in zip(ax.get_lines(), spread(ends, GAP), strict=True):
        ax.annotate(
            title(str(line.get_label())), (1.03, y), xycoords="axes fraction", va="center", fontsize=TICK,
            color=line.get_color(), annotation_clip=False,
        )  # fmt: skip


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Positions moved up until each is at least `gap` from the next, in the same order.

    Example:
        >>> spread([0.5, 0.0, 0.45], 0.1)
        [0.55, 0.0, 0.45]
    """
    moved, last = list(places), float("-inf")
    for i in sorted(range(len(places)), key=lambda i: places[i]):
        moved[i] = last = max(places[i], round(last + gap, 9))
    return moved
