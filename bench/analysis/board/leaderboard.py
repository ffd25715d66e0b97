"""The leaderboard: models (and representations from elsewhere) by headline score, with intervals, ranks and coverage.

A score of a model on one data set is the interquartile mean (IQM) of its runs, over strengths and seeds; over all data
sets it is the mean of these. Intervals come from the variance of seeds within each setting; ranks are computed again
in each of 1,000 draws from the distribution of the IQMs. A row is ranked if it has every expected score. Dead runs have
no disentanglement score here, and none is expected of them, unless most runs of the row are dead.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from bench.analysis.board.board import Column, Row, board
from bench.analysis.board.picks import by_criterion, by_each_score, criteria, merits
from bench.analysis.names import (
    disentanglement_scores,
    downstream_scores,
    hyperparameters,
    scores_without_factors,
    title,
)
from bench.analysis.scores.agreement import wide
from bench.analysis.scores.dead import dead_runs, named
from bench.analysis.scores.selection import with_sampled_tc
from bench.analysis.statistics.estimates import Estimate, estimate
from bench.metrics.base import DEFAULT_SET, RANK_SETS
from bench.scoring.runs import declaration
from bench.store.files import generator_of
from bench.values import one_of

OVERALL = "all"
MODEL, SETTING, BEST = "model", "setting", "best"
KEYS = {MODEL: ["model"], SETTING: ["model", "value"]}  # level -> the key of a row; other levels have a model's key
MOST_DEAD = 0.5  # share of a row's runs; a row with more dead runs is listed, not ranked
SEED = 2019

Estimates = Mapping[str, Mapping[Row, Estimate]]  # data set -> row -> estimate from its runs


def levels(table: pd.DataFrame) -> dict[str, str]:
    """Level -> a description of its rows, for every level that a board of this table can have."""
    if not table.groupby(["model", "dataset"], observed=True)["value"].nunique().gt(1).any():
        return {MODEL: "models"}
    picked = {name: f"models, setting of the best {title(name)}" for name in criteria(with_sampled_tc(table))}
    return {
        MODEL: "models, over the sweep",
        SETTING: "models at each strength",
        BEST: "models, best setting by each score",
    } | picked


def columns(table: pd.DataFrame) -> list[Column]:
    """Scores for a board of this table: ranked headline scores, accuracies at the most labels, efficiencies, the rest.

    Headline scores that count in no rank set come after these, so that the random draws of the others do not depend on
    them. If a data set has no labels, the unsupervised scores follow; they do not count in ranks either.
    """
    metric_of = dict(zip(table["name"], table["metric"], strict=True))
    headlines = [n for n in disentanglement_scores(table) if n in metric_of]
    downstream = [n for n in downstream_scores(metric_of) if metric_of[n] == "downstream"]
    largest = {n.rpartition("_")[0] if n[-1].isdigit() else n: n for n in downstream}  # sizes ascend: the last wins
    counted = [n for n in headlines if declaration(metric_of[n]).score(n).ranks]
    shown = dict.fromkeys([*counted, *largest.values(), *headlines])
    shown |= dict.fromkeys(scores_without_factors(table))
    return [Column(n, metric_of[n], declaration(metric_of[n]).score(n), n in headlines) for n in shown]


def wanted_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The cells expected from the table alone: for every run, each metric that other runs have on its data set.

    Returns:
        A row for each (run, model, value, dataset, representation, metric).
    """
    runs = table[["run", "model", "value", "dataset"]].drop_duplicates()
    kinds = table[["model", "dataset", "representation"]].drop_duplicates()
    metrics = table[["dataset", "representation", "metric"]].drop_duplicates()
    return runs.merge(kinds, on=["model", "dataset"]).merge(metrics, on=["dataset", "representation"])


