"""Pictures of trained models: reconstructions and latent traversals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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
    dims = list(statistics["dim"])
    walks = [_traversal(learner, mean[0], int(d)) for d in dims]
    figure = new_figure(0.5 * SHOWN + 0.9, 0.5 * (len(dims) + 2) + 1.1)
    upper, lower = figure.subfigures(2, 1, height_ratios=[2.5, len(dims) + 0.6])
    _grid(upper, [images[:SHOWN], reconstructed], ["image", "decoded"], "Reconstructions")
    labels = [f"z{d}  {s:.2f}" for d, s in zip(dims, statistics.iloc[:, 1], strict=True)]
    what = "KL, nats" if logvar is not None else "variance"
    _grid(lower, walks, labels, f"Traversals from -{SPAN:g} to {SPAN:g} (dimension, {what})")
    setting = run.model if run.value is None else f"{run.model}, value {run.value:g}"
    figure.suptitle(f"{dataset_title(run.dataset)}: {setting}, seed {run.seed}", fontsize=10)
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


def _grid(part: Any, rows: list[Images], labels: list[str], heading: str) -> None:
    axes = part.subplots(len(rows), SHOWN, squeeze=False, gridspec_kw={"wspace": 0.04, "hspace": 0.04})
    for line, images, label in zip(axes, rows, labels, strict=True):
        for ax, image in zip(line, images, strict=True):
            ax.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=7.5)
    part.suptitle(heading, fontsize=8.5)
