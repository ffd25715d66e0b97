"""A point a run: statistical efficiency against metrics, and metrics against each other."""

from collections.abc import Iterable, Sequence
from itertools import combinations, zip_longest

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import accuracies, dataset_title, efficiencies, title
from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.scores.dead import ALIVE, dead_runs, moved, with_alive
from bench.report.figures.fences import Fences, fence_note, fenced, fences
from bench.report.figures.panels import (
    Drawn,
    Looks,
    broken,
    dataset_scores,
    in_rows,
    looks_of,
    metrics_of,
    model_keys,
    scatter,
    shown_of,
    standing_of,
)
from bench.report.style import NOTE, PAGE, new_figure, titled

RHO = "Above a panel: Spearman over the runs that have every score shown [95% interval over seeds]."


def efficiency_scatter(table: pd.DataFrame, dataset: str, schedules: str, every: bool = False) -> Drawn:
    """Figures 6, 20 and 21: statistical efficiency against each metric on one data set, a point a run."""
    scores = dataset_scores(table, dataset)
    names, ratios = shown_of(metrics_of(table, scores), every), efficiencies(scores.columns)
    if not ratios:
        raise TooFewRunsError(f"there are no statistical efficiencies on {dataset}")
    dead = dead_runs(table)
    points = _points(scores, [(n, e) for e in ratios for n in names], dead)
    rows = [(part, ratio) for part in in_rows(names) for ratio in ratios]
    figure = new_figure(PAGE, 1.3 * len(rows) + 0.2 * len(in_rows(names)))
    axes = figure.subplots(len(rows), len(rows[0][0]), squeeze=False, sharey="row")
    styles, at = looks_of(table), fences(scores, names)
    for row, (part, ratio) in zip(axes, rows, strict=True):
        for ax, name in zip_longest(row, part):
            if name is None:
                ax.set_axis_off()
                continue
            _panel(ax, points[points["y_name"].eq(ratio) & points["x_name"].eq(name)], styles, at)
            if ratio == ratios[-1]:
                ax.set_xlabel(broken(title(name)))
            else:
                ax.tick_params(labelbottom=False)  # the panel below has the same ones
        row[0].set_ylabel(title(ratio))
    keys = model_keys(sorted(points["model"].unique()), styles, line=False)
    heading = f"{dataset_title(dataset)}: statistical efficiency against metrics"
    cells = points.drop_duplicates(["x_name", "y_name"]).rename(columns={"x_name": "row", "y_name": "column"})
    note = f"{_sizes(scores)} {RHO}{fence_note(scores, at)} {moved(cells.reset_index(drop=True), table)}".rstrip()
    titled(figure, heading, standing_of(_drawn(scores, points)), schedules, note, keys)
    return figure, points.assign(dead=points["run"].isin(dead))


def metric_pairs(table: pd.DataFrame, dataset: str, schedules: str, every: bool = False) -> Drawn:
    """Figure 11: every metric against every other on one data set, a point a run."""
    scores = dataset_scores(table, dataset)
    names = shown_of(metrics_of(table, scores, least=2), every)
    if len(names) < 2:
        raise TooFewRunsError(f"{len(names)} disentanglement metrics of the paper, 2 needed")
    points = _points(scores, list(combinations(names, 2)), dead_runs(table))
    last = len(names) - 1
    figure = new_figure(PAGE, 0.3 + 1.05 * last)
    axes = figure.subplots(last, last, squeeze=False, sharex="col", sharey="row")
    styles, at = looks_of(table), fences(scores, names)
    for row in range(last):
        for column in range(last):
            ax = axes[row, column]
            if column > row:
                ax.set_axis_off()
                continue
            x, y = names[column], names[row + 1]
            _panel(ax, points[points["x_name"].eq(x) & points["y_name"].eq(y)], styles, at)
            if row == last - 1:
                ax.set_xlabel(broken(title(x)))
            if column == 0:
                ax.set_ylabel(broken(title(y)))
    keys = model_keys(sorted(points["model"].unique()), styles, line=False)
    heading = f"{dataset_title(dataset)}: metrics against each other"
    titled(figure, heading, standing_of(_drawn(scores, points)), schedules, RHO + fence_note(scores, at), keys)
    return figure, points


def _drawn(scores: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    return scores[scores.index.get_level_values("run").isin(points["run"])]


def _sizes(scores: pd.DataFrame) -> str:
    """The definition of the efficiencies, as a sentence."""
    most = max(int(n.partition("_")[2]) for n in accuracies(scores.columns))
    return f"Efficiency is accuracy with 100 labels over accuracy with {most:,}."


def _points(scores: pd.DataFrame, pairs: Sequence[tuple[str, str]], dead: Iterable[str]) -> pd.DataFrame:
    """A row a run and pair of scores: both, and their rank correlation with its interval, over complete runs.

    With it comes the correlation over runs that are not dead.
    """
    xs, ys = (list(dict.fromkeys(names)) for names in zip(*pairs, strict=True))
    complete = scores[list(dict.fromkeys([*xs, *ys]))].dropna()
    cells = with_alive(complete, xs, ys, dead).set_index(["row", "column"])
    parts = []
    for x, y in pairs:
        rows = complete[[x, y]].set_axis(["x", "y"], axis="columns").reset_index()
        cell = cells.loc[(x, y), ["spearman", "low", "high", "runs", "seeds", *ALIVE.values()]]
        parts.append(rows.assign(x_name=x, y_name=y, **cell))
    return pd.concat(parts, ignore_index=True)


def _panel(ax: Axes, points: pd.DataFrame, styles: Looks, at: Fences) -> None:
    x, y = (fenced(points[axis], points[f"{axis}_name"], at) for axis in "xy")
    scatter(ax, x, y, points["model"], styles)
    ax.locator_params(axis="x", nbins=2, steps=[1, 2, 4, 5, 10])
    ax.locator_params(axis="y", nbins=4)
    first = points.iloc[0]
    if np.isfinite(first["spearman"]):
        ends = f" [{_short(first['low'])}, {_short(first['high'])}]" if np.isfinite(first["low"]) else ""
        ax.set_title(_short(first["spearman"]) + ends, fontsize=NOTE, color="0.3", pad=3)


def _short(number: float) -> str:
    """A correlation without the zero before its point.

    Example:
        >>> _short(0.62), _short(-0.4), _short(1.0)
        ('.62', '-.40', '1.00')
    """
    return f"{number:z.2f}".replace("0.", ".", 1) if abs(number) < 0.995 else f"{number:.2f}"
