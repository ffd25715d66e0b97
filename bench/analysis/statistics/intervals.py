"""The sampling error of statistics over seeds: from the influence of each run, or by the bootstrap.

A run changes most statistics by about influence / N. So the variance of the influences within settings gives the
variance of the statistic, and t intervals cover 95 % from 5 seeds on (measured by `benchmarks/interval_coverage.py`).
Below `MIN_SEEDS` seeds of a setting there is no interval. Statistics without an influence (ranks of rows, picks,
thirds) are bootstrapped.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

MIN_SEEDS = 5  # of a setting; fewer estimate the variance of seeds too poorly
DRAWS = 1000
LEVEL = 0.95
Floats = NDArray[np.float64]


def iqm(values: ArrayLike, axis: int = 0) -> Floats:
    """Interquartile mean (Agarwal et al. 2021, arXiv:2108.13264): the mean without the lowest and highest quarters.

    A quarter of n values is n // 4 of them, as in SciPy's `trim_mean(values, 0.25)`. NaN if any value is NaN.

    Raises:
        ValueError: there are no values along the axis.
    """
    array = np.moveaxis(np.asarray(values, dtype=np.float64), axis, 0)
    if len(array) == 0:
        raise ValueError("the interquartile mean of no values is undefined")
    cut = len(array) // 4
    ordered = np.moveaxis(np.sort(np.moveaxis(array, 0, -1), axis=-1), -1, 0)  # NaN last; faster than partitioning
    return np.where(np.isnan(ordered[-1]), np.nan, ordered[cut : len(array) - cut].mean(axis=0))


def resamples(strata: Sequence[Hashable], draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row indices (draws, N): in each draw every row is replaced by a random row of its stratum.

    A stratum is one setting (model, strength, data set); its rows are the seeds.
    """
    _, labels = np.unique(np.array([repr(s) for s in strata]), return_inverse=True)
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    starts = np.cumsum(sizes) - sizes
    picks = (rng.random((draws, len(labels))) * sizes[labels]).astype(np.int64)
    return order[starts[labels] + picks]


def resample_counts(strata: Sequence[Hashable], draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often `resamples` draws each row: (draws, N)."""
    rows, total = resamples(strata, draws, rng), len(strata)
    offsets = np.arange(len(rows))[:, None] * total
    return np.bincount((rows + offsets).ravel(), minlength=len(rows) * total).reshape(len(rows), total)


def spread(influence: Floats, labels: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Standard error of a statistic, and its degrees of freedom, from the influence of each run on it.

    A run changes the statistic by about influence / N. The variance is the sum over settings of the variance of the
    influences within the setting; its degrees of freedom are Satterthwaite's.

    Args:
        influence: (N, ...), up to a constant.
        labels: (N,) the setting of each run, numbered from 0; each has two runs or more.
    """
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    starts = np.cumsum(sizes) - sizes
    ordered = np.asarray(influence, dtype=np.float64)[order]
    sizes = sizes.reshape(-1, *[1] * (ordered.ndim - 1))
    means = np.add.reduceat(ordered, starts, axis=0) / sizes
    squares = np.add.reduceat((ordered - np.repeat(means, sizes.ravel(), axis=0)) ** 2, starts, axis=0)
    parts = sizes * squares / (sizes - 1) / len(labels) ** 2
    total = parts.sum(axis=0)
    return np.sqrt(total), total**2 / np.maximum((parts**2 / (sizes - 1)).sum(axis=0), 1e-300)


def t_ends(point: ArrayLike, error: ArrayLike, freedom: ArrayLike) -> tuple[Floats, Floats]:
    """Ends of the 95 % t interval of an estimate with a standard error and degrees of freedom."""
    half = t_quantile(freedom) * np.asarray(error)
    return point - half, point + half


def t_quantile(freedom: ArrayLike) -> Floats:
    """97.5 % quantile of Student's t; degrees of freedom below 1 count as 1."""
    return special.stdtrit(np.maximum(freedom, 1), (1 + LEVEL) / 2)


def together(errors: Floats, freedoms: Floats, axis: int = 0) -> tuple[Floats, Floats]:
    """Standard error and degrees of freedom (Satterthwaite) of a sum of independent estimates."""
    variances = np.asarray(errors) ** 2
    total = variances.sum(axis=axis)
    parts = variances**2 / np.maximum(freedoms, 1e-300)  # constant estimates have variance 0 and 0 degrees of freedom
    return np.sqrt(total), total**2 / np.maximum(parts.sum(axis=axis), 1e-300)


def numbered(strata: Sequence[Hashable]) -> NDArray[np.int64]:
    """The stratum (setting) of each row as a number from 0."""
    return np.unique(np.array([repr(s) for s in strata]), return_inverse=True)[1]


def winsorised(values: Floats) -> Floats:
    """Values (N, ...) with the lowest and highest quarters set to the smallest and largest of the other values."""
    ordered, cut = np.sort(values, axis=0), len(values) // 4
    return np.clip(values, ordered[cut], ordered[len(values) - 1 - cut])


def stretched(point: Floats, draws: Floats, labels: NDArray[np.int64]) -> Floats:
    """Bootstrap draws (draws, ...), stretched about the estimate so that percentile intervals cover 95 %.

    Two corrections: resampled seeds vary less than seeds by sqrt((n - 1) / n), and percentiles correspond to normal
    quantiles, not to those of Student's t.
    """
    sizes = np.bincount(labels)
    fewest = sizes.min()
    factor = np.sqrt(fewest / (fewest - 1)) * t_quantile(len(sizes) * (fewest - 1)) / special.ndtri((1 + LEVEL) / 2)
    return point + factor * (draws - point)


def percentile_interval(values: Floats) -> tuple[Floats, Floats]:
    """Low and high ends over the first axis (draws); NaN for a cell that is NaN in any draw."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high
