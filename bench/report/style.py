"""How every figure looks and is saved: legible at column width, colour-blind safe, its budget printed on it."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import matplotlib as mpl
import pandas as pd
import pyarrow as pa
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from PIL.PngImagePlugin import PngInfo
from pyarrow.csv import write_csv
from pypdfium2 import PdfDocument

from bench.escaping import as_cells
from bench.report.fonts import families
from bench.store import writing

DATASET_TITLES = {
    "dsprites": "dSprites",
    "color_dsprites": "Color-dSprites",
    "noisy_dsprites": "Noisy-dSprites",
    "scream_dsprites": "Scream-dSprites",
    "smallnorb": "SmallNORB",
    "cars3d": "Cars3D",
    "shapes3d": "Shapes3D",
    "mnist": "MNIST",
}
MODEL_TITLES = {
    "beta_vae": "β-VAE",
    "annealed_vae": "AnnealedVAE",
    "factor_vae": "FactorVAE",
    "beta_tcvae": "β-TCVAE",
    "dip_vae_i": "DIP-VAE-I",
    "dip_vae_ii": "DIP-VAE-II",
    "pca": "PCA",
}
SUFFIXES = (".pdf", ".png", ".csv")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
DPI = 200
SETTINGS: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titley": 1.0,  # no figure has ticks above, of which every title would be kept clear, thrice
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "figure.dpi": DPI,
}


class _Layout(ConstrainedLayoutEngine):
    """Panels leave room for names and labels; their edges, which lie within, are not measured."""

    def execute(self, fig: Figure) -> None:
        for ax in fig.axes:
            for spine in ax.spines.values():
                spine.set_in_layout(False)
        super().execute(fig)


def new_figure(width: float, height: float) -> Figure:
    """A figure of a size in inches, in the house style, that no global state knows of."""
    mpl.rcParams.update(SETTINGS | {"font.family": families()})
    figure = Figure(figsize=(width, height), layout=_Layout())
    FigureCanvasAgg(figure)  # keeps its renderer, of which every text that is measured would make one
    return figure


def dataset_title(name: str) -> str:
    """How a data set is written in a figure."""
    return DATASET_TITLES.get(name, name)


def model_title(name: str) -> str:
    """How a model is written in a figure."""
    return MODEL_TITLES.get(name, name)


def colours(models: list[str]) -> dict[str, Any]:
    """A colour-blind safe colour for each model."""
    return dict(zip(models, sns.color_palette("colorblind", len(models)), strict=True))


def footnote(figure: Figure, text: str) -> None:
    """A line under the figure: what budget stands behind it."""
    figure.supxlabel(text, fontsize=7, color="0.35")


def save(figure: Figure, drawn: pd.DataFrame, stem: Path, command: str) -> list[Path]:
    """Write a figure as pdf and png, and the numbers drawn as csv; the command that made it is in their metadata.

    The png is the pdf rendered: matplotlib would draw the figure again, in five times as long.

    Raises:
        ValueError: nothing was drawn.
    """
    if drawn.empty:
        raise ValueError(f"{stem.name}: a figure without numbers is not a figure")
    for text in figure.findobj(Text):
        if "$" in text.get_text() and not text.get_text().startswith(r"$\mathdefault"):  # of an axis in powers of ten
            text.set_parse_math(False)  # a name with a dollar in it is no formula
    page = io.BytesIO()
    FigureCanvasPdf(figure).print_pdf(page, metadata={"Subject": command, "CreationDate": None})
    written: dict[str, Callable[[IO[bytes]], object]] = {
        ".pdf": lambda file: file.write(page.getbuffer()),
        ".png": lambda file: _rendered(page, command, file),
        ".csv": lambda file: write_csv(pa.Table.from_pandas(as_cells(drawn), preserve_index=False), file),
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
    """Take away a figure that can no longer be drawn, so that no stale one stays."""
    for suffix in SUFFIXES:
        stem.with_suffix(suffix).unlink(missing_ok=True)