def leaderboard(
    table: pd.DataFrame,
    chosen: Sequence[Column],
    wanted: pd.DataFrame | None = None,
    level: str = MODEL,
    rank_sets: Iterable[str] = (DEFAULT_SET,),
) -> pd.DataFrame:
    """Every board of a score table, one below the other.

    Args:
        table: of scores.
        chosen: scores to show.
        wanted: the expected cells of the planned runs, with the columns of `wanted_cells`; for other runs, the cells
            that the table's runs have.
        level: the kind of row, one of `levels`: a "model" over its strengths, a "setting" (model, value), a model at
            its "best" setting by each score, or at the setting that an unsupervised score picks, such as "elbo".
        rank_sets: the sets of scores that rank the rows, of `RANK_SETS`.

    Returns:
        A row for each (representation, dataset, rank_set, model[, hyperparameter, value]), the best first; dataset
        "all" is the mean over data sets. Columns: rank (by Borda count) and rank_by_mean, each with _low and _high
        (95 %), borda, mean_rank, mean_score (mean share of the scores' ranges), coverage (0..1), seeds (the fewest of a
        setting), runs, dead (number of dead runs), dead_runs (their names); then each score's IQM, _low, _high and
        _runs. Incomplete rows, and a row without rivals, have no ranks; intervals are missing if a setting has fewer
        than 5 seeds.

    Raises:
        UnknownNameError: there is no such level or rank set; the message offers the nearest.
    """
    return leaderboards(table, chosen, wanted, [level], rank_sets)[level]


def leaderboards(
    table: pd.DataFrame,
    chosen: Sequence[Column],
    wanted: pd.DataFrame | None = None,
    wanted_levels: Iterable[str] | None = None,
    rank_sets: Iterable[str] = tuple(RANK_SETS),
) -> dict[str, pd.DataFrame]:
    """Level -> its boards, as `leaderboard` returns them; `wanted_levels` defaults to all levels.

    Raises:
        UnknownNameError: there is no such level or rank set; the message offers the nearest.
    """
    possible = {*KEYS, BEST, *levels(table)}
    named_levels = levels(table) if wanted_levels is None else wanted_levels
    wanted_levels = [one_of("level", level, possible) for level in named_levels]
    rank_sets = [one_of("rank set", name, RANK_SETS) for name in rank_sets]
    expected = wanted_cells(table)
    if wanted is not None:
        expected = pd.concat([wanted, expected[~expected["run"].isin(wanted["run"])]])
    expected = expected[expected["metric"].isin(c.metric for c in chosen)]
    dead = dead_runs(table)
    dead_rows = expected[expected["run"].isin(dead)].drop(columns=["representation", "metric"]).drop_duplicates("run")
    dead_rows = dead_rows.merge(table[["run", "hyperparameter", "seed"]].drop_duplicates("run"), on="run")
    boards: dict[str, list[pd.DataFrame]] = {level: [] for level in wanted_levels}
    of_runs = dict.fromkeys(level if level in KEYS else SETTING for level in wanted_levels)  # others pick a setting
    kinds = expected.groupby("representation")
    for representation, cells in sorted(kinds, key=lambda part: (part[0] != "mean", part[0])):
        scores = wide(table, str(representation)).reset_index()
        estimated = {level: _estimates(scores, cells, chosen, KEYS[level], dead) for level in of_runs}
        for level, parts in boards.items():
            keys = KEYS.get(level, KEYS[MODEL])
            estimates = estimated[level] if level in KEYS else _picked(estimated[SETTING], chosen, table, level)
            every = _boards(estimates, chosen, keys, rank_sets)
            parts += [_with_dead(b, dead_rows, keys).assign(representation=representation) for b in every]
    whole = {level: _whole(parts, KEYS.get(level, KEYS[MODEL])) for level, parts in boards.items()}
    return whole | {level: _with_hyperparameters(whole[level], table) for level in whole if level == SETTING}


