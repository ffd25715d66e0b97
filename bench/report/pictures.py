"""Pictures of trained models: reconstructions and latent traversals."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.data import load_data
from bench.data.base import DataSet
from bench.data.pooled import at_size
from bench.grid import Plan, Run
from bench.models.base import Learner
from bench.report.style import dataset_title, footnote, new_figure, save
from bench.store import RunFolder, Store

Images = NDArray[np.float32]
SHOWN = 9
SPAN = 2.5
MOST_DIMS = 16  # traversals on a page


def draw_models(plan: Plan, store: Store, load_learner: Callable[[Run, RunFolder], Learner]) -> list[Path]:
    """One page for the first seed of every setting's middle strength: a picture for each (data set, model)."""
    pictures = []
    for run in _shown(plan, store):
        data = at_size(load_data(run.dataset), run.schedule.image_size)
        learner = load_learner(run, store.run(run.id))
        figure, drawn = model_page(learner, data, run)
        stem = store.study(plan.name) / "models" / f"{run.dataset}_{run.model}"
        pictures.append(save(figure, drawn, stem, f"python -m bench report study={plan.name}")[1])
    return pictures


def _shown(plan: Plan, store: Store) -> list[Run]:
    """The middle run, by strength, of each finished (data set, model) group."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in plan.runs:
        if store.run(run.id).state() == "done":
            groups.setdefault((run.dataset, run.model), []).append(run)
    ordered = [sorted(g, key=lambda r: (r.seed, r.value or 0)) for g in groups.values()]
    firsts = [[r for r in g if r.seed == g[0].seed] for g in ordered]
    return [g[len(g) // 2] for g in firsts]


def model_page(learner: Learner, data: DataSet, run: Run) -> tuple[Figure, pd.DataFrame]:
    """Reconstructions above, a traversal of each latent dimension below; the numbers: each dimension's statistics.

    Dimensions come in falling order of KL divergence from the prior (of variance, where a code has no variance of
    its own), so the ones that carry something are on top.
    """
    index = np.random.default_rng(run.seed).choice(len(data), 512, replace=False)
    images = data.images(index)
    mean, logvar = learner.encode(images)
    statistics = _statistics(mean, logvar)
    reconstructed = learner.decode(mean[:SHOWN])
    dims = list(statistics["dim"])[:MOST_DIMS]
    walks = [_traversal(learner, mean[0], int(d)) for d in dims]
    figure = new_figure(0.5 * SHOWN + 0.9, 0.5 * (len(dims) + 2) + 1.0)
    upper, lower = figure.subplots(2, 1, height_ratios=[2, len(dims)])
    _grid(upper, [images[:SHOWN], reconstructed], ["image", "decoded"], "Reconstructions")
    labels = [f"z{d}  {s:.2f}" for d, s in zip(dims, statistics.iloc[:, 1], strict=False)]
    what = "KL, nats" if logvar is not None else "variance"
    _grid(lower, walks, labels, f"Traversals from -{SPAN:g} to {SPAN:g} (dimension, {what})")
    figure.suptitle(f"{dataset_title(run.dataset)}: {run.setting}, seed {run.seed}", fontsize=10)
    footnote(figure, "fitted directly" if run.fitted else run.schedule.label)
    return figure, statistics


def _statistics(mean: Images, logvar: Images | None) -> pd.DataFrame:
    if logvar is None:
        carried, what = mean.var(axis=0), "variance"
    else:
        carried, what = 0.5 * (mean**2 + np.exp(logvar) - logvar - 1).mean(axis=0), "kl"
    order = np.argsort(-carried)
    return pd.DataFrame({"dim": order, what: carried[order], "mean_variance": mean.var(axis=0)[order]})


def _traversal(learner: Learner, code: Images, dim: int) -> Images:
    walk = np.repeat(code[None], SHOWN, axis=0)
    walk[:, dim] = np.linspace(-SPAN, SPAN, SHOWN)
    return learner.decode(walk)


def _grid(ax: Axes, rows: list[Images], labels: list[str], heading: str) -> None:
    """Rows of images as one mosaic with white lines between them."""
    size = rows[0].shape[1]
    mosaic = np.ones((len(rows), SHOWN, size + 1, size + 1, rows[0].shape[3]), np.float32)
    mosaic[:, :, :size, :size] = np.stack(rows)
    picture = mosaic.transpose(0, 2, 1, 3, 4).reshape(len(rows) * (size + 1), SHOWN * (size + 1), -1)
    ax.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_yticks([(i + 0.5) * (size + 1) - 1 for i in range(len(rows))], labels)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(heading, fontsize=8.5)
