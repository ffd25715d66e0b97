"""Estimates from a group of runs: the IQM of each score, its error, and draws of the IQMs of other seeds."""

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
        point: (K,) IQM, NaN without a run.
        error: (K,) its standard error, NaN if a setting has fewer than `MIN_SEEDS` seeds.
        freedom: (K,) degrees of freedom of the error.
        draws: (DRAWS, K) from the joint normal distribution of the IQMs; equal to the point if its error is missing.
        runs: (K,) runs with the score.
        coverage: (K,) share of the expected runs that have it.
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
    def empty(cls, columns: int) -> Self:
        """The estimate of no runs."""
        missing, zeros = np.full((DRAWS, columns), np.nan), np.zeros(columns)
        return cls(missing[0], missing[0], missing[0], missing, zeros, zeros, 0)

    @classmethod
    def of_columns(cls, parts: Sequence[Self], picked: NDArray[np.int64], valid: NDArray[np.bool_]) -> Self:
        """Score k from the estimate `parts[picked[k]]`, or missing unless `valid[k]`; `picked` and `valid` are (K,)."""
        chosen = [parts[part] for part in picked]

        def column(name: str, otherwise: float) -> Array:
            values = np.stack([getattr(e, name)[..., k] for k, e in enumerate(chosen)], axis=-1)
            return np.where(valid, values, otherwise)

        point, error, freedom, draws = (column(name, np.nan) for name in ("point", "error", "freedom", "draws"))
        seeds = min(e.seeds for e in chosen)
        return cls(point, error, freedom, draws, column("runs", 0.0), column("coverage", 0.0), seeds)


def estimate(
    runs: pd.DataFrame, names: Sequence[str], expected: NDArray[np.int64], rng: np.random.Generator
) -> Estimate:
    """IQM of each score over runs, with its error from the variance of seeds within each setting.

    Args:
        runs: a row per run, with the column "value" (the setting) and one for each score; NaN is missing.
        names: K scores.
        expected: (K,) number of runs that should have each score.
        rng: of the draws, from which intervals of ranks are computed.
    """
    values = runs[list(names)].to_numpy(np.float64)
    labels = numbered([repr(v) for v in runs["value"].astype(float)])  # nan: a model that sweeps nothing
    point, error, freedom = np.full((3, len(names)), np.nan)
    draws = np.full((DRAWS, len(names)), np.nan)
    present = ~np.isnan(values)
    for pattern in dict.fromkeys(tuple(p) for p in present.T if p.any()):  # scores of the same runs are drawn jointly
        rows, columns = np.flatnonzero(pattern), np.flatnonzero((np.array(pattern) == present.T).all(axis=1))
        chosen, settings = values[np.ix_(rows, columns)], np.unique(labels[rows], return_inverse=True)[1]
        point[columns] = draws[:, columns] = iqm(chosen)
        if np.bincount(settings).min() >= MIN_SEEDS:
            influence = iqm_influence(chosen)
            error[columns], freedom[columns] = _iqm_error(influence, settings)
            draws[:, columns] += rng.standard_normal((DRAWS, len(rows))) @ _scaled(influence, settings)
    count = present.sum(axis=0).astype(np.float64)
    coverage = np.where(expected > 0, count / np.maximum(expected, 1), 0.0)
    seeds = int(min(np.bincount(labels), default=0))
    return Estimate(point, error, freedom, draws, count, coverage, seeds)


def iqm_influence(values: Array) -> Array:
    """Influence of each run on the IQM of values (N, K): its winsorised value divided by the untrimmed share."""
    untrimmed = 1 - 2 * (len(values) // 4) / len(values)
    return winsorised(values) / untrimmed


def _iqm_error(influence: Array, labels: NDArray[np.int64]) -> tuple[Array, Array]:
    """Standard error and its degrees of freedom, to which only untrimmed runs contribute (Tukey & McLaughlin 1963)."""
    error, freedom = spread(influence, labels)
    count = len(influence)
    return error, freedom * (count - 2 * (count // 4) - 1) / (count - 1)


def _scaled(influence: Array, labels: NDArray[np.int64]) -> Array:
    """Rows (N, K) whose sum, each times a standard normal number, has the variance of the statistic."""
    sizes = np.bincount(labels)
    means = np.stack([np.bincount(labels, column) for column in influence.T], axis=1) / sizes[:, None]
    size = sizes[labels][:, None]
    return (influence - means[labels]) * np.sqrt(size / (size - 1)) / len(influence)
