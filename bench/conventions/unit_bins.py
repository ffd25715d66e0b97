"""Bins of columns that were first rescaled to [0, 1], as in several repositories."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Ints


def unit_bins(table: ArrayLike, num_bins: int) -> Ints:
    """Each column in equal-width bins 0 to `num_bins` - 1 of its range, with 64-bit edges; a constant column is all 0.

    A metric that bins the result again into `num_bins` bins does not change it.

    Example:
        >>> unit_bins([[0.0], [0.9], [1.0], [4.0]], 4).ravel()
        array([0, 0, 1, 3])
    """
    from sklearn.preprocessing import minmax_scale

    columns = minmax_scale(np.asarray(table, np.float64))
    return np.digitize(columns, np.linspace(0, 1, num_bins + 1)[:-1]) - 1


def in_unit_bins(
    metric: Callable[..., dict[str, float]],
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    num_bins: int,
    bin_factors: bool = False,
) -> dict[str, float]:
    """A metric of this suite for codes (and, with `bin_factors`, factors) in these bins."""
    classes = unit_bins(factors, num_bins) if bin_factors else factors
    return metric(unit_bins(codes, num_bins), classes, num_bins=num_bins)
