"""A point a run: statistical efficiency against metrics, and metrics against each other."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.agreement import TooFewRunsError, fewest_seeds, rank_correlations
from bench.analysis.names import accuracies, efficiencies, title
from bench.report.figures.panels import (
    PAGE,
    Drawn,
    dataset_scores,
    metrics_of,
    model_legend,
    palette_of,
    rng,
    standing_of,
    titled,
)
from bench.report.style import MARKERS, dataset_title, new_figure


def efficiency_scatter(table: pd.DataFrame, dataset: str, budget: str) -> Drawn:
    """Figures 6, 20 and 21: statistical efficiency against each metric on one data set, a point a run."""
    scores = dataset_scores(table, dataset)
    names, ratios = metrics_of(table, scores), efficiencies(scores.columns)
    if not ratios:
        raise TooFewRunsError(f"there are no statistical efficiencies on {dataset}")
    points = pd.concat([_points(scores, n, e) for e in ratios for n in names], ignore_index=True)
    points = points.rename(columns={"x": "score", "y": "efficiency_score", "x_name": "metric", "y_name": "efficiency"})
    figure = new_figure(max(4.2, min(PAGE * 1.25, 1.0 + 1.5 * len(names))), 1.2 + 1.6 * len(ratios))
    axes = figure.subplots(len(ratios), len(names), squeeze=False, sharex="col", sharey="row")
    palette = palette_of(table)
    for (ratio, name), ax in zip([(e, n) for e in ratios for n in names], axes.flat, strict=True):
        part = points[points["efficiency"].eq(ratio) & points["metric"].eq(name)]
        _scatter(ax, part.rename(columns={"score": "x", "efficiency_score": "y"}), palette)
    for ax, name in zip(axes[-1], names, strict=True):
        ax.set_xlabel(title(name))
    for ax, ratio in zip(axes[:, 0], ratios, strict=True):
        ax.set_ylabel(title(ratio))
    model_legend(figure, sorted(points["model"].unique()), palette, marker="o", linestyle="", markersize=4)
    heading = f"{dataset_title(dataset)}: statistical efficiency; ρ: Spearman [95% interval]"
    titled(figure, heading, standing_of(scores), budget, _sizes(scores))
    return figure, points


def metric_pairs(table: pd.DataFrame, dataset: str, budget: str) -> Drawn:
    """Figure 11: every metric against every other on one data set, a point a run."""
    scores = dataset_scores(table, dataset)
    names = metrics_of(table, scores, least=2)
    points = pd.concat([_points(scores, x, y) for x, y in combinations(names, 2)], ignore_index=True)
    last = len(names) - 1
    figure = new_figure(max(4.2, min(PAGE * 1.25, 0.7 + 1.35 * last)), 1.4 + 1.25 * last)
    axes = figure.subplots(last, last, squeeze=False, sharex="col", sharey="row")
    palette = palette_of(table)
    for row in range(last):
        for column in range(last):
            ax = axes[row, column]
            if column > row:
                ax.set_axis_off()
                continue
            x, y = names[column], names[row + 1]
            _scatter(ax, points[points["x_name"].eq(x) & points["y_name"].eq(y)], palette)
            if row == last - 1:
                ax.set_xlabel(title(x), fontsize=8)
            if column == 0:
                ax.set_ylabel(title(y), fontsize=8)
    model_legend(figure, sorted(points["model"].unique()), palette, marker="o", linestyle="", markersize=4)
    heading = f"{dataset_title(dataset)}: metrics against each other; ρ: Spearman [95% interval]"
    titled(figure, heading, standing_of(scores), budget)
    return figure, points


def _sizes(scores: pd.DataFrame) -> str:
    """What the numerator and denominator of the efficiencies are."""
    most = max(int(n.partition("_")[2]) for n in accuracies(scores.columns))
    return f"efficiency: accuracy with 100 labels / with {most:,}"


def _points(scores: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """A row a run: both scores, and their rank correlation with its interval."""
    pair = scores[[x, y]].dropna()
    correlation = rank_correlations(pair, [x], [y], rng()).iloc[0]
    rows = pair.set_axis(["x", "y"], axis="columns").reset_index()
    return rows.assign(x_name=x, y_name=y, seeds=fewest_seeds(pair), **correlation[["spearman", "low", "high", "runs"]])


def _scatter(ax: Axes, points: pd.DataFrame, palette: dict[str, Any]) -> None:
    size = float(np.clip(1500 / len(points), 2.5, 14))
    for marker, (model, group) in zip(MARKERS * 9, points.groupby("model"), strict=False):
        ax.scatter(group["x"], group["y"], s=size, marker=marker, color=palette[str(model)], linewidth=0,
                   alpha=1 if size > 10 else 0.6, rasterized=len(points) > 500)  # fmt: skip
    first = points.iloc[0]
    if np.isfinite(first["spearman"]):
        text = f"ρ = {first['spearman']:.2f} [{first['low']:.2f}, {first['high']:.2f}]"
        ax.set_title(text, fontsize=6.5, loc="left", color="0.3")
    ax.tick_params(labelsize=7)
