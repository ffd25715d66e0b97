"""Rank correlations of scores: of metrics with each other, with downstream tasks, with scores that need no factors."""

from collections.abc import Callable, Iterable

import pandas as pd

from bench.analysis.names import (
    UNSUPERVISED,
    dataset_title,
    directed_title,
    downstream_scores,
    title,
)
from bench.analysis.scores.agreement import TooFewRunsError, adjusted, rank_correlations, wide
from bench.analysis.scores.dead import dead_runs, moved, with_alive
from bench.analysis.scores.selection import with_sampled_tc
from bench.report.figures.heatmaps import CORRELATION, heatmaps, reading
from bench.report.figures.panels import Drawn, each_dataset, metrics_of, shown_of, standing
from bench.report.style import titled

Names = Callable[[pd.DataFrame], list[str]]
ARROWS = "Arrows: whether a higher or a lower score is better. "


def metric_agreement(table: pd.DataFrame, schedules: str, every: bool = False) -> Drawn:
    """Figures 2 and 12: rank correlation of the disentanglement metrics with each other, a panel a data set."""
    metrics = _metrics(table, every)
    cells = _correlated(wide(table), metrics, metrics, dead_runs(table), least=2)
    return _figure(cells, "Rank correlation of metrics", schedules, moved(cells, table))


def metrics_and_downstream(table: pd.DataFrame, schedules: str, every: bool = False) -> Drawn:
    """Figures 5 and 19: rank correlation of metrics with downstream accuracy and statistical efficiency."""
    cells = _correlated(wide(table), _metrics(table, every), lambda s: downstream_scores(s.columns), dead_runs(table))
    heading = "Rank correlation of metrics with downstream accuracy and efficiency"
    return _figure(cells, heading, schedules, moved(cells, table))


def unsupervised_and_metrics(table: pd.DataFrame, schedules: str, every: bool = False) -> Drawn:
    """Figures 4 (centre) and 16: rank correlation of scores that need no factors with metrics."""
    cells = _correlated(with_sampled_tc(table), _unsupervised, _metrics(table, every))
    return _figure(cells, "Rank correlation of unsupervised scores with metrics", schedules, ARROWS)


def unsupervised_and_downstream(table: pd.DataFrame, schedules: str) -> Drawn:
    """Figure 24: rank correlation of scores that need no factors with downstream accuracy and efficiency."""
    heading = "Rank correlation of unsupervised scores with downstream accuracy and efficiency"
    cells = _correlated(with_sampled_tc(table), _unsupervised, lambda s: downstream_scores(s.columns))
    return _figure(cells, heading, schedules, ARROWS)


def _metrics(table: pd.DataFrame, every: bool) -> Names:
    shown = shown_of(metrics_of(table, wide(table)), every)
    return lambda scores: [n for n in shown if n in scores.columns]


def _unsupervised(scores: pd.DataFrame) -> list[str]:
    return [n for n in UNSUPERVISED if n in scores.columns]


def _correlated(
    scores: pd.DataFrame, rows: Names, columns: Names, dead: Iterable[str] | None = None, least: int = 1
) -> pd.DataFrame:
    """The correlations on each data set; if dead runs are given, also without them."""

    def analyse(of_dataset: pd.DataFrame) -> pd.DataFrame:
        names = rows(of_dataset), columns(of_dataset)
        if len(names[0]) < least or not names[1]:
            raise TooFewRunsError(f"{len(names[0])} scores and {len(names[1])} to correlate them with")
        return rank_correlations(of_dataset, *names) if dead is None else with_alive(of_dataset, *names, dead)

    return adjusted(each_dataset(scores, analyse))


def _figure(cells: pd.DataFrame, heading: str, schedules: str, note: str = "") -> Drawn:
    runs = cells.groupby("dataset", sort=False)["runs"].first()
    figure = heatmaps(cells, "dataset", CORRELATION, (dataset_title, _row, title))
    counts = ", ".join(f"{dataset_title(d)} {n:,}" for d, n in runs.items())
    note = f"{note.strip()} Runs: {counts}. ".lstrip()
    first = "Spearman x 100 over the runs of a data set that have every score shown. "
    titled(figure, heading, standing(runs.sum(), cells["seeds"].min()), schedules, first + note + reading(cells, "0"))
    return figure, cells


def _row(name: str) -> str:
    return directed_title(name) if name in UNSUPERVISED else title(name)
