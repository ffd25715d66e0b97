"""A point a run: statistical efficiency against metrics, and metrics against each other."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.agreement import TooFewRunsError, rank_correlations
from bench.analysis.names import accuracies, efficiencies, title
from bench.report.figures.panels import (
    PAGE,
    POINTS,
    Drawn,
    dataset_scores,
    metrics_of,
    model_keys,
    palette_of,
    scatter,
    standing_of,
    titled,
)
from bench.report.style import dataset_title, new_figure


def efficiency_scatter(table: pd.DataFrame, dataset: str, budget: str) -> Drawn:
    """Figures 6, 20 and 21: statistical efficiency against each metric on one data set, a point a run."""
    scores = dataset_scores(table, dataset)
    names, ratios = metrics_of(table, scores), efficiencies(scores.columns)
    if not ratios:
        raise TooFewRunsError(f"there are no statistical efficiencies on {dataset}")
    points = _points(scores, [(n, e) for e in ratios for n in names])
    figure = new_figure(max(4.2, min(PAGE * 1.25, 1.0 + 1.5 * len(names))), 1.2 + 1.6 * len(ratios))
    axes = figure.subplots(len(ratios), len(names), squeeze=False, sharex="col", sharey="row")
    palette = palette_of(table)
    for (ratio, name), ax in zip([(e, n) for e in ratios for n in names], axes.flat, strict=True):
        _panel(ax, points[points["y_name"].eq(ratio) & points["x_name"].eq(name)], palette)
    for ax, name in zip(axes[-1], names, strict=True):
        ax.set_xlabel(title(name))
    for ax, ratio in zip(axes[:, 0], ratios, strict=True):
        ax.set_ylabel(title(ratio))
    keys = model_keys(sorted(points["model"].unique()), palette, **POINTS)
    heading = f"{dataset_title(dataset)}: statistical efficiency; ρ: Spearman [95% interval]"
    titled(figure, heading, standing_of(scores), budget, _sizes(scores), keys)
    return figure, points


def metric_pairs(table: pd.DataFrame, dataset: str, budget: str) -> Drawn:
    """Figure 11: every metric against every other on one data set, a point a run."""
    scores = dataset_scores(table, dataset)
    names = metrics_of(table, scores, least=2)
    points = _points(scores, list(combinations(names, 2)))
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
            _panel(ax, points[points["x_name"].eq(x) & points["y_name"].eq(y)], palette)
            if row == last - 1:
                ax.set_xlabel(title(x), fontsize=8)
            if column == 0:
                ax.set_ylabel(title(y), fontsize=8)
    keys = model_keys(sorted(points["model"].unique()), palette, **POINTS)
    heading = f"{dataset_title(dataset)}: metrics against each other; ρ: Spearman [95% interval]"
    titled(figure, heading, standing_of(scores), budget, keys=keys)
    return figure, points


def _sizes(scores: pd.DataFrame) -> str:
    """What the numerator and denominator of the efficiencies are."""
    most = max(int(n.partition("_")[2]) for n in accuracies(scores.columns))
    return f"efficiency: accuracy with 100 labels / with {most:,}"


def _points(scores: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """A row a run and pair of scores: both, and their rank correlation with its interval, over runs that have all."""
    xs, ys = (list(dict.fromkeys(names)) for names in zip(*pairs, strict=True))
    complete = scores[list(dict.fromkeys([*xs, *ys]))].dropna()
    cells = rank_correlations(complete, xs, ys).set_index(["row", "column"])
    parts = []
    for x, y in pairs:
        rows = complete[[x, y]].set_axis(["x", "y"], axis="columns").reset_index()
        found = cells.loc[(x, y), ["spearman", "low", "high", "runs", "seeds"]]
        parts.append(rows.assign(x_name=x, y_name=y, **found))
    return pd.concat(parts, ignore_index=True)


def _panel(ax: Axes, points: pd.DataFrame, palette: dict[str, Any]) -> None:
    scatter(ax, points["x"], points["y"], points["model"], palette)
    first = points.iloc[0]
    if np.isfinite(first["spearman"]):
        text = f"ρ = {first['spearman']:z.2f} [{first['low']:z.2f}, {first['high']:z.2f}]"
        ax.set_title(text, fontsize=6.5, loc="left", color="0.3")
