"""Estimates of a group of runs: the IQM of each score, its error, and draws of what other seeds might give."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.statistics.intervals import DRAWS, MIN_SEEDS, iqm, numbered, spread, winsorised

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """K scores of the runs of one model (or setting) on one data set.

    Attributes:
        point: (K,) IQM, missing where there is no run.
        error: (K,) its standard error, missing where a setting has fewer than `MIN_SEEDS` seeds.
        freedom: (K,) degrees of freedom of the error.
        draws: (DRAWS, K) from the normal distribution of the IQMs, scores of one run together; the point itself where
            its error is not known.
        runs: (K,) how many have the score.
        coverage: (K,) share of the wanted runs that have it.
        seeds: the fewest of a setting.
    """

    point: Array
    error: Array
    freedom: Array
    draws: Array
    runs: Array
    coverage: Array
    seeds: int

    @classmethod
    def nothing(cls, columns: int) -> Self:
        """The estimate of no runs."""
        missing, zeros = np.full((DRAWS, columns), np.nan), np.zeros(columns)
        return cls(missing[0], missing[0], missing[0], missing, zeros, zeros, 0)

    @classmethod
    def of_columns(cls, parts: Sequence[Self], picked: NDArray[np.int64], known: NDArray[np.bool_]) -> Self:
        """Each score from one of several estimates: `picked` (K,) says which; missing unless `known` (K,)."""
        chosen = [parts[part] for part in picked]

        def column(name: str, otherwise: float) -> Array:
            values = np.stack([getattr(e, name)[..., k] for k, e in enumerate(chosen)], axis=-1)
            return np.where(known, values, otherwise)

        point, error, freedom, draws = (column(name, np.nan) for name in ("point", "error", "freedom", "draws"))
        seeds = min(e.seeds for e in chosen)
        return cls(point, error, freedom, draws, column("runs", 0.0), column("coverage", 0.0), seeds)


def estimate(runs: pd.DataFrame, names: Sequence[str], wanted: NDArray[np.int64], rng: np.random.Generator) -> Estimate:
    """IQM of each score over runs, with its error by the variance of seeds within each setting.

    Args:
        runs: a row each, with the column "value" (the setting) and one for each score; NaN is missing.
        names: K scores.
        wanted: (K,) how many runs should have each score.
        rng: of the draws, which ranks rest on.
    """
    values = runs[list(names)].to_numpy(np.float64)
    labels = numbered([repr(v) for v in runs["value"].astype(float)])  # nan: a model that sweeps nothing
    point, error, freedom = np.full((3, len(names)), np.nan)
    draws = np.full((DRAWS, len(names)), np.nan)
    held = ~np.isnan(values)
    for pattern in dict.fromkeys(tuple(h) for h in held.T if h.any()):  # scores of the same runs are drawn together
        rows, columns = np.flatnonzero(pattern), np.flatnonzero((np.array(pattern) == held.T).all(axis=1))
        chosen, settings = values[np.ix_(rows, columns)], np.unique(labels[rows], return_inverse=True)[1]
        point[columns] = draws[:, columns] = iqm(chosen)
        if np.bincount(settings).min() >= MIN_SEEDS:
            influence = iqm_influence(chosen)
            error[columns], freedom[columns] = _iqm_error(influence, settings)
            draws[:, columns] += rng.standard_normal((DRAWS, len(rows))) @ _scaled(influence, settings)
    count = held.sum(axis=0).astype(np.float64)
    coverage = np.where(wanted > 0, count / np.maximum(wanted, 1), 0.0)
    seeds = int(min(np.bincount(labels), default=0)) if len(labels) else 0
    return Estimate(point, error, freedom, draws, count, coverage, seeds)


def iqm_influence(values: Array) -> Array:
    """Influence of each run on the IQM of values (N, K): its winsorised value over the share that is kept."""
    kept = 1 - 2 * (len(values) // 4) / len(values)
    return winsorised(values) / kept


def _iqm_error(influence: Array, labels: NDArray[np.int64]) -> tuple[Array, Array]:
    """Standard error and its degrees of freedom, to which only kept runs contribute (Tukey & McLaughlin 1963)."""
    error, freedom = spread(influence, labels)
    count = len(influence)
    return error, freedom * (count - 2 * (count // 4) - 1) / (count - 1)


def _scaled(influence: Array, labels: NDArray[np.int64]) -> Array:
    """Rows whose sum, each times a standard normal number, has the variance of the statistic: (N, K)."""
    sizes = np.bincount(labels)
    means = np.stack([np.bincount(labels, column) for column in influence.T], axis=1) / sizes[:, None]
    size = sizes[labels][:, None]
    return (influence - means[labels]) * np.sqrt(size / (size - 1)) / len(influence)
