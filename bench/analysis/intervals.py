"""Stratified bootstrap over seeds: how far a statistic would move had other seeds been drawn."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 1000
LEVEL = 0.95
Floats = NDArray[np.float64]


def iqm(values: ArrayLike, axis: int = 0) -> Floats:
    """Interquartile mean (Agarwal et al. 2021, arXiv:2108.13264): the mean without the lowest and highest quarters.

    A quarter of n values is n // 4 of them, as in SciPy's `trim_mean(values, 0.25)`; NaN where any value is NaN.

    Raises:
        ValueError: there are no values along the axis.
    """
    array = np.moveaxis(np.asarray(values, dtype=np.float64), axis, 0)
    if len(array) == 0:
        raise ValueError("the interquartile mean of no values is undefined")
    cut = len(array) // 4
    ordered = np.moveaxis(
        np.sort(np.moveaxis(array, 0, -1), axis=-1), -1, 0
    )  # NaN comes last; faster than partitioning
    return np.where(np.isnan(ordered[-1]), np.nan, ordered[cut : len(array) - cut].mean(axis=0))


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


def resample_counts(
    strata: Sequence[Hashable], draws: int, rng: np.random.Generator, seeds: int | None = None
) -> NDArray[np.int64]:
    """How often each row is drawn (draws, N): what `resamples` draws, counted.

    Args:
        strata: the setting of each row.
        draws: number of draws.
        rng: of the draws.
        seeds: rows drawn from each stratum, with replacement; None: as many as it has.
    """
    total = len(strata)
    if seeds is None:
        return _counted(resamples(strata, draws, rng), total)
    labels = np.unique(np.array([repr(s) for s in strata]), return_inverse=True)[1]
    members = [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
    rows = np.hstack([m[rng.integers(len(m), size=(draws, seeds))] for m in members])
    return _counted(rows, total)


def _counted(rows: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """How often each of `total` rows is in each line of row indices."""
    offsets = np.arange(len(rows))[:, None] * total
    return np.bincount((rows + offsets).ravel(), minlength=len(rows) * total).reshape(len(rows), total)


def percentile_interval(values: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Low and high ends over the first axis; a cell that is undefined in some draws is undefined (NaN)."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def basic_interval(point: Floats, drawn: Floats) -> tuple[Floats, Floats]:
    """The percentile interval turned about the estimate: where redrawing biases a statistic, this takes it off again.

    Args:
        point: the estimate (...).
        drawn: the statistic of each resample (draws, ...).
    """
    low, high = percentile_interval(drawn)
    return 2 * point - high, 2 * point - low


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], Floats],
    strata: Sequence[Hashable],
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> tuple[Floats, Floats]:
    """The percentile interval of a statistic of resampled rows."""
    drawn = np.stack([statistic(rows) for rows in resamples(strata, draws, rng)])
    return percentile_interval(drawn)
