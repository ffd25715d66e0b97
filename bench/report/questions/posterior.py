"""Dependence between dimensions: of sampled codes, which objectives act on, and of mean codes, which are used."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import MI, TC, dataset_title, model_title, title
from bench.analysis.posterior import posterior_gap
from bench.report.figures.panels import sizes_of
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import COLUMN, PAGE, new_figure, titled

COLOURS = {"mean": "#d55e00", "sampled": "#0072b2"}


def draw_posterior(asked: Asked) -> Iterator[NamedDrawing]:
    """A column a data set, a row a score: the two medians of each setting, joined by the gap between them."""
    found = posterior_gap(asked.table)
    datasets, names = list(dict.fromkeys(found["dataset"])), [n for n in (TC, MI) if n in set(found["name"])]
    height = (0.15 * _settings(found) + 0.5) * len(names)
    figure = new_figure(COLUMN if len(datasets) == 1 else PAGE, height)
    axes = figure.subplots(len(names), len(datasets), squeeze=False, sharey=True, sharex="row")
    for row, name in zip(axes, names, strict=True):
        for ax, dataset in zip(row, datasets, strict=True):
            _gaps(ax, found[found["dataset"].eq(dataset) & found["name"].eq(name)])
            ax.set_xlabel(f"{title(name).lower()} (nats)")
            ax.set_title(dataset_title(str(dataset)) if name == names[0] else "")
    heading = "Dependence between the dimensions of sampled and of mean codes"
    note = "A prior acts on sampled codes, mean codes are used. Marks: median over the seeds of a setting."
    keys = axes[0, 0].get_legend_handles_labels()
    titled(figure, heading, sizes_of(found), asked.plan.budget, note, keys)
    yield "posterior", figure, found


def _settings(found: pd.DataFrame) -> int:
    return len(found[["model", "value"]].drop_duplicates())


def _gaps(ax: Axes, found: pd.DataFrame) -> None:
    middle = found.groupby(["model", "value"], dropna=False)[list(COLOURS)].median()
    places = range(len(middle))
    ax.hlines(places, middle["sampled"], middle["mean"], color="0.75", linewidth=2)
    for kind, colour in COLOURS.items():
        ax.scatter(middle[kind], places, s=12, color=colour, zorder=2, label=f"{kind} codes",
                   marker="o" if kind == "mean" else "s")  # fmt: skip
    labels = [model_title(m) if pd.isna(v) else f"{model_title(m)} {v:g}" for m, v in middle.index]
    ax.set_yticks(places, labels)
    ax.set_ylim(len(middle) - 0.5, -0.5)
    ax.grid(axis="x", color="0.92", linewidth=0.6)
