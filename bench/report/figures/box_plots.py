"""Our runs in the published box plots of the official models: a panel a score, a box a setting."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bench.analysis.names import dataset_title, hyperparameters, model_title, title
from bench.analysis.published.box_plots import ENDS, IN_BOX, box_plots, placed, shares
from bench.analysis.scores.agreement import TooFewRunsError
from bench.report.figures.panels import Drawn, bottom_of, dataset_scores, panel_grid, standing
from bench.report.style import titled

OURS, PUBLISHED, PALE = "#0173b2", "#de8f05", "#f8e3c0"  # blue and orange of the colour-blind safe palette
WIDTH = 0.62  # of a box, in settings


def runs_in_box_plots(table: pd.DataFrame, dataset: str, schedules: str) -> Drawn:
    """Runs with the published number of steps among the published scores of their setting, on one data set."""
    published = box_plots()
    boxes = published.boxes[published.boxes["dataset"] == dataset]
    if boxes.empty:
        raise TooFewRunsError(f"no box plots were published of {dataset}")
    labels = {label for label in table["schedule"].unique() if published.is_of(label)}
    if not labels:
        steps = published.source["schedule"]["steps"]
        raise TooFewRunsError(f"the published box plots are of models of {steps:,} steps, which no run has")
    placement = placed(dataset_scores(table[table["schedule"].isin(labels)], dataset), boxes)
    if placement.empty:
        raise TooFewRunsError(f"no run on {dataset} has a setting of which box plots were published")
    (model,) = boxes["model"].unique()
    names = [name for name in boxes["name"].unique() if name in set(placement["name"])]
    figure, axes, hole = panel_grid(len(names), 1.75)
    values = sorted(boxes["value"].unique())
    for ax, name in zip(axes, names, strict=True):
        _boxes(ax, boxes[boxes["name"] == name], values)
        _dots(ax, placement[placement["name"] == name], values)
        ax.set_title(title(name))
        ax.set_xticks(range(len(values)), [f"{v:g}" for v in values])
        ax.locator_params(axis="y", nbins=5)
    for ax in bottom_of(axes):
        ax.set_xlabel(hyperparameters(table)[model])
    columns = ["dataset", "model", "value", "name", *ENDS]
    rows = boxes[columns].merge(placement[[*columns, "run", "seed", "score", "place"]], how="left", on=columns)
    seeds = placement.drop_duplicates("run").groupby("value").size()
    behind = standing(int(seeds.sum()), int(seeds.min()))
    heading = f"{dataset_title(dataset)}: {model_title(model)} runs among the published scores"
    titled(
        figure, heading, behind, schedules, _note(placement, published.source), _keys(published.source["seeds"]), hole
    )
    return figure, rows


def _boxes(ax: Axes, boxes: pd.DataFrame, values: list[float]) -> None:
    """Quartiles and whiskers, as they were published."""
    places = [values.index(v) for v in boxes["value"]]
    stats = [dict(zip(("whislo", "q1", "med", "q3", "whishi"), row, strict=True)) for row in boxes[ENDS].to_numpy()]
    line = {"color": PUBLISHED, "linewidth": 0.9}
    ax.bxp(
        stats, places, widths=WIDTH, patch_artist=True, showfliers=False, manage_ticks=False, zorder=1,
        boxprops={"facecolor": PALE, "edgecolor": PUBLISHED, "linewidth": 0.9}, whiskerprops=line, capprops=line,
        medianprops=line | {"linewidth": 1.6},
    )  # fmt: skip


def _dots(ax: Axes, placement: pd.DataFrame, values: list[float]) -> None:
    """Our runs, side by side if a setting has several; filled if they lie in the box."""
    for value, runs in placement.sort_values("seed").groupby("value"):
        spread = np.linspace(-0.2, 0.2, len(runs)) if len(runs) > 1 else np.zeros(1)
        fills = [OURS if place in IN_BOX else "white" for place in runs["place"]]
        x = values.index(value) + spread
        ax.scatter(x, runs["score"], s=15, c=fills, edgecolors=OURS, linewidths=1.1, zorder=3, clip_on=False)


def _keys(seeds: int) -> tuple[list[Line2D | Patch], list[str]]:
    dot = {"marker": "o", "linestyle": "", "markersize": 4, "markeredgecolor": OURS, "markeredgewidth": 1.1}
    handles: list[Line2D | Patch] = [
        Patch(facecolor=PALE, edgecolor=PUBLISHED, linewidth=0.9),
        Line2D([], [], markerfacecolor=OURS, **dot),  # type: ignore[arg-type]
        Line2D([], [], markerfacecolor="white", **dot),  # type: ignore[arg-type]
    ]
    boxes = f"published: quartiles and\nwhiskers of {seeds} seeds"
    return handles, [boxes, "ours, between the quartiles", "ours, beyond them"]


def _note(placement: pd.DataFrame, source: Mapping[str, Any]) -> str:
    """How many scores lie in the boxes and between the whiskers, and the source of the boxes, in sentences."""
    count = shares(placement)
    seeds = placement["seed"].nunique()
    dependent = "Scores of one run are no independent draws"
    dependent += ", nor are these runs, which share one seed." if seeds == 1 else "."
    return (
        f"{count['in_box']} of {count['scores']} scores lie between the published quartiles, where half of them, "
        f"{count['scores'] / 2:g}, are expected of the same population; {count['in_whiskers']} lie between the "
        f"whiskers. {dependent} Boxes: {source['title']}; {source['exactness']}."
    )
