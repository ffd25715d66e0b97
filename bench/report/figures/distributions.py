"""How scores are spread: over all runs of a model, and over the seeds of each of its strengths."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from bench.analysis.agreement import TooFewRunsError
from bench.analysis.intervals import iqm
from bench.analysis.names import title
from bench.analysis.strengths import of_runs
from bench.report.figures.panels import (
    Drawn,
    dataset_scores,
    metrics_of,
    model_legend,
    palette_of,
    panel_grid,
    sizes_of,
    titled,
)
from bench.report.style import dataset_title, model_title

FEW = 10  # runs below which their density is not drawn, but they are
SHOWN = 60  # runs up to which each is drawn
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
        ax.set_xticks(range(len(models)), [model_title(m) for m in models], rotation=50, ha="right", fontsize=8)
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
    model_legend(figure, sorted(strengths.index), palette, linewidth=5)
    titled(figure, f"{dataset_title(dataset)}: scores of each strength", sizes_of(rows), budget, MARKS)
    return figure, rows.drop(columns="setting")


def _rows(table: pd.DataFrame, dataset: str) -> tuple[pd.DataFrame, list[str]]:
    names = metrics_of(table, dataset_scores(table, dataset))
    kept = ["dataset", "model", "strength", "value", "seed", "run", "name", "score"]
    return of_runs(table[table["dataset"] == dataset], names)[kept], names


def _violins(ax: Axes, rows: pd.DataFrame, by: str, order: list[str], colours: list[Any]) -> None:
    """Densities where there are enough runs, the runs themselves where there are not too many."""
    groups = {key: group["score"].to_numpy() for key, group in rows.groupby(by)}
    dense = {k: v for k, v in groups.items() if len(v) >= FEW and np.ptp(v) > 0}
    for place, (name, colour) in enumerate(zip(order, colours, strict=True)):
        values = groups.get(name, np.array([]))
        if name in dense:
            _violin(ax, values, place, colour)
        if 0 < len(values) <= SHOWN and (name not in dense or len(order) <= 8):
            spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
            ax.scatter(place + spread, values, s=4, color=colour if name not in dense else "0.25", linewidth=0)
        if len(values):
            ax.hlines(np.median(values), place - 0.28, place + 0.28, color="black", linewidth=1.2)
            ax.scatter(place, float(iqm(values)), s=9, facecolor="white", edgecolor="black", linewidth=0.7, zorder=3)
    ax.set_xlim(-0.6, len(order) - 0.4)
    ax.tick_params(labelsize=7)


def _violin(ax: Axes, values: Any, place: int, colour: Any) -> None:
    (body,) = ax.violinplot([values], [place], widths=0.85, showextrema=False, points=80)["bodies"]  # type: ignore[index, misc]
    body.set(facecolor=sns.light_palette(colour, 3)[1], edgecolor=colour, alpha=1, linewidth=0.8)
