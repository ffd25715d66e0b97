"""The leaderboard: models (and representations from elsewhere) by headline score, with intervals, ranks and coverage.

A score of a model on one data set is the interquartile mean (IQM) of its runs, over strengths and seeds; over all data
sets it is the mean of those. Intervals rest on the variance of seeds within each setting; ranks are taken anew in each
of 1,000 draws from the distribution of the IQMs. A row is ranked, among the rows like it, if no score that was wanted
of it is missing.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench import registry
from bench.analysis.board.board import Column, Row, board
from bench.analysis.names import disentanglement_scores, downstream_scores
from bench.analysis.scores.agreement import wide
from bench.analysis.statistics.estimates import Estimate, estimate
from bench.metrics.base import Metric
from bench.store.files import digest

OVERALL = "all"
LEVELS = {"model": ["model"], "setting": ["model", "value"]}
SEED = 2019


def columns(table: pd.DataFrame) -> list[Column]:
    """Scores for a board of this table: ranked headline scores, accuracies at the most labels, efficiencies, the rest.

    Counted are the headline scores of metrics that declare `ranked`. The other headline scores come last, so that what
    is drawn for the counted ones does not depend on them.
    """
    metric_of = dict(zip(table["name"], table["metric"], strict=True))
    headlines = {n: _declared(metric_of[n]) for n in disentanglement_scores(table) if n in metric_of}
    downstream = [n for n in downstream_scores(metric_of) if metric_of[n] == "downstream"]
    most = {n.rpartition("_")[0] if n[-1].isdigit() else n: n for n in downstream}  # sizes rise: the last one stays
    counted = [n for n, declared in headlines.items() if declared.ranked and declared.headline == n]
    shown = dict.fromkeys([*counted, *most.values(), *headlines])
    return [Column(n, metric_of[n], n in counted, _declared(metric_of[n]).score(n)) for n in shown]


def _declared(metric: str) -> Metric:
    declared: Metric = registry.load("metrics", metric).metric
    return declared


def wanted_cells(table: pd.DataFrame) -> pd.DataFrame:
    """What a table by itself lets one expect: of every run, each metric that others have on its data set.

    Returns:
        A row for each (run, model, value, dataset, representation, metric).
    """
    runs = table[["run", "model", "value", "dataset"]].drop_duplicates()
    kinds = table[["model", "dataset", "representation"]].drop_duplicates()
    metrics = table[["dataset", "representation", "metric"]].drop_duplicates()
    return runs.merge(kinds, on=["model", "dataset"]).merge(metrics, on=["dataset", "representation"])


def leaderboard(
    table: pd.DataFrame, chosen: Sequence[Column], wanted: pd.DataFrame | None = None, level: str = "model"
) -> pd.DataFrame:
    """Every board of a score table, one below the other.

    Args:
        table: of scores.
        chosen: scores to show.
        wanted: as `wanted_cells` gives it, for the runs that were asked for; any other run is expected to have what
            others have.
        level: what a row is, a "model" or a "setting" (model, value).

    Returns:
        A row for each (representation, dataset, model[, value]), the best first; dataset "all" is over all of them.
        rank (by Borda count) and rank_by_mean, each with _low and _high (95 %), borda, mean_rank, mean_score (mean
        share of the scores' ranges), coverage (0..1), seeds (the fewest of a setting), runs; then each score's IQM,
        _low, _high and _runs. Missing are the ranks of incomplete rows and of a row without rivals, and the intervals
        of rows with fewer than 5 seeds of a setting.
    """
    expected = wanted_cells(table)
    if wanted is not None:
        expected = pd.concat([wanted, expected[~expected["run"].isin(wanted["run"])]])
    expected = expected[expected["metric"].isin(c.metric for c in chosen)]
    boards = []
    for representation, mine in expected.groupby("representation"):
        estimates = _estimates(wide(table, str(representation)).reset_index(), mine, chosen, LEVELS[level])
        boards += [b.assign(representation=representation) for b in _boards(estimates, chosen, LEVELS[level])]
    keys = ["representation", "dataset", *LEVELS[level]]
    whole = pd.concat(boards, ignore_index=True) if boards else pd.DataFrame(columns=keys)
    return whole[[*keys, *(c for c in whole.columns if c not in keys)]]


def _estimates(
    scores: pd.DataFrame, wanted: pd.DataFrame, chosen: Sequence[Column], keys: list[str]
) -> dict[str, dict[Row, Estimate]]:
    """Data set -> row -> its estimate. A row's draws depend on its own name alone."""
    scores = scores.reindex(columns=list(dict.fromkeys([*scores.columns, *(c.name for c in chosen)])))
    groups = {_named(key): runs for key, runs in scores.groupby(["dataset", *keys], dropna=False)}
    found: dict[str, dict[Row, Estimate]] = {}
    for key, cells in wanted.groupby(["dataset", *keys], dropna=False):
        asked = cells.groupby("metric")["run"].nunique().reindex([c.metric for c in chosen], fill_value=0)
        row = _named(key)
        rng = np.random.default_rng(int(digest([SEED, *row]), 16))
        runs = groups.get(row, scores.iloc[:0])
        found.setdefault(row[0], {})[row[1:]] = estimate(runs, [c.name for c in chosen], asked.to_numpy(), rng)
    return found


def _named(key: Row) -> Row:
    """A group's key, of which no part is NaN (which equals nothing, not even itself)."""
    return tuple(None if pd.isna(k) else k for k in key)


def _boards(
    estimates: Mapping[str, Mapping[Row, Estimate]], chosen: Sequence[Column], keys: list[str]
) -> list[pd.DataFrame]:
    """A board for each data set that has any of the scores; where there are several, first the one over all."""
    scored = {d: rows for d, rows in estimates.items() if any(e.runs.any() for e in rows.values())}
    overall = {OVERALL: list(scored.values())} if len(scored) > 1 else {}
    named = overall | {dataset: [rows] for dataset, rows in scored.items()}
    return [board(parts, chosen, keys).assign(dataset=name) for name, parts in named.items()]
