"""How scores are spread: over all runs of a model, and over the seeds of each of its strengths."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from bench.analysis.agreement import TooFewRunsError
from bench.analysis.intervals import iqm
from bench.analysis.names import title
from bench.analysis.strengths import of_runs
from bench.report.figures.panels import (
    Drawn,
    dataset_scores,
    metrics_of,
    model_keys,
    palette_of,
    panel_grid,
    sizes_of,
    titled,
)
from bench.report.style import dataset_title, model_title

Floats = NDArray[np.float64]
FEW = 10  # runs below which their density is not drawn, but they are
SHOWN = 60  # runs up to which each is drawn
SPARSE = 8  # violins in a panel up to which there is room for the runs inside them
MARKS = "bar: median, circle: interquartile mean"


def scores_by_model(table: pd.DataFrame, dataset: str, budget: str) -> Drawn:
    """Figures 3 and 13: the distribution of each score over all runs of each model, on one data set."""
    rows, names = _rows(table, dataset)
    models = sorted(rows["model"].unique())
    figure, axes = panel_grid(len(names), 3, 1.55, sharex=True)
    palette = palette_of(table)
    for ax, name in zip(axes, names, strict=True):
        _violins(ax, rows[rows["name"] == name], "model", models, [palette[m] for m in models])
        ax.set_title(title(name), fontsize=9)
    for ax in axes[-min(3, len(axes)) :]:
        ax.set_xticks(range(len(models)), [model_title(m) for m in models], rotation=45, ha="right", fontsize=7,
                      rotation_mode="anchor")  # fmt: skip
        ax.tick_params(labelbottom=True)
    titled(figure, f"{dataset_title(dataset)}: scores of each model", sizes_of(rows), budget, MARKS)
    return figure, rows


def scores_by_strength(table: pd.DataFrame, dataset: str, budget: str) -> Drawn:
    """Figures 3 (right) and 14: the distribution of each score over the seeds of each strength of each model."""
    rows, names = _rows(table, dataset)
    rows = rows[rows["strength"].notna()]
    strengths = rows.groupby("model")["strength"].nunique()
    if rows.empty or strengths.max() < 2:
        raise TooFewRunsError(f"no model has runs of two strengths on {dataset}")
    order = sorted({(m, int(s)) for m, s in zip(rows["model"], rows["strength"], strict=True)})
    labels = [f"{m} {s}" for m, s in order]
    rows = rows.assign(setting=rows["model"] + " " + rows["strength"].astype(str))
    palette = palette_of(table)
    figure, axes = panel_grid(len(names), 1, 1.15, sharex=True)
    figure.set_size_inches(7.2, figure.get_figheight())
    for ax, name in zip(axes, names, strict=True):
        _violins(ax, rows[rows["name"] == name], "setting", labels, [palette[m] for m, _ in order])
        ax.set_ylabel(title(name).replace(" ", "\n", 1), fontsize=8)
        for k in range(1, len(order)):
            if order[k][0] != order[k - 1][0]:
                ax.axvline(k - 0.5, color="0.8", linewidth=0.6)
    axes[-1].set_xticks(range(len(order)), [str(s) for _, s in order], fontsize=7)
    axes[-1].set_xlabel("regularisation strength (index into the model's published values)")
    keys = model_keys(sorted(strengths.index), palette, linewidth=5)
    titled(figure, f"{dataset_title(dataset)}: scores of each strength", sizes_of(rows), budget, MARKS, keys)
    return figure, rows.drop(columns="setting")


def _rows(table: pd.DataFrame, dataset: str) -> tuple[pd.DataFrame, list[str]]:
    names = metrics_of(table, dataset_scores(table, dataset))
    kept = ["dataset", "model", "strength", "value", "seed", "run", "name", "score"]
    return of_runs(table[table["dataset"] == dataset], names)[kept], names


def _violins(ax: Axes, rows: pd.DataFrame, by: str, order: list[str], colours: list[Any]) -> None:
    """Densities where there are enough runs, the runs themselves where there are not too many."""
    groups = {key: group["score"].to_numpy() for key, group in rows.groupby(by)}
    places = {k: (place, c) for place, (k, c) in enumerate(zip(order, colours, strict=True)) if k in groups}
    dense = {k for k, v in groups.items() if len(v) >= FEW and np.ptp(v) > 0}
    shapes = [_density(groups[k], p) for k, (p, _) in places.items() if k in dense]
    edges = [c for k, (_, c) in places.items() if k in dense]
    pale = [sns.light_palette(c, 3)[1] for c in edges]
    ax.add_collection(PolyCollection(shapes, facecolors=pale, edgecolors=edges, linewidths=0.8), autolim=True)
    for key, (place, colour) in places.items():
        if len(groups[key]) <= SHOWN and (key not in dense or len(order) <= SPARSE):
            spread = np.linspace(-0.18, 0.18, len(groups[key])) if len(groups[key]) > 1 else 0
            ax.scatter(place + spread, groups[key], s=4, color="0.25" if key in dense else colour, linewidth=0)
    x = np.array([place for place, _ in places.values()])
    middles, trimmed = (np.array([float(f(groups[k])) for k in places]) for f in (np.median, iqm))
    ax.hlines(middles, x - 0.28, x + 0.28, color="black", linewidth=1.2)
    ax.scatter(x, trimmed, s=9, facecolor="white", edgecolor="black", linewidth=0.7, zorder=3)
    ax.set_xlim(-0.6, len(order) - 0.4)
    ax.locator_params(axis="y", nbins=5)
    ax.tick_params(labelsize=7)


def _density(values: Floats, place: int) -> Floats:
    """The outline of a violin (points, 2): Gaussian kernel density between the lowest and the highest value."""
    grid = np.linspace(values.min(), values.max(), 60)
    width = gaussian_kde(values)(grid)
    width *= 0.42 / width.max()
    return np.concatenate([np.stack([place + width, grid], 1), np.stack([place - width, grid], 1)[::-1]])
