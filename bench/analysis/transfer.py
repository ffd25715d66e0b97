"""Do good settings carry over to another metric, another data set, another seed? (paper: tables 1 and 6)"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.agreement import TooFewRunsError
from bench.analysis.intervals import percentile_interval, resample_counts

Floats = NDArray[np.float64]
TRIALS = 10_000  # of the paper
DRAWS = 1000


@dataclass(frozen=True)
class Grid:
    """Scores as one block (data sets D, metrics M, settings K, seeds S), complete."""

    scores: Floats
    datasets: tuple[str, ...]
    names: tuple[str, ...]


def complete_grid(scores: pd.DataFrame, names: Sequence[str]) -> Grid:
    """The settings and seeds that have every score on every data set, of models that sweep something.

    A seed is left out where a setting lacks it, so that all settings rest on the same seeds.

    Raises:
        TooFewRunsError: fewer than two settings, or than two seeds.
    """
    known = scores[scores.index.get_level_values("value").notna()]
    names = [n for n in names if known[n].notna().groupby("dataset").any().all()]
    long = known[names].droplevel("run").stack(future_stack=True).dropna()
    block = long.unstack("seed")
    datasets = tuple(dict.fromkeys(known.index.get_level_values("dataset")))
    wanted = len(datasets) * len(names)
    per_setting = block.groupby(["model", "value"]).size()
    usable = per_setting.index[per_setting == wanted]
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
    return Grid(array, datasets, tuple(names))


def transfer(grid: Grid, rng: np.random.Generator) -> pd.DataFrame:
    """How often the setting picked by one seed's score is at least as good as a random one, elsewhere.

    A trial: draw a metric, a data set and a seed; take the setting that is best by them. Draw a metric (the same or
    another), a data set (the same or another), another seed and a random setting: the picked one wins or ties if it
    scores no less there. Percentages are over 10,000 trials; intervals are of the exact expectation of a trial, with
    seeds redrawn.

    Returns:
        Long table: metric, dataset ("same" or "random"), percent, low, high, trials, settings, seeds. What needs two
        metrics or two data sets is left out where there is one.
    """
    at_least = (grid.scores[..., :, None, :] >= grid.scores[..., None, :, :]).mean(axis=-2)  # (D, M, K, S)
    best = grid.scores.argmax(axis=2)  # (D, M, S)
    counts = resample_counts([0] * grid.scores.shape[3], DRAWS, rng)
    found = []
    for metric in ("random", "same"):
        for dataset in ("random", "same"):
            pairs = _pairs(grid, metric == "same", dataset == "same")
            if len(pairs):
                percent = 100 * _trials(grid.scores, best, pairs, rng)
                low, high = percentile_interval(100 * _expected(best, at_least, pairs, counts))
                found.append({"metric": metric, "dataset": dataset, "percent": percent, "low": low, "high": high})
    sizes = {"trials": TRIALS, "settings": grid.scores.shape[2], "seeds": grid.scores.shape[3]}
    return pd.DataFrame(found).assign(**sizes)


def _pairs(grid: Grid, same_metric: bool, same_dataset: bool) -> NDArray[np.int64]:
    """(source data set, source metric, target data set, target metric) that a trial may draw."""
    count = (len(grid.datasets), len(grid.names))
    everything = np.indices(count * 2).reshape(4, -1).T
    fits = ((everything[:, 0] == everything[:, 2]) == same_dataset) & (
        (everything[:, 1] == everything[:, 3]) == same_metric
    )
    return everything[fits]


def _trials(scores: Floats, best: NDArray[np.int64], pairs: NDArray[np.int64], rng: np.random.Generator) -> float:
    """Share of random trials that are won or tied."""
    settings, seeds = scores.shape[2:]
    d, m, to_d, to_m = pairs[rng.integers(len(pairs), size=TRIALS)].T
    seed = rng.integers(seeds, size=TRIALS)
    elsewhere = (seed + rng.integers(1, seeds, size=TRIALS)) % seeds
    picked, chance = best[d, m, seed], rng.integers(settings, size=TRIALS)
    return float((scores[to_d, to_m, picked, elsewhere] >= scores[to_d, to_m, chance, elsewhere]).mean())


def _expected(best: NDArray[np.int64], at_least: Floats, pairs: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    """The expectation of a trial under redrawn seeds (draws,); a seed is never compared with itself."""
    seeds = counts.shape[1]
    won = np.zeros((seeds, seeds))  # (picking seed, seed elsewhere), summed over pairs
    for d, m, to_d, to_m in pairs:
        won += at_least[to_d, to_m, best[d, m]]
    np.fill_diagonal(won, 0)
    weight = counts.sum(axis=1) ** 2 - (counts**2).sum(axis=1)
    shares = np.einsum("ds,st,dt->d", counts, won / len(pairs), counts, optimize=True)
    return shares[weight > 0] / weight[weight > 0]
