"""Rank correlations of scores: of metrics with each other, with downstream tasks, with scores that need no factors."""

from collections.abc import Callable

import pandas as pd

from bench.analysis.agreement import TooFewRunsError, adjusted, rank_correlations, wide
from bench.analysis.names import UNSUPERVISED, disentanglement_scores, downstream_scores, title
from bench.analysis.selection import with_sampled_tc
from bench.report.figures.heatmaps import CORRELATION, heatmaps, reading
from bench.report.figures.panels import Drawn, each_dataset
from bench.report.style import dataset_title

Names = Callable[[pd.DataFrame], list[str]]


def metric_agreement(table: pd.DataFrame, budget: str) -> Drawn:
    """Figures 2 and 12: rank correlation of the disentanglement metrics with each other, a panel a data set."""
    metrics = _metrics(table)
    return _drawn(wide(table), metrics, metrics, "Rank correlation of metrics", budget, least=2)


def metrics_and_downstream(table: pd.DataFrame, budget: str) -> Drawn:
    """Figures 5 and 19: rank correlation of metrics with downstream accuracy and statistical efficiency."""
    heading = "Rank correlation of metrics with downstream accuracy and efficiency"
    return _drawn(wide(table), _metrics(table), lambda s: downstream_scores(s.columns), heading, budget)


def unsupervised_and_metrics(table: pd.DataFrame, budget: str) -> Drawn:
    """Figures 4 (centre) and 16: rank correlation of scores that need no factors with metrics."""
    heading = "Rank correlation of unsupervised scores with metrics"
    return _drawn(with_sampled_tc(table), _unsupervised, _metrics(table), heading, budget)


def unsupervised_and_downstream(table: pd.DataFrame, budget: str) -> Drawn:
    """Figure 24: rank correlation of scores that need no factors with downstream accuracy and efficiency."""
    heading = "Rank correlation of unsupervised scores with downstream accuracy and efficiency"
    return _drawn(with_sampled_tc(table), _unsupervised, lambda s: downstream_scores(s.columns), heading, budget)


def _metrics(table: pd.DataFrame) -> Names:
    headlines = disentanglement_scores(table)
    return lambda scores: [n for n in headlines if n in scores.columns]


def _unsupervised(scores: pd.DataFrame) -> list[str]:
    return [n for n in UNSUPERVISED if n in scores.columns]


def _drawn(scores: pd.DataFrame, rows: Names, columns: Names, heading: str, budget: str, least: int = 1) -> Drawn:
    def analyse(own: pd.DataFrame) -> pd.DataFrame:
        found = rows(own), columns(own)
        if len(found[0]) < least or not found[1]:
            raise TooFewRunsError(f"{len(found[0])} scores and {len(found[1])} to correlate them with")
        return rank_correlations(own, *found)

    cells = adjusted(each_dataset(scores, analyse))
    words = f"{heading}\nSpearman x 100; {reading(cells, '0')}"
    return heatmaps(cells, "dataset", CORRELATION, (dataset_title, title, title), words, budget), cells
