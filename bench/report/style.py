"""The style of every figure, and how it is saved: at printed size, colour-blind safe, with schedule and caption.

A figure has the width of a column or a page of a paper, so that it is printed without scaling. Above its panels are a
heading of at most two lines and the legend; below them is a foot with runs, seeds and schedule. All else is in its
caption.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import IO, Any

import matplotlib as mpl
import pandas as pd
import pyarrow as pa
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL.PngImagePlugin import PngInfo
from pyarrow.csv import write_csv
from pypdfium2 import PdfDocument

from bench.escaping import as_cells
from bench.report.fonts import families
from bench.store import files
from bench.store.files import writing

COLUMN, PAGE = 3.3, 6.8  # inches: the widths of figures
HEADING, NAME, LABEL, TICK, NOTE = (
    8,
    7.5,
    7,
    6.5,
    6,
)  # points: headings of figures and panels, axis labels, ticks, foot
LINE = 1.35 / 72  # height of a line of text in inches, per point of its size
PAD = 0.05  # inches between the edge, the heading, the legend, the panels and the foot
SUFFIXES = (".pdf", ".png", ".csv", ".txt")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
HOLLOW = {
    "marker": "o",
    "markersize": 4,
    "markerfacecolor": "w",
    "markeredgecolor": "0.3",
}  # a key: "given another score"
DASHES: tuple[Any, ...] = ("-", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 1, 1, 1, 1, 1)))
DPI = 200
MOST_KEYS = 8  # of a legend in the place of a panel
SETTINGS: dict[Any, Any] = {
    "font.size": LABEL,
    "axes.titlesize": NAME,
    "axes.titlepad": 4,
    "axes.titley": 1.0,  # fixed: else titles are placed three times
    "axes.labelsize": LABEL,
    "axes.labelpad": 2,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "xtick.labelsize": TICK,
    "ytick.labelsize": TICK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.pad": 2.5,
    "ytick.major.pad": 2,
    "legend.fontsize": TICK,
    "legend.title_fontsize": TICK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "figure.dpi": DPI,
}


class Picture(Figure):
    """A figure with a caption in full sentences."""

    caption: str = ""


class _Layout(ConstrainedLayoutEngine):
    """Panels leave room for names and labels; their spines, which lie within, are not measured."""

    def execute(self, fig: Figure) -> None:
        for ax in fig.axes:
            for spine in ax.spines.values():
                spine.set_in_layout(False)
        super().execute(fig)


def new_figure(width: float, height: float) -> Picture:
    """A figure in the house style, without pyplot's global state.

    Args:
        width: in inches: `COLUMN` or `PAGE`.
        height: in inches, of the panels with their labels; `titled` adds the heading, legend and foot.
    """
    mpl.rcParams.update(SETTINGS | {"font.family": families()})
    figure = Picture(figsize=(width, height), layout=_Layout())
    FigureCanvasAgg(figure)  # keeps one renderer; otherwise each measured text makes one
    return figure


def colours(names: Iterable[str]) -> dict[str, Any]:
    """A colour-blind safe colour for each name."""
    names = list(names)
    return dict(zip(names, sns.color_palette("colorblind", len(names)), strict=True))


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour, a marker and a dash for each name, as arguments of a line; they repeat after 40 names."""
    palette = colours(names)
    return {
        name: {"color": colour, "marker": marker, "linestyle": dash}
        for (name, colour), marker, dash in zip(palette.items(), cycle(MARKERS), cycle(DASHES), strict=False)
    }


