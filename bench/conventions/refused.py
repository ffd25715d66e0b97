"""Codes for which a repository's code gives no number."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import SkippedError, check_codes


def refuse_constant(codes: ArrayLike) -> None:
    """Refuse codes with a constant dimension: division by its entropy, 0, gives NaN.

    Raises:
        SkippedError: a dimension is constant; the message lists all of them.
    """
    constant = np.flatnonzero(np.ptp(check_codes(codes, min_rows=2), axis=0) == 0)
    if len(constant):
        raise SkippedError(f"its code gives NaN where a dimension is constant, here {', '.join(map(str, constant))}")
