"""Is a disentangled code a fair one? Unfairness of predictions against every score (Locatello et al. 2019b)."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import PAPER, accuracies, dataset_title, disentanglement_scores, title
from bench.analysis.scores.agreement import TooFewRunsError, rank_correlations, settings, wide
from bench.analysis.scores.dead import dead_runs, dead_sentence, living_settings
from bench.analysis.scores.partial import partial_correlations
from bench.report.figures.panels import each_dataset, panel_grid, standing
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import HOLLOW, key_of, titled

UNFAIRNESS = "unfairness"
TREES = ("gbt_", "xgb_")  # their accuracy is held equal: unfairness is of boosted trees too
COLOURS = {"metrics of the study": "#0072b2", "other metrics": "#cc79a7", "accuracy of tasks": "#d55e00"}
MARKS = dict(zip(COLOURS, "osD", strict=True))
NOTE = (
    "Spearman's rank correlation over runs: below 0, runs that score higher are fairer. A constant code is fair, so "
    "settings with a dead run are left out. Lines: 95% interval over seeds, none below five."
)
PARTIAL = (
    "Accurate predictions may be fairer for their accuracy alone: hollow marks are partial rank correlations, given "
    "the accuracy {given}."
)


def draw_fairness(study: Asked) -> Iterator[NamedDrawing]:
    """A panel a data set: a row a score, its rank correlation with unfairness, and the same given trees' accuracy.

    Raises:
        TooFewRunsError: no data set has enough runs with an unfairness; the message has the reason of each.
    """
    scores = wide(study.table)
    if UNFAIRNESS not in scores or scores[UNFAIRNESS].isna().all():
        raise TooFewRunsError("runs with an unfairness are needed, of which every image was encoded: study=fairness")
    scores = living_settings(scores.dropna(subset=UNFAIRNESS), dead_runs(study.table))
    kinds = _kinds(study.table)
    given = next((name for name in kinds if name.startswith(TREES)), None)

    def against_unfairness(runs: pd.DataFrame) -> pd.DataFrame:
        rows = [name for name in kinds if name in runs]
        cells = rank_correlations(runs, rows, [UNFAIRNESS]).assign(given=None)
        if given is None or given not in rows:
            return cells
        others = [name for name in rows if name != given]
        return pd.concat([cells, partial_correlations(runs, others, UNFAIRNESS, given)], ignore_index=True)

    numbers = each_dataset(scores, against_unfairness).assign(kind=lambda rows: rows["row"].map(kinds))
    names = [name for name in kinds if name in set(numbers["row"])]
    panels = list(numbers.groupby("dataset", sort=False))
    figure, axes, _ = panel_grid(len(panels), 0.45 + 0.16 * len(names), sharey=True)
    for ax, (dataset, rows) in zip(axes, panels, strict=True):
        _panel(ax, rows, names)
        ax.set_title(dataset_title(str(dataset)))
    counts, most = numbers.drop_duplicates("dataset"), max(Counter(settings(scores)).values())
    behind = standing(int(counts["runs"].sum()), int(counts["seeds"].min()), most=most)
    sentences = [NOTE]
    handles, labels = axes[0].get_legend_handles_labels()
    if given is not None:
        sentences.append(PARTIAL.format(given=title(given)))
        handles, labels = [*handles, key_of(HOLLOW, line=False)], [*labels, f"hollow: given {title(given)}"]
    note = " ".join([*sentences, dead_sentence(study.table)]).strip()
    titled(figure, "Unfairness against every score", behind, study.plan.schedules, note, (handles, labels))
    yield "fairness", figure, numbers


def _kinds(table: pd.DataFrame) -> dict[str, str]:
    """Score -> what it is, in the order of rows: metrics, then each predictor's accuracy with the most labels."""
    papers, others, tasks = COLOURS
    kinds = {name: papers if name in PAPER.values() else others for name in disentanglement_scores(table)}
    most = {name.rpartition("_")[0]: name for name in accuracies(table["name"].unique())}
    return kinds | dict.fromkeys(most.values(), tasks)


def _panel(ax: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    for (kind, is_partial), part in rows.groupby(["kind", rows["given"].notna()], sort=False):
        places = np.array([names.index(name) for name in part["row"]]) + (0.2 if is_partial else -0.1)
        colour = COLOURS[str(kind)]
        ax.hlines(places, part["low"], part["high"], color=colour, linewidth=1)
        ax.scatter(part["spearman"], places, s=11, facecolor="w" if is_partial else colour, edgecolor=colour,
                   linewidth=0.8, marker=MARKS[str(kind)], zorder=2, label=None if is_partial else kind)  # fmt: skip
    ax.axvline(0, color="0.6", linewidth=0.7, zorder=0)
    ax.set_yticks(range(len(names)), [title(name) for name in names])
    ax.set(xlim=(-1.05, 1.05), ylim=(len(names) - 0.5, -0.5), xlabel="Spearman with unfairness")
    ax.set_xticks(np.arange(-1, 1.5, 0.5))
    ax.grid(axis="x", color="0.92", linewidth=0.6)
    ax.set_axisbelow(True)
