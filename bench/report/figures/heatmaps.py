"""Matrices as heat maps: a number in each cell, bold where it can be told from what nothing would give."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bench.analysis.agreement import MIN_SEEDS
from bench.analysis.significance import LEVEL
from bench.report.figures.panels import PAGE
from bench.report.style import footnote, new_figure

CELL, NAMES, LETTER = 0.42, 1.35, 0.085  # inches: of a cell, of the names beside rows, of a letter above a panel
LIGHT = 0.22  # luminance above which dark type stands out more than white


@dataclass(frozen=True)
class Scale:
    """How a value becomes a number and a colour."""

    value: str
    low: float
    high: float
    colours: str


CORRELATION = Scale("spearman", -100, 100, "vlag")
SHARE = Scale("probability", 0, 100, "vlag")
EXPLAINED = Scale("explained", 0, 100, "Blues")


def heatmaps(
    cells: pd.DataFrame,
    panel: str,
    scale: Scale,
    titles: tuple[Callable[[str], str], Callable[[str], str], Callable[[str], str]],
    heading: str,
    budget: str,
) -> Figure:
    """A heat map for each value of the column `panel`, from long cells (row, column, value, and q where tested).

    Args:
        cells: the numbers; missing ones leave a grey cell without a number.
        panel: the column whose values are panels.
        scale: of numbers and colours; values are shown times 100.
        titles: how panels, rows and columns are written.
        heading: above all.
        budget: below all.
    """
    panels = list(cells.groupby(panel, sort=False))
    sides = [{tuple(dict.fromkeys(part[axis])) for _, part in panels} for axis in ("row", "column")]
    rows, columns = (max(map(len, side)) for side in sides)
    wide = max(CELL * columns, LETTER * max(len(titles[0](str(name))) for name, _ in panels))
    across = max(1, min(len(panels), int((PAGE - NAMES) / wide)))
    down = -(-len(panels) // across)
    heights = [part["row"].nunique() for _, part in panels] if across == 1 else [rows] * down
    names = NAMES * (across if len(sides[0]) > 1 else 1)
    figure = new_figure(max(4.2, across * wide + names), 0.36 * sum(heights) + 0.3 * down + 2.1)
    axes = figure.subplots(down, across, squeeze=False, height_ratios=heights)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    for ax, (name, part) in zip(axes.flat, panels, strict=False):
        heatmap(ax, part, scale, titles[1], titles[2])
        runs = f" ({part['runs'].iloc[0]:,} runs)" if "runs" in part else ""
        ax.set_title(f"{titles[0](str(name))}{runs}", fontsize=9)
    for place, ax in enumerate(axes.flat[: len(panels)]):
        if place % across and len(sides[0]) == 1:  # names stand once where they are the same
            ax.set_yticklabels([])
        if place + across < len(panels) and len(sides[1]) == 1:
            ax.set_xticklabels([])
    width = int(13 * figure.get_figwidth())
    figure.suptitle("\n".join(textwrap.fill(line, width) for line in heading.split("\n")), fontsize=9)
    footnote(figure, budget)
    return figure


def reading(cells: pd.DataFrame, what: str) -> str:
    """What the type of the numbers says: nothing where the intervals rest on too few seeds."""
    seeds = int(cells["seeds"].min())
    if seeds < MIN_SEEDS:
        return f"{seeds} seed{'s' if seeds != 1 else ''} a setting: too few to call any sure"
    return f"{seeds} seeds a setting; bold: not {what}, false discovery rate {LEVEL:.0%}"


def heatmap(
    ax: Axes, part: pd.DataFrame, scale: Scale, row_title: Callable[[str], str], column_title: Callable[[str], str]
) -> None:
    """One matrix."""
    names = [list(dict.fromkeys(part[axis])) for axis in ("row", "column")]
    values = part.pivot(index="row", columns="column", values=scale.value).reindex(index=names[0], columns=names[1])
    numbers = 100 * values.to_numpy()
    mesh = ax.pcolormesh(  # seaborn's heatmap draws the whole figure once for each panel
        numbers, vmin=scale.low, vmax=scale.high, cmap=scale.colours, edgecolors="white", linewidth=0.6
    )
    for (i, j), number in np.ndenumerate(numbers):
        if not np.isnan(number):
            ink = "0.15" if _luminance(mesh.to_rgba(number)) > LIGHT else "white"
            text = ax.text(j + 0.5, i + 0.5, f"{number:z.0f}", ha="center", va="center", size=8, color=ink)
            text.set_in_layout(False)  # it lies within
    ax.set_xticks(np.arange(len(names[1])) + 0.5, [column_title(n) for n in names[1]])
    ax.set_yticks(np.arange(len(names[0])) + 0.5, [row_title(n) for n in names[0]])
    ax.set_ylim(len(names[0]), 0)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_facecolor("0.9")  # an undefined cell shows no colour and no number
    if "q" in part:
        found = part.pivot(index="row", columns="column", values="q").reindex_like(values).to_numpy() < LEVEL
        sure = found[values.notna().to_numpy()] & (part["seeds"].min() >= MIN_SEEDS)
        for text, bold in zip(ax.texts, sure, strict=True):
            text.set_fontweight("bold" if bold else "normal")
    ax.set(xlabel="", ylabel="")
    ax.tick_params(axis="both", length=0)
    ax.tick_params(axis="y", rotation=0)
    for label in ax.get_xticklabels():
        label.set(rotation=50, ha="right", rotation_mode="anchor")


def _luminance(colour: ArrayLike) -> float:
    """Relative luminance of a colour, as the web's accessibility guidelines define it."""
    rgb = np.asarray(colour)[:3]
    linear = np.where(rgb <= 0.04, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
