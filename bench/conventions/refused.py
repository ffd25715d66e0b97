"""Codes and factors for which a repository's code gives no number."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import SkippedError, check_codes, check_factors


def refuse_constant(codes: ArrayLike) -> None:
    """Refuse codes with a constant dimension: division by its entropy, 0, gives NaN.

    Raises:
        SkippedError: a dimension is constant; the message lists all of them.
    """
    constant = np.flatnonzero(np.ptp(check_codes(codes, min_rows=2), axis=0) == 0)
    if len(constant):
        raise SkippedError(f"its code gives NaN where a dimension is constant, here {', '.join(map(str, constant))}")


def refuse_single_valued(factors: ArrayLike) -> None:
    """Refuse a factor with a single value: no classifier can be fitted to it.

    Raises:
        SkippedError: a factor has a single value; the message lists all of them.
    """
    single = np.flatnonzero(np.ptp(check_factors(factors, len(np.asarray(factors))), axis=0) == 0)
    if len(single):
        raise SkippedError(f"its code fails where a factor has a single value, here {', '.join(map(str, single))}")