def titled(
    figure: Picture,
    heading: str,
    standing: str,
    schedules: str,
    note: str = "",
    keys: tuple[Sequence[Artist], Sequence[str]] | None = None,
    hole: Axes | None = None,
) -> None:
    """Add a heading, the legend and the foot around the panels, which keep their height, and write the caption.

    Args:
        figure: with its panels.
        heading: wrapped, at most two lines.
        standing: numbers of runs and seeds, in words; "" if the schedules say it.
        schedules: of the runs; the foot has the most common one, the caption all.
        note: more sentences for the caption.
        keys: handles and labels of the legend.
        hole: an empty place among the panels, for a legend of at most `MOST_KEYS`; else it is below the heading.
    """
    width = figure.get_figwidth()
    lines = wrapped(figure, heading, HEADING)
    foot = wrapped(figure, "; ".join(part for part in (standing, schedules.partition(" (")[0]) if part), NOTE)
    above = PAD + HEADING * LINE * len(lines)
    below = PAD + NOTE * LINE * len(foot)
    legend = None
    if keys is not None:
        handles, labels = keys
        style: dict[str, Any] = {"frameon": False, "borderpad": 0, "labelspacing": 0.35, "handlelength": 2.4}
        if hole is not None and len(labels) <= MOST_KEYS:
            hole.set_axis_off()
            hole.legend(handles, labels, loc="center", borderaxespad=0, **style)
        else:
            fitting = max(1, int(width / (max(breadth(figure, text, TICK) for text in labels) + 0.42)))
            rows = -(-len(labels) // fitting)
            legend = figure.legend(
                handles, labels, loc="upper center", ncols=-(-len(labels) // rows), borderaxespad=0, columnspacing=1.2,
                handletextpad=0.5, **style,
            )  # fmt: skip
            legend.set_in_layout(False)
            above += PAD / 2 + TICK * LINE * rows
    height = figure.get_figheight() + above + below
    figure.set_figheight(height)
    figure.text(0.5, 1 - PAD / height, "\n".join(lines), fontsize=HEADING, ha="center", va="top")
    figure.text(0.5, PAD / height, "\n".join(foot), fontsize=NOTE, color="0.35", ha="center", va="bottom")
    if legend is not None:
        legend.set_bbox_to_anchor((0.5, 1 - (1.5 * PAD + HEADING * LINE * len(lines)) / height), figure.transFigure)
    figure.set_layout_engine(_Layout(rect=(0, below / height, 1, 1 - (above + below) / height)))
    behind = f"Drawn from {standing}." if standing else ""
    sentences = (heading if heading.endswith("?") else f"{heading}.", note, behind, f"Schedule: {schedules}.")
    figure.caption = " ".join(part for part in sentences if part)


def wrapped(figure: Figure, text: str, size: float) -> list[str]:
    """A text as lines that fit a figure's width, broken between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and breadth(figure, longer, size) > figure.get_figwidth() - 2 * PAD:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def shortened(figure: Figure, text: str, size: float, most: float) -> str:
    """A text of a size in points that is at most so many inches wide: a longer one loses its middle."""
    short, kept = text, len(text)
    while kept > 2 and breadth(figure, short, size) > most:
        kept -= 1
        short = f"{text[: -(-kept // 2)]}…{text[-(kept // 2) :]}"
    return short


def breadth(figure: Figure, text: str, size: float) -> float:
    """The width in inches of a text of a size in points."""
    label = figure.text(0, 0, text, fontsize=size)
    width = label.get_window_extent().width / figure.dpi
    label.remove()
    return width


def key_of(look: dict[str, Any], line: bool = True) -> Line2D:
    """The legend handle of a style: with its line, or as a point."""
    return Line2D([], [], **(look if line else look | {"linestyle": ""}))


def save(figure: Picture, numbers: pd.DataFrame, stem: Path, command: str) -> list[Path]:
    """Write a figure as pdf and png, its numbers as csv, its caption as txt; pdf and png name the command.

    The png is rendered from the pdf, five times as fast as matplotlib draws the figure again.

    Raises:
        ValueError: nothing was drawn.
    """
    if numbers.empty:
        raise ValueError(f"{stem.name}: a figure without numbers is not a figure")
    for text in figure.findobj(Text):
        if "$" in text.get_text() and not text.get_text().startswith(r"$\mathdefault"):  # an axis in powers of ten
            text.set_parse_math(False)  # a name with a dollar sign is no formula
    page = io.BytesIO()
    FigureCanvasPdf(figure).print_pdf(page, metadata={"Subject": command, "CreationDate": None})
    written: dict[str, Callable[[IO[bytes]], object]] = {
        ".pdf": lambda file: file.write(page.getbuffer()),
        ".png": lambda file: _rendered(page, command, file),
        ".csv": lambda file: write_csv(pa.Table.from_pandas(as_cells(numbers), preserve_index=False), file),
        ".txt": lambda file: file.write(f"{figure.caption}\n".encode()),
    }
    for suffix, write in written.items():
        with writing(stem.with_suffix(suffix)) as file:
            write(file)
    return [stem.with_suffix(suffix) for suffix in SUFFIXES]


def _rendered(page: IO[bytes], command: str, file: IO[bytes]) -> None:
    note = PngInfo()
    note.add_text("Description", command)
    with PdfDocument(page) as document:
        picture = document[0].render(scale=DPI / 72).to_pil()
    picture.save(file, "png", pnginfo=note, dpi=(DPI, DPI), compress_level=2)


def remove(stem: Path) -> None:
    """Remove the files of a figure that cannot be drawn, so that no stale one stays."""
    for suffix in SUFFIXES:
        files.remove(stem.with_suffix(suffix))
