"""Distributions of scores: over all runs of a model, and over the seeds of each of its strengths."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from bench.analysis.names import dataset_title, model_title, title
from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.scores.strengths import of_runs
from bench.analysis.statistics.intervals import iqm
from bench.report.figures.fences import fence_note, fenced, fences
from bench.report.figures.panels import (
    Drawn,
    bottom_of,
    broken,
    dataset_scores,
    looks_of,
    metrics_of,
    panel_grid,
    shown_of,
    sizes_of,
)
from bench.report.style import LABEL, PAGE, TICK, Picture, breadth, new_figure, titled

Floats = NDArray[np.float64]
FEW = 10  # for fewer runs no density is drawn, only the runs
SHOWN = 60  # the most runs that are drawn one by one
SPARSE = 8  # the most violins in a panel with room for runs inside them
MARKS = "Bars: median; circles: interquartile mean; dots: runs, where they are few."


def scores_by_model(table: pd.DataFrame, dataset: str, schedules: str, every: bool = False) -> Drawn:
    """Figures 3 and 13: the distribution of each score over all runs of each model, on one data set."""
    rows, names, far = _rows(table, dataset, every)
    models = sorted(rows["model"].unique())
    figure, axes, _ = panel_grid(len(names), 1.3, sharex=True)
    styles = looks_of(table)
    for ax, name in zip(axes, names, strict=True):
        _violins(ax, rows[rows["name"] == name], "model", models, [styles[m]["color"] for m in models])
        ax.set_title(title(name))
    longest = max(breadth(figure, model_title(m), TICK) for m in models)
    figure.set_figheight(figure.get_figheight() + longest)
    for ax in bottom_of(axes):
        ax.set_xticks(range(len(models)), [model_title(m) for m in models], rotation=90)
    titled(figure, f"{dataset_title(dataset)}: scores of each model", sizes_of(rows), schedules, MARKS + far)
    return figure, rows.drop(columns="shown")


def scores_by_strength(table: pd.DataFrame, dataset: str, schedules: str, every: bool = False) -> Drawn:
    """Figures 3 (right) and 14: the distribution of each score over the seeds of each strength of each model."""
    rows, names, far = _rows(table, dataset, every)
    rows = rows[rows["strength_index"].notna()]
    strengths = rows.groupby("model")["strength_index"].nunique()
    if rows.empty or strengths.max() < 2:
        raise TooFewRunsError(f"no model has runs of two strengths on {dataset}")
    settings = rows.drop_duplicates(["model", "strength_index"]).sort_values(["model", "strength_index"])
    order = [(m, int(s)) for m, s in zip(settings["model"], settings["strength_index"], strict=True)]
    labels = [f"{m} {s}" for m, s in order]
    rows = rows.assign(setting=rows["model"] + " " + rows["strength_index"].astype(str))
    styles = looks_of(table)
    figure = new_figure(PAGE, 0.95 * len(names) + 0.4)
    axes = figure.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0]
    starts = [k for k, (m, _) in enumerate(order) if k == 0 or order[k - 1][0] != m]
    for ax, name in zip(axes, names, strict=True):
        _violins(ax, rows[rows["name"] == name], "setting", labels, [styles[m]["color"] for m, _ in order])
        ax.set_ylabel(broken(title(name)))
        for k in starts[1:]:
            ax.axvline(k - 0.5, color="0.8", linewidth=0.6)
    _setting_axis(figure, axes[-1], settings, starts)
    for ax in axes:
        ax.tick_params(axis="x", which="minor", length=0)
    heading = f"{dataset_title(dataset)}: scores of each regularisation strength"
    titled(figure, heading, sizes_of(rows), schedules, MARKS + far)
    return figure, rows.drop(columns=["setting", "shown"])


def _setting_axis(figure: Picture, ax: Axes, settings: pd.DataFrame, starts: Sequence[int]) -> None:
    """Label an axis of settings by their values, and below them by model and hyper-parameter."""
    values = [f"{v:g}" if pd.notna(v) else f"index {i}" for v, i in settings[["value", "strength_index"]].to_numpy()]
    widest = max(breadth(figure, v, TICK) for v in values)
    rotated = widest > 0.75 * PAGE / len(values)  # of the width of a label
    ax.set_xticks(range(len(values)), values, rotation=90 if rotated else 0)
    names = settings["model"].map(model_title) + "\n" + settings["hyperparameter"].fillna("")
    titles = [names.iloc[k] for k in starts]
    rotation = 0 if max(breadth(figure, t, LABEL) for t in titles) < 0.85 * PAGE / len(starts) else 90
    middles = [(a + b - 1) / 2 for a, b in pairwise([*starts, len(values)])]
    ax.xaxis.remove_overlapping_locs = False  # keeps both labels of the middle of three settings
    ax.set_xticks(middles, titles, minor=True, fontsize=LABEL, rotation=rotation)
    longest = max(breadth(figure, t, LABEL) for t in titles)
    figure.set_figheight(figure.get_figheight() + (widest if rotated else 0) + (longest if rotation else 0))
    ax.tick_params(axis="x", which="minor", pad=12 + 72 * widest if rotated else 9 + TICK)


def _rows(table: pd.DataFrame, dataset: str, every: bool) -> tuple[pd.DataFrame, list[str], str]:
    """A row a run and score, `shown` where it is drawn; the names of the scores; a note on far runs."""
    scores = dataset_scores(table, dataset)
    names = shown_of(metrics_of(table, scores), every)
    columns = ["dataset", "model", "hyperparameter", "strength_index", "value", "seed", "run", "name", "score"]
    rows, at = of_runs(table[table["dataset"] == dataset], names)[columns], fences(scores, names)
    return rows.assign(shown=fenced(rows["score"], rows["name"], at)), names, fence_note(scores, at)


def _violins(ax: Axes, rows: pd.DataFrame, by: str, order: list[str], colours: list[Any]) -> None:
    """Densities if there are enough runs, and the runs themselves if there are not too many."""
    groups = {key: group["shown"].to_numpy() for key, group in rows.groupby(by)}
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


def _density(values: Floats, place: int) -> Floats:
    """The outline of a violin (points, 2): Gaussian kernel density between the lowest and the highest value."""
    grid = np.linspace(values.min(), values.max(), 60)
    width = gaussian_kde(values)(grid)
    width *= 0.42 / width.max()
    return np.concatenate([np.stack([place + width, grid], 1), np.stack([place - width, grid], 1)[::-1]])
