"""Metrics of runs that are picked without factors."""

import pandas as pd

from bench.analysis.names import UNSUPERVISED, dataset_title, title
from bench.analysis.scores.choice import CRITERIA
from bench.analysis.scores.selection import unsupervised_selection, with_sampled_tc
from bench.report.figures.fences import fence_note, fenced, fences
from bench.report.figures.panels import Drawn, metrics_of, panel_grid, rng, standing
from bench.report.style import titled


def selected_runs(table: pd.DataFrame, dataset: str, schedules: str) -> Drawn:
    """Each metric of the run that an unsupervised score picks, beside the best, median and worst run."""
    scores = with_sampled_tc(table[table["dataset"] == dataset]).dropna(axis="columns", how="all")
    names = metrics_of(table, scores)
    picks = unsupervised_selection(scores, names, rng())
    order = list(dict.fromkeys(picks["by"]))
    figure, axes, _ = panel_grid(len(names), 0.35 + 0.15 * len(order), sharey=True)
    at = fences(scores, names)
    shown = picks.assign(**{c: fenced(picks[c], picks["metric"], at) for c in ("low", "score", "high")})
    for ax, name in zip(axes, names, strict=True):
        for place, line in enumerate(shown[shown["metric"] == name].itertuples()):
            colour, marker = ("#0173b2", "o") if line.by in UNSUPERVISED else ("0.45", "|")
            ax.plot([line.low, line.high], [place, place], color=colour)
            ax.plot([line.score], [place], marker=marker, markersize=4, color=colour, clip_on=False)
        ax.set_title(title(name))
        ax.grid(axis="x", color="0.92")
        ax.set_axisbelow(True)
        ax.locator_params(axis="x", nbins=4)
    axes[0].set_yticks(range(len(order)), [chosen_by(by) for by in order])
    axes[0].invert_yaxis()
    first = picks.iloc[0]
    heading = f"{dataset_title(dataset)}: metrics of the run that an unsupervised score picks"
    note = (
        "Lines: 95% interval over seeds, as far as a score's range. Grey: the best, median and worst of all runs by "
        "the metric itself."
    )
    note += fence_note(scores, at)
    titled(figure, heading, standing(int(first["runs"]), int(first["seeds"])), schedules, note)
    return figure, picks


def chosen_by(by: str) -> str:
    """The pick of a criterion, in words; other text unchanged.

    Example:
        >>> chosen_by("reconstruction"), chosen_by("udr_lasso"), chosen_by("median run")
        ('lowest reconstruction', 'highest UDR (Lasso)', 'median run')
    """
    if by not in CRITERIA:
        return by
    name = " ".join(word if any(c.isupper() for c in word[1:]) else word.lower() for word in title(by).split())
    return f"{'highest' if CRITERIA[by].higher_is_better else 'lowest'} {name}"
