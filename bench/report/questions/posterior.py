"""Dependence between dimensions of sampled codes, on which objectives act, and of mean codes, which are used."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import dataset_title, model_title, title
from bench.analysis.scores.posterior import posterior_gap
from bench.report.figures.panels import panel_grid, sizes_of
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import titled
from bench.study.run import ON

COLOURS = {"mean": "#d55e00", "sampled": "#0072b2"}


def draw_posterior(study: Asked) -> Iterator[NamedDrawing]:
    """A panel a score and data set: the two medians of each setting, joined by the gap between them."""
    gaps = posterior_gap(study.table)
    places = list(gaps.groupby(["name", "dataset"], sort=False))
    settings = [_label(*setting) for setting, _ in gaps.groupby(["model", "value"], dropna=False)]
    figure, axes, _ = panel_grid(len(places), 0.13 * len(settings) + 0.4, sharey=True)
    for ax, ((name, dataset), part) in zip(axes, places, strict=True):
        _gaps(ax, part, settings)
        ax.set_xlabel(f"{title(str(name)).lower()} (nats)")
        ax.set_title(dataset_title(str(dataset)))
    heading = "Dependence between the dimensions of sampled and of mean codes"
    note = "A prior acts on sampled codes, mean codes are used. Marks: median over the seeds of a setting."
    keys = axes[0].get_legend_handles_labels()
    titled(figure, heading, sizes_of(gaps), study.plan.schedules, note, keys)
    yield "posterior", figure, gaps


def _gaps(ax: Axes, gaps: pd.DataFrame, settings: list[str]) -> None:
    middle = gaps.groupby(["model", "value"], dropna=False)[list(COLOURS)].median()
    places = [settings.index(_label(*setting)) for setting in middle.index]
    ax.hlines(places, middle["sampled"], middle["mean"], color="0.75", linewidth=2)
    for kind, colour in COLOURS.items():
        ax.scatter(middle[kind], places, s=12, color=colour, zorder=2, label=f"{kind} codes",
                   marker="o" if kind == "mean" else "s")  # fmt: skip
    ax.set_yticks(range(len(settings)), settings)
    ax.set_ylim(len(settings) - 0.5, -0.5)
    ax.grid(axis="x", color="0.92", linewidth=0.6)


def _label(model: str, value: float) -> str:
    """A setting in words: the value stands beside the model, before what it was trained on.

    Example:
        >>> _label("beta_vae", 16), _label("beta_vae on x-y correlated, sigma 0.1", 16)
        ('β-VAE 16', 'β-VAE 16 on x-y correlated, sigma 0.1')
    """
    name, on, sampling = model_title(model).partition(ON)
    return model_title(model) if pd.isna(value) else f"{name} {value:g}{on}{sampling}"
