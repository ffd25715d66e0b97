"""Codes and factors that other code gives no number for."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import SkippedError, check_codes, check_factors


def refuse_constant(codes: ArrayLike) -> None:
    """Codes with a constant dimension have no number where each dimension is divided by what it holds.

    Raises:
        SkippedError: there is one; the message has the dimensions.
    """
    constant = np.flatnonzero(np.ptp(check_codes(codes, min_rows=2), axis=0) == 0)
    if len(constant):
        raise SkippedError(f"its code gives NaN where a dimension is constant, here {', '.join(map(str, constant))}")


def refuse_single_valued(factors: ArrayLike) -> None:
    """A classifier cannot be fitted to a factor with a single value.

    Raises:
        SkippedError: there is one; the message has the factors.
    """
    single = np.flatnonzero(np.ptp(check_factors(factors, len(np.asarray(factors))), axis=0) == 0)
    if len(single):
        raise SkippedError(f"its code fails where a factor has a single value, here {', '.join(map(str, single))}")
