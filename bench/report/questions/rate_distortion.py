"""Reconstruction against KL across regularisation strengths, coloured by disentanglement (Alemi et al. 2018)."""

from collections.abc import Iterator
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from bench.analysis.names import dataset_title
from bench.analysis.scores.agreement import TooFewRunsError, wide
from bench.report.figures.panels import label_edges, model_keys, panel_grid, sizes_of
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import MARKERS, titled

RING, EQUAL = "0.3", "0.85"
NEEDED = ["reconstruction", "kl", "mig"]


def draw_rate_distortion(study: Asked) -> Iterator[NamedDrawing]:
    """A panel a data set: a point a run, a line through the medians of each model's strengths."""
    scores = wide(study.table).reindex(columns=NEEDED).dropna().reset_index()
    if scores.empty:
        raise TooFewRunsError(f"runs with {', '.join(NEEDED)} are needed: train VAEs, score with metric=[elbo,mig]")
    datasets, models = (list(dict.fromkeys(scores[c])) for c in ("dataset", "model"))
    figure, axes, _ = panel_grid(len(datasets), 2.3)
    colour = Normalize(0, float(scores["mig"].max()))
    markers = dict(zip(models, cycle(MARKERS), strict=False))
    for ax, dataset in zip(axes, datasets, strict=True):
        _panel(ax, scores[scores["dataset"] == dataset], markers, colour)
        ax.set_title(dataset_title(str(dataset)))
    label_edges(axes, "rate: KL (nats)", "distortion: reconstruction (nats)")
    figure.colorbar(axes[-1].collections[-1], ax=axes, label="MIG", shrink=0.85)
    handles, labels = model_keys(models, {m: {"color": "0.3", "marker": markers[m]} for m in models}, line=False)
    ring = Line2D([], [], linestyle="", marker="o", markersize=7, markerfacecolor="none", markeredgecolor=RING)
    line = Line2D([], [], color=EQUAL)
    keys = [*handles, ring, line], [*labels, "median of the largest strength", "equal ELBO"]
    heading = "Rate and distortion at each strength"
    note = (
        "A point is a run. Dark lines join the medians of a model's strengths, of which a ring has the largest. "
        "On a light line the ELBO is the same."
    )
    titled(figure, heading, sizes_of(scores), study.plan.schedules, note, keys)
    yield "rate_distortion", figure, scores


def _panel(ax: Axes, runs: pd.DataFrame, markers: dict[str, str], colour: Normalize) -> None:
    for model, of_model in runs.groupby("model"):
        middle = of_model.groupby("value")[["kl", "reconstruction"]].median()  # without models that sweep nothing
        ax.plot(middle["kl"], middle["reconstruction"], color="0.7", linewidth=0.8, zorder=1)
        ax.scatter(middle["kl"][-1:], middle["reconstruction"][-1:], s=55, facecolors="none", edgecolors=RING,
                   linewidth=0.8, zorder=1)  # fmt: skip
        ax.scatter(of_model["kl"], of_model["reconstruction"], c=of_model["mig"], norm=colour, cmap="viridis", s=14,
                   zorder=2, marker=markers[str(model)], edgecolor="black", linewidth=0.4)  # fmt: skip
    ax.margins(0.12)
    _equal_bounds(ax)


def _equal_bounds(ax: Axes) -> None:
    """Lines on which rate + distortion is the same."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for total in np.linspace(left + bottom, right + top, 8)[1:-1]:
        ax.plot([left, right], [total - left, total - right], color=EQUAL, linewidth=0.7, zorder=0)
    ax.set(xlim=(left, right), ylim=(bottom, top))
