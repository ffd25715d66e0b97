"""Do good settings transfer to another metric, data set or seed? (paper: tables 1 and 6)"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.names import merit_sign
from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.statistics.intervals import MIN_SEEDS, Floats, t_ends


@dataclass(frozen=True)
class Grid:
    """Complete scores as one array (D, M, K, S): data sets, metrics, settings, seeds."""

    scores: Floats
    datasets: tuple[str, ...]
    names: tuple[str, ...]


def complete_grid(scores: pd.DataFrame, names: Sequence[str]) -> Grid:
    """The settings and seeds that have every score on every data set, of models with a swept hyper-parameter.

    A seed that any setting lacks is left out, so that all settings have the same seeds. Scores of which lower is better
    are negated.

    Raises:
        TooFewRunsError: fewer than two settings or two seeds.
    """
    swept = scores[scores.index.get_level_values("value").notna()]
    names = [n for n in names if swept[n].notna().groupby("dataset").any().all()]
    long = swept[names].droplevel("run").stack(future_stack=True).dropna()
    block = long.unstack("seed")
    datasets = tuple(dict.fromkeys(swept.index.get_level_values("dataset")))
    per_setting = block.groupby(["model", "value"]).size()
    usable = per_setting.index[per_setting == len(datasets) * len(names)]
    block = block[block.index.droplevel(["dataset", block.index.names[-1]]).isin(usable)].dropna(axis="columns")
    if len(usable) < 2 or block.shape[1] < 2:
        raise TooFewRunsError(
            f"{len(usable)} settings have all {len(names)} metrics on all {len(datasets)} data sets, with "
            f"{block.shape[1]} seeds in common; two of each are needed"
        )
    order = pd.MultiIndex.from_tuples(
        [(d, *k, n) for d in datasets for n in names for k in usable], names=block.index.names
    )
    array = block.reindex(order).to_numpy().reshape(len(datasets), len(names), len(usable), -1)
    signs = np.array([merit_sign(n) for n in names])
    return Grid(array * signs[:, None, None], datasets, tuple(names))


def transfer(grid: Grid) -> pd.DataFrame:
    """How often the setting that is best for one score and seed is at least as good as a random one elsewhere.

    A trial picks the best setting for a random metric, data set and seed, one of them at random if several are. It then
    draws a metric (the same or another), a data set (the same or another), another seed and a random setting. The trial
    is won if the picked setting scores at least as high there. Percentages are the exact expectation of a trial (the
    paper draws 10,000 trials), a mean over pairs of seeds; intervals are from the jackknife over seeds.

    Returns:
        Long table: metric, dataset ("same" or "random"), percent, low, high, settings, seeds. Rows that need two
        metrics or two data sets are left out if there is one; the ends are missing below `MIN_SEEDS` seeds.
    """
    at_least = (grid.scores[..., :, None, :] >= grid.scores[..., None, :, :]).mean(axis=-2)  # (D, M, K, S)
    is_best = grid.scores == grid.scores.max(axis=2, keepdims=True)
    picked = is_best / is_best.sum(axis=2, keepdims=True)  # (D, M, K, S) probability; ties are drawn
    rows = []
    for metric in ("random", "same"):
        for dataset in ("random", "same"):
            pairs = _pairs(grid, metric == "same", dataset == "same")
            if len(pairs):
                percent, low, high = _expected(100 * _won(picked, at_least, pairs))
                rows.append({"metric": metric, "dataset": dataset, "percent": percent, "low": low, "high": high})
    return pd.DataFrame(rows).assign(settings=grid.scores.shape[2], seeds=grid.scores.shape[3])


def _pairs(grid: Grid, same_metric: bool, same_dataset: bool) -> NDArray[np.int64]:
    """(source data set, source metric, target data set, target metric) that a trial may draw."""
    count = (len(grid.datasets), len(grid.names))
    pairs = np.indices(count * 2).reshape(4, -1).T
    return pairs[((pairs[:, 0] == pairs[:, 2]) == same_dataset) & ((pairs[:, 1] == pairs[:, 3]) == same_metric)]


def _won(picked: Floats, at_least: Floats, pairs: NDArray[np.int64]) -> Floats:
    """Share of trials won if one seed (row) picks and another (column) judges: (S, S), 0 on the diagonal."""
    seeds = picked.shape[3]
    won = np.zeros((seeds, seeds))
    for d, m, to_d, to_m in pairs:
        won += picked[d, m].T @ at_least[to_d, to_m]
    np.fill_diagonal(won, 0)
    return won / len(pairs)


def _expected(won: Floats) -> tuple[float, float, float]:
    """The mean over pairs of seeds, and the ends of its jackknife interval."""
    seeds, total = len(won), won.sum()
    mean = total / seeds / (seeds - 1)
    if seeds < MIN_SEEDS:
        return float(mean), np.nan, np.nan
    without = (total - won.sum(axis=0) - won.sum(axis=1)) / (seeds - 1) / (seeds - 2)
    error = np.sqrt((seeds - 1) / seeds * ((without - without.mean()) ** 2).sum())
    low, high = (float(np.clip(end, 0, 100)) for end in t_ends(mean, error, seeds - 1))
    return float(mean), low, high
