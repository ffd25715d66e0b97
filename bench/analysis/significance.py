"""Many cells tested at once: which remain when the share of false finds among them is held down."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05
Floats = NDArray[np.float64]


def two_sided(drawn: Floats, null: float = 0.0) -> Floats:
    """Bootstrap p value of a cell not being `null`, (draws, ...) -> (...): twice the share of draws on its other side.

    Both counts are raised by one, so no p is 0: of 1,000 draws the least is 0.002. NaN where a draw is NaN.
    """
    below, above = (drawn <= null).sum(axis=0), (drawn >= null).sum(axis=0)
    p = np.minimum(1.0, 2 * (np.minimum(below, above) + 1) / (len(drawn) + 1))
    return np.where(np.isnan(drawn).any(axis=0), np.nan, p)


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Adjusted p values (Benjamini & Hochberg 1995): the false discovery rate at which each cell is found.

    Cells that are NaN were not tested: they stay NaN and do not count.
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values.ravel()[tested], kind="stable")]
    scaled = values.ravel()[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted.ravel()[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return adjusted
