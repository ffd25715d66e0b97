"""Semantic clusterability: images and their codes laid out in the plane by t-SNE, coloured by class."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench import data
from bench.analysis.names import dataset_title, setting_of
from bench.analysis.scores.agreement import TooFewRunsError
from bench.metrics.clusterability import clusterability
from bench.report.figures.panels import panel_grid
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import NOTE, colours, titled
from bench.scoring.codes import encode
from bench.study.run import Run

ROWS, SHOWN = 4_000, 1_000  # scored, half of them as training rows; laid out
MOST_CLASSES = 20
SEED = 2019


def draw_clusters(study: Asked) -> Iterator[NamedDrawing]:
    """Pixels beside the codes of the first run of each model, on the first data set with a single factor."""
    runs = _first_of_models(study)
    source = study.data(runs[0])
    index = np.random.default_rng(SEED).choice(len(source), min(ROWS, len(source)), replace=False)
    classes = source.factors(index)
    if len(np.unique(classes)) < 2:
        raise TooFewRunsError(f"the {len(index)} images of {runs[0].dataset} that are shown are of one class")
    codes = {"pixels": source.images(index).reshape(len(index), -1)}
    codes |= {run.setting: encode(study.learner(run), source, index, device="cpu").mean for run in runs}
    layouts = [_layout(name, array, classes) for name, array in codes.items()]
    figure, axes, _ = panel_grid(len(layouts), 2.2)
    headings = ["pixels", *(setting_of(run) for run in runs)]
    for ax, numbers, heading_of_panel in zip(axes, layouts, headings, strict=True):
        _panel(ax, numbers)
        ax.set_title(heading_of_panel)
    heading = f"{dataset_title(runs[0].dataset)}: t-SNE of pixels and of codes"
    note = f"Scores are of {len(index):,} images, half of them the neighbours that vote."
    schedules = "; ".join(dict.fromkeys(run.training for run in sorted(runs, key=lambda run: run.fitted)))
    titled(figure, heading, f"one run a model, {min(SHOWN, len(index)):,} images", schedules, note)
    yield "clusters", figure, pd.concat(layouts, ignore_index=True)


def _first_of_models(study: Asked) -> list[Run]:
    """The first finished run of each model on the first data set of one factor with few classes.

    Raises:
        TooFewRunsError: there is none.
    """
    firsts: dict[str, Run] = {}
    for run in study.trained():
        sizes = data.card(run.dataset).factor_sizes
        suitable = len(sizes) == 1 and sizes[0] <= MOST_CLASSES
        if suitable and run.dataset == next(iter(firsts.values()), run).dataset:
            firsts.setdefault(run.named, run)
    if not firsts:
        raise TooFewRunsError(f"study {study.plan.name!r} has no trained run on a data set of classes, such as mnist")
    return list(firsts.values())


def _layout(name: str, codes: NDArray[Any], classes: NDArray[np.int64]) -> pd.DataFrame:
    """A row an image: x, y, label; and the scores of the code, the same in each row."""
    from sklearn.manifold import TSNE

    half = len(codes) // 2
    scores = clusterability(codes[:half], classes[:half], codes[half:], classes[half:])
    sample = codes[:SHOWN].astype(np.float64)
    positions = TSNE(perplexity=min(30, (len(sample) - 1) / 3), random_state=SEED, init="pca").fit_transform(sample)
    numbers = pd.DataFrame({"code": name, "x": positions[:, 0], "y": positions[:, 1], "label": classes[:SHOWN, 0]})
    return numbers.assign(**{n: v for n, v in scores.items() if "/" not in n})


def _panel(ax: Axes, numbers: pd.DataFrame) -> None:
    labels = sorted(numbers["label"].unique())
    palette = colours([str(label) for label in labels])
    for label in labels:
        of_label = numbers[numbers["label"] == label]
        for x, y in of_label[["x", "y"]].to_numpy():
            ax.text(x, y, str(label), color=palette[str(label)], fontsize=NOTE, ha="center", va="center", clip_on=True)
    ax.set(xlim=_limits(numbers["x"]), ylim=_limits(numbers["y"]), xticks=[], yticks=[])
    scores = numbers.iloc[0]
    ax.set_xlabel(
        f"k-NN {scores['knn_accuracy']:.2f}, silhouette {scores['silhouette']:.2f}\n"
        f"k-means: NMI {scores['kmeans_nmi']:.2f}, ARI {scores['kmeans_ari']:.2f}"
    )


def _limits(values: pd.Series) -> tuple[float, float]:
    margin = 0.03 * float(np.ptp(values))
    return float(values.min()) - margin, float(values.max()) + margin
