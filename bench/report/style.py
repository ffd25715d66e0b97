"""How every figure looks and is saved: legible at column width, colour-blind safe, its budget printed on it."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

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


def new_figure(width: float, height: float) -> Figure:
    """A figure of a size in inches, in the house style, that no global state knows of."""
    mpl.rcParams.update(SETTINGS)
    figure = Figure(figsize=(width, height), layout="constrained")
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

    Raises:
        ValueError: nothing was drawn.
    """
    if drawn.empty:
        raise ValueError(f"{stem.name}: a figure without numbers is not a figure")
    paths = [stem.with_suffix(s) for s in SUFFIXES]
    with writing(paths[0]) as file:  # not by savefig, which draws twice
        FigureCanvasPdf(figure).print_pdf(file, metadata={"Subject": command, "CreationDate": None})
    figure.set_layout_engine("none")  # it is laid out: once is enough
    figure.set_dpi(DPI)  # pdf has 72
    with writing(paths[1]) as file:
        FigureCanvasAgg(figure).print_png(file, metadata={"Description": command})
    with writing(paths[2]) as file:
        file.write(drawn.to_csv(index=False).encode())
    return paths


def remove(stem: Path) -> None:
    """Take away a figure that can no longer be drawn, so that no stale one stays."""
    for suffix in SUFFIXES:
        stem.with_suffix(suffix).unlink(missing_ok=True)
