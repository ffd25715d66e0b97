"""Manifold flattening: lines between two images, in pixels and in codes."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bench.analysis.names import dataset_title, setting_of
from bench.analysis.representations.interpolation import between, midpoint_distances
from bench.analysis.scores.agreement import TooFewRunsError
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import PAGE, new_figure, titled
from bench.study.run import Run

PAIRS, REAL = 200, 5_000  # pairs measured; images that count as real
SHOWN, STEPS = 3, 9  # pairs drawn, and pictures on each line
SEED = 2019
COLOURS = {"pixels": "#d55e00", "codes": "#0072b2", "decoded": "0.5"}
WORDS = {"pixels": "midpoint of pixels", "codes": "midpoint of codes", "decoded": "image, decoded"}


def draw_interpolation(study: Asked) -> Iterator[NamedDrawing]:
    """A picture for the first run on each data set that was trained by gradient steps: strips, and distances."""
    firsts: dict[str, Run] = {}
    for run in study.trained():
        if not run.fitted:
            firsts.setdefault(run.dataset, run)
    if not firsts:
        raise TooFewRunsError(f"study {study.plan.name!r} has no trained autoencoder: {study.to_train}")
    for run in firsts.values():
        yield _picture(study, run)


def _picture(study: Asked, run: Run) -> NamedDrawing:
    learner, source = study.learner(run), study.data(run)
    pairs = min(PAIRS, len(source) // 3)
    index = np.random.default_rng(SEED).choice(len(source), min(2 * pairs + REAL, len(source)), replace=False)
    first, second = source.images(index[:pairs]), source.images(index[pairs : 2 * pairs])
    real = source.images(index[2 * pairs :])
    numbers = pd.DataFrame(midpoint_distances(first, second, real, learner.encode, learner.decode))
    a, b = learner.encode(first[:SHOWN])[0], learner.encode(second[:SHOWN])[0]
    steps = between(a, b, STEPS)
    lines = learner.decode(steps.reshape(-1, a.shape[1])).reshape(STEPS, SHOWN, *first.shape[1:])
    figure = new_figure(PAGE, 2.6)
    left, right = figure.subplots(1, 2, width_ratios=[1.6, 1])
    strips = np.stack([between(first[:SHOWN], second[:SHOWN], STEPS), lines], axis=2)  # step, pair, kind
    left.imshow(_mosaic(strips), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    size = first.shape[1] + 1
    left.set_yticks([(r + 0.5) * size for r in range(2 * SHOWN)], ["pixels", "codes"] * SHOWN)
    left.set_xticks([])
    left.tick_params(length=0)
    left.spines[:].set_visible(False)
    edges = np.linspace(float(numbers.to_numpy().min()), float(numbers.to_numpy().max()), 25)
    for name, colour in COLOURS.items():
        right.hist(numbers[name], edges, histtype="step", color=colour, linewidth=1.3)
        right.axvline(numbers[name].mean(), color=colour, linewidth=1, linestyle="--")
    right.set(xlabel="RMS distance to the nearest image", ylabel="pairs")
    keys = [Line2D([], [], color=c) for c in COLOURS.values()]
    labels = [f"{WORDS[n]}: mean {numbers[n].mean():.3f}" for n in COLOURS]
    heading = f"{dataset_title(run.dataset)}: between two images, by pixels and by codes of {setting_of(run)}"
    counts = f"one run, {pairs:,} pairs, {len(index) - 2 * pairs:,} other images"
    note = "Right: distance to the nearest of the other images; dashed: the means."
    titled(figure, heading, counts, run.training, note, (keys, labels))
    return f"interpolation_{run.dataset}", figure, numbers.rename_axis("pair").reset_index()


def _mosaic(strips: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pictures (steps, pairs, 2, height, width, channels) as one: a row for each pair and kind, white lines between."""
    steps, pairs, kinds, height, width, channels = strips.shape
    framed = np.ones((pairs, kinds, steps, height + 1, width + 1, channels), np.float32)
    framed[..., :height, :width, :] = strips.transpose(1, 2, 0, 3, 4, 5)
    rows = framed.transpose(0, 1, 3, 2, 4, 5).reshape(pairs * kinds * (height + 1), steps * (width + 1), channels)
    return rows.squeeze()
