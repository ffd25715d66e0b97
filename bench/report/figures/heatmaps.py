"""Matrices as heat maps: a number in each cell, bold if it is significant."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from numpy.typing import ArrayLike

from bench.analysis.scores.agreement import MIN_SEEDS
from bench.analysis.statistics.significance import LEVEL
from bench.report.style import COLUMN, LABEL, LINE, NAME, NOTE, PAD, PAGE, TICK, Picture, breadth, new_figure, shortened

CELL = 0.27  # inches: the height of a cell with one line in it
LEAST, TIGHT = 0.18, 0.22  # inches: the width of a cell for three bold digits, and below which they are smaller
LIGHT = 0.22  # luminance above which dark type has more contrast than white
LONGEST = 2.4  # inches: the width of the longest name of a row or a column; two leave room for panels on a page
LEAN = 50  # degrees of rotation of names below columns
# blue becomes twice as dark as orange, so that the sign is visible in grey too
SIGNED = LinearSegmentedColormap.from_list("signed", ["#e8912d", "#f5cfa0", "#ffffff", "#8fbbdb", "#17508f"])


@dataclass(frozen=True)
class Scale:
    """The column of a value, and the range and colours of its numbers."""

    value: str
    low: float
    high: float
    colours: str | Colormap


CORRELATION = Scale("spearman", -100, 100, SIGNED)
SHARE = Scale("probability", 0, 100, SIGNED)
EXPLAINED = Scale("explained", 0, 100, "Blues")
Titles = tuple[Callable[[str], str], Callable[[str], str], Callable[[str], str]]


def heatmaps(cells: pd.DataFrame, panel: str, scale: Scale, titles: Titles) -> Picture:
    """A heat map for each value of the column `panel`, from long cells (row, column, value, and q where tested).

    A single one that fits has the width of a column; others fill a page, as many side by side as are legible.

    Args:
        cells: the numbers; a missing one leaves a grey cell without a number. A column `text` replaces the numbers.
        panel: the column whose values are panels.
        scale: of numbers and colours; values are shown times 100.
        titles: functions from the name of a panel, a row and a column to its title.
    """
    panels = [(titles[0](str(name)), part) for name, part in cells.groupby(panel, sort=False)]
    same_rows, same_columns = ({tuple(dict.fromkeys(part[axis])) for _, part in panels} for axis in ("row", "column"))
    figure = new_figure(PAGE, 1)
    titles = (titles[0], _short(figure, titles[1]), _short(figure, titles[2]))
    beside, below = (
        max(breadth(figure, title(str(name)), LABEL) for name in cells[axis].unique()) + PAD
        for axis, title in (("row", titles[1]), ("column", titles[2]))
    )
    lines = 1 + max(cells["text"].str.count("\n")) if "text" in cells else 1
    rows, columns = (max(map(len, names)) for names in (same_rows, same_columns))
    widest = max(LEAST * columns * lines, *(breadth(figure, heading, NAME) for heading, _ in panels)) + 2 * PAD
    once = beside if len(same_rows) == 1 else 0.0  # names of rows are written once if all panels have the same
    if len(panels) == 1 and beside + widest <= COLUMN:
        across = 1
        figure.set_figwidth(COLUMN)
    else:
        reach = max(0.0, below * np.cos(np.radians(LEAN)) - LEAST)  # of rotated names, to the left of their panel
        fitting = int((PAGE - once + min(once, reach)) / (widest + max(beside - once, reach)))
        most = max(1, min(len(panels), fitting))
        across = min(range(1, most + 1), key=lambda a: (-(-len(panels) // a), -len(panels) % a))
    down = -(-len(panels) // across)
    width = ((figure.get_figwidth() - once) / across - beside + once) / columns
    lean = LEAN if below + PAD > width else 0
    names_below = (below * np.sin(np.radians(lean)) + LABEL * LINE) * (1 if len(same_columns) == 1 else down)
    cell = CELL + (lines - 1) * NOTE * LINE
    figure.set_figheight(down * (rows * cell + NAME * LINE + 2 * PAD) + names_below)
    axes = figure.subplots(down, across, squeeze=False)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    for place, (ax, (heading, part)) in enumerate(zip(axes.flat, panels, strict=False)):
        heatmap(ax, part, scale, titles[1:], lean, NOTE if lines > 1 or width < TIGHT else TICK)
        ax.set_title(heading)
        if place % across and len(same_rows) == 1:
            ax.set_yticklabels([])
        if place + across < len(panels) and len(same_columns) == 1:
            ax.set_xticklabels([])
    return figure


def _short(figure: Picture, titles: Callable[[str], str]) -> Callable[[str], str]:
    """Titles that leave room for the panels."""
    return lambda name: shortened(figure, titles(name), LABEL, LONGEST)


def reading(cells: pd.DataFrame, what: str) -> str:
    """The meaning of bold type, as a sentence for the caption; or that there are too few seeds for a test."""
    if cells["seeds"].min() < MIN_SEEDS:
        return "There are too few seeds a setting to call any number sure."
    return f"Bold: it is not {what} (false discovery rate {LEVEL:.0%})."


def heatmap(
    ax: Axes,
    part: pd.DataFrame,
    scale: Scale,
    titles: tuple[Callable[[str], str], Callable[[str], str]],
    lean: float = LEAN,
    size: float = TICK,
) -> None:
    """One matrix; `size` of its numbers in points, `lean` of the names of its columns in degrees."""
    names = [list(dict.fromkeys(part[axis])) for axis in ("row", "column")]
    place = part["row"].map(names[0].index), part["column"].map(names[1].index)
    numbers = np.full((len(names[0]), len(names[1])), np.nan)
    numbers[place] = 100 * part[scale.value]
    mesh = ax.pcolormesh(  # seaborn's heatmap draws the whole figure once for each panel
        numbers, vmin=scale.low, vmax=scale.high, cmap=scale.colours, edgecolors="white", linewidth=0.6
    )
    written = part["text"] if "text" in part else (100 * part[scale.value]).map("{:z.0f}".format)
    tested = "q" in part and part["seeds"].min() >= MIN_SEEDS
    sure = part["q"] < LEVEL if tested else np.zeros(len(part), bool)
    for i, j, words, bold in zip(*place, written, sure, strict=True):
        if not np.isnan(numbers[i, j]):
            ink = "0.1" if _luminance(mesh.to_rgba(numbers[i, j])) > LIGHT else "white"
            text = ax.text(
                j + 0.5, i + 0.5, words, ha="center", va="center", size=size, color=ink,
                weight="bold" if bold else "normal",
            )  # fmt: skip
            text.set_in_layout(False)  # it lies within the panel
    ax.set_xticks(np.arange(len(names[1])) + 0.5, [titles[1](n) for n in names[1]])
    ax.set_yticks(np.arange(len(names[0])) + 0.5, [titles[0](n) for n in names[0]])
    ax.set_ylim(len(names[0]), 0)
    ax.spines[:].set_visible(False)
    ax.set_facecolor("0.9")  # an undefined cell shows no colour and no number
    ax.tick_params(axis="both", length=0, labelsize=LABEL)
    for label in ax.get_xticklabels() if lean else ():
        label.set(rotation=lean, ha="right", rotation_mode="anchor")


def _luminance(colour: ArrayLike) -> float:
    """Relative luminance of a colour, as the web's accessibility guidelines define it."""
    rgb = np.asarray(colour)[:3]
    linear = np.where(rgb <= 0.04, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
