"""P values of many tests, adjusted for the false discovery rate."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05
Floats = NDArray[np.float64]


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Adjusted p values (Benjamini & Hochberg 1995): the lowest false discovery rate at which each cell is significant.

    NaN marks a cell that was not tested: it stays NaN and does not count.
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values.ravel()[tested], kind="stable")]
    scaled = values.ravel()[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted.ravel()[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return adjusted