def _picked(settings: Estimates, chosen: Sequence[Column], table: pd.DataFrame, level: str) -> Estimates:
    """One setting of each model on each data set, picked by the criterion of the level."""
    if level == BEST:
        return {dataset: by_each_score(estimates, chosen) for dataset, estimates in settings.items()}
    merit_of = merits(with_sampled_tc(table), level)
    return {dataset: by_criterion(estimates, merit_of.get(dataset, {})) for dataset, estimates in settings.items()}


def _whole(boards: list[pd.DataFrame], keys: list[str]) -> pd.DataFrame:
    keys = ["representation", "dataset", "rank_set", *keys]
    whole = pd.concat(boards, ignore_index=True) if boards else pd.DataFrame(columns=keys)
    return whole[[*keys, *(c for c in whole.columns if c not in keys)]]


def _with_hyperparameters(settings: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The boards of settings, with the name of the hyper-parameter before its value."""
    names = settings["model"].map(hyperparameters(table)).astype("object")
    settings.insert(settings.columns.get_loc("value"), "hyperparameter", names)
    return settings


def _with_dead(frame: pd.DataFrame, dead: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """A board with the number and the names of the dead runs of each row."""
    of_board = dead if frame["dataset"].iloc[0] == OVERALL else dead[dead["dataset"] == frame["dataset"].iloc[0]]
    groups = {_named(key): (len(runs), named(runs)) for key, runs in of_board.groupby(keys, dropna=False)}
    dead_of_row = [groups.get(_named(row), (0, "")) for row in frame[keys].itertuples(index=False)]
    return frame.assign(dead=[count for count, _ in dead_of_row], dead_runs=[which for _, which in dead_of_row])


def _estimates(
    scores: pd.DataFrame, wanted: pd.DataFrame, chosen: Sequence[Column], keys: list[str], dead: frozenset[str]
) -> dict[str, dict[Row, Estimate]]:
    """Data set -> row -> its estimate. The random draws of a row depend on its name alone."""
    scores = scores.reindex(columns=list(dict.fromkeys([*scores.columns, *(c.name for c in chosen)])))
    disentanglement = [c for c in chosen if c.disentanglement]
    scores.loc[scores["run"].isin(dead), [c.name for c in disentanglement]] = np.nan
    groups = {_named(key): runs for key, runs in scores.groupby(["dataset", *keys], dropna=False)}
    of_dead = wanted["run"].isin(dead) & wanted["metric"].isin({c.metric for c in disentanglement})
    estimates: dict[str, dict[Row, Estimate]] = {}
    for key, cells in wanted.assign(of_dead=of_dead).groupby(["dataset", *keys], dropna=False):
        runs_of_row = cells.drop_duplicates("run")["run"]
        few_dead = runs_of_row.isin(dead).mean() <= MOST_DEAD  # else the surviving runs do not represent the model
        wanted_runs = (cells[~cells["of_dead"]] if few_dead else cells).groupby("metric")["run"].nunique()
        wanted_runs = wanted_runs.reindex([c.metric for c in chosen], fill_value=0)
        row = _named(key)
        rng = generator_of([SEED, *row])
        runs = groups.get(row, scores.iloc[:0])
        estimates.setdefault(row[0], {})[row[1:]] = estimate(
            runs, [c.name for c in chosen], wanted_runs.to_numpy(), rng
        )
    return estimates


def _named(key: Row) -> Row:
    """A group's key with None in place of NaN, which does not equal itself."""
    return tuple(None if pd.isna(k) else k for k in key)


def _boards(
    estimates: Estimates, chosen: Sequence[Column], keys: list[str], rank_sets: Sequence[str]
) -> list[pd.DataFrame]:
    """A board for each data set that has any of the scores; for several data sets, first the board over all."""
    scored = {d: rows for d, rows in estimates.items() if any(e.runs.any() for e in rows.values())}
    overall = {OVERALL: list(scored.values())} if len(scored) > 1 else {}
    by_name = overall | {dataset: [rows] for dataset, rows in scored.items()}
    return [board(parts, chosen, keys, rank_sets).assign(dataset=name) for name, parts in by_name.items()]
