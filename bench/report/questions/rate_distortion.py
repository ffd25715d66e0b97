"""Reconstruction against KL across regularisation strengths, coloured by disentanglement (Alemi et al. 2018)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from bench.analysis.agreement import TooFewRunsError, wide
from bench.report.figures.panels import PAGE, model_keys, sizes_of, titled
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import MARKERS, dataset_title, new_figure

NEEDED = ["reconstruction", "kl", "mig"]


def draw_rate_distortion(asked: Asked) -> Iterator[NamedDrawing]:
    """A panel a data set: a point a run, a line through the medians of each model's strengths."""
    scores = wide(asked.table).reindex(columns=NEEDED).dropna().reset_index()
    if scores.empty:
        raise TooFewRunsError(
            f"runs with {', '.join(NEEDED)} are needed: train by gradient steps, score with metric mig"
        )
    datasets, models = (list(dict.fromkeys(scores[c])) for c in ("dataset", "model"))
    figure = new_figure(min(PAGE, 1 + 3.1 * len(datasets)), 3.6)
    axes = figure.subplots(1, len(datasets), squeeze=False)[0]
    colour = Normalize(0, float(scores["mig"].max()))
    markers = dict(zip(models, MARKERS * 3, strict=False))
    for ax, dataset in zip(axes, datasets, strict=True):
        _panel(ax, scores[scores["dataset"] == dataset], markers, colour)
        ax.set_title(dataset_title(str(dataset)), fontsize=9)
    axes[0].set_ylabel("distortion: reconstruction loss (nats)")
    points = axes[-1].collections[-1]
    figure.colorbar(points, ax=list(axes), label="MIG", shrink=0.85)
    keys, labels = model_keys(models, dict.fromkeys(models, "0.3"), linestyle="", markersize=5)
    for key, model in zip(keys, models, strict=True):
        key.set_marker(markers[model])
    heading = "Rate and distortion as regularisation grows; numbers: its value, grey: equal ELBO"
    titled(figure, heading, sizes_of(scores), asked.plan.budget, keys=(keys, labels))
    yield "rate_distortion", figure, scores


def _panel(ax: Axes, runs: pd.DataFrame, markers: dict[str, str], colour: Normalize) -> None:
    for model, own in runs.groupby("model"):
        middle = own.groupby("value")[["kl", "reconstruction"]].median()
        ax.plot(middle["kl"], middle["reconstruction"], color="0.7", linewidth=0.8, zorder=1)
        for value, point in middle.iterrows():
            ax.annotate(f"{value:g}", (point["kl"], point["reconstruction"]), xytext=(4, 4), fontsize=7,
                        textcoords="offset points")  # fmt: skip
        ax.scatter(own["kl"], own["reconstruction"], c=own["mig"], norm=colour, cmap="viridis", s=22, zorder=2,
                   marker=markers[str(model)], edgecolor="black", linewidth=0.4)  # fmt: skip
    ax.margins(0.12)
    _equal_bounds(ax)
    ax.set_xlabel("rate: KL (nats)")


def _equal_bounds(ax: Axes) -> None:
    """Lines on which rate + distortion is the same."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for total in np.linspace(left + bottom, right + top, 8)[1:-1]:
        ax.plot([left, right], [total - left, total - right], color="0.88", linewidth=0.7, zorder=0)
    ax.set(xlim=(left, right), ylim=(bottom, top))
