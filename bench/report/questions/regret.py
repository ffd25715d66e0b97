"""What choosing without labels costs: the regret of the run that a criterion picks, against the best of its model."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import dataset_title, title
from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.scores.regret import ANY, CRITERIA, regret
from bench.analysis.scores.selection import with_sampled_tc
from bench.report.figures.panels import Looks, looks_of, metrics_of, model_keys, panel_grid, rng, shown_of, standing
from bench.report.figures.selection import chosen_by
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import Picture, titled

NOTE = (
    "Regret: the best run's score less that of the run that a criterion picks, among the strengths and seeds of a "
    "model; of any run: the mean. Training: means of its last fifth. Lines: 95% interval over seeds."
)


def draw_regret(asked: Asked) -> Iterator[NamedDrawing]:
    """A picture a data set: a panel a metric, a row a criterion, a mark a model.

    Raises:
        TooFewRunsError: no data set has a model with enough runs; the message has the reason of each.
    """
    table, reasons = asked.table, []
    for dataset in dict.fromkeys(table["dataset"]):
        scores = with_sampled_tc(table[table["dataset"] == dataset]).dropna(axis="columns", how="all")
        try:
            names = shown_of(metrics_of(table, scores), every=False)
            regrets = regret(scores, names, rng()).assign(dataset=dataset)
        except TooFewRunsError as reason:
            reasons.append(f"{dataset}: {reason}")
            continue
        yield f"regret_{dataset}", _drawn(regrets, looks_of(table), str(dataset), asked.plan.schedules), regrets
    if len(reasons) == table["dataset"].nunique():
        raise TooFewRunsError("; ".join(reasons) or "there are no scores")


def _drawn(regrets: pd.DataFrame, styles: Looks, dataset: str, schedules: str) -> Picture:
    metrics, models = (list(dict.fromkeys(regrets[c])) for c in ("metric", "model"))
    ways = [way for way in (*CRITERIA, ANY) if way in set(regrets["by"])]
    figure, axes, _ = panel_grid(len(metrics), 0.5 + len(ways) * (0.1 + 0.05 * len(models)), sharey=True)
    for ax, metric in zip(axes, metrics, strict=True):
        _marks(ax, regrets[regrets["metric"] == metric], ways, models, styles)
        ax.set_title(title(metric))
    counted = regrets.drop_duplicates("model")
    heading = f"{dataset_title(dataset)}: what choosing a run without factors costs"
    said = standing(int(counted["runs"].sum()), int(counted["seeds"].min()))
    titled(figure, heading, said, schedules, NOTE, model_keys(models, styles, line=False))
    return figure


def _marks(ax: Axes, regrets: pd.DataFrame, ways: list[str], models: list[str], styles: Looks) -> None:
    offsets = np.linspace(-0.32, 0.32, len(models)) if len(models) > 1 else [0.0]
    for model, offset in zip(models, offsets, strict=True):
        of_model = regrets[regrets["model"] == model].set_index("by").reindex(ways)
        places, style = np.arange(len(ways)) + offset, styles[model]
        ax.hlines(places, of_model["low"], of_model["high"], color=style["color"], linewidth=0.8)
        ax.scatter(of_model["regret"], places, s=9, color=style["color"], marker=style["marker"], linewidth=0, zorder=2,
                   clip_on=False)  # fmt: skip
    ax.set_yticks(range(len(ways)), [chosen_by(way) for way in ways])
    ax.set_ylim(len(ways) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.hlines(np.arange(1, len(ways)) - 0.5, 0, 1, transform=ax.get_yaxis_transform(), color="0.92", linewidth=0.6)
    ax.locator_params(axis="x", nbins=4)
