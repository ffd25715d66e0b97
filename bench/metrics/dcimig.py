"""DCIMIG: the information gap of each dimension, credited to one factor (Sepliarskaia et al. 2019)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Score, metric
from bench.metrics.parts.concentration import gaps
from bench.metrics.parts.information_table import information_table


@metric(
    version=1,
    reads="points",
    min_factors=2,
    scores={"dcimig": Score(0, 1, title="DCIMIG")},
    headline="dcimig",
    invariant_to=("scale", "sign"),  # equal-width bins follow both maps, except for values on an edge
    falls_under_rotation=True,
    paper="Sepliarskaia et al. 2019, arXiv:1910.05587",
)
def dcimig(codes: ArrayLike, factors: ArrayLike, *, num_bins: int = 20) -> dict[str, float]:
    """The share of the factors' entropy held by dimensions that are informative about one factor alone.

    The gap of dimension d is I(z_d; v_(1)) - I(z_d; v_(2)), with v_(1) and v_(2) the two factors of largest mutual
    information with it; the gap is credited to v_(1). DCIMIG is the sum over factors of the largest gap credited to
    each, divided by the sum of their entropies, with codes in `num_bins` equal-width bins. Several dimensions for one
    factor do not lower it, nor do uninformative dimensions. Factors with a single value are left out.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        num_bins: bins of each code dimension.

    Raises:
        ValueError: bad codes, factors or number of bins.
        SkippedError: fewer than two factors vary.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> round(dcimig(factors.astype(float), factors)["dcimig"], 2)
        1.0
    """
    table = information_table(codes, factors, num_bins, least_factors=2)
    share = largest_credited(table.information).sum() / table.of_factors.sum()
    return {"dcimig": float(min(share, 1.0))}  # rounding can exceed 1


def largest_credited(information: Floats) -> Floats:
    """The largest gap that is credited to each factor, (F,), of information (D, F)."""
    credited = np.zeros(information.shape[1])
    np.maximum.at(credited, information.argmax(axis=1), gaps(information.T))
    return credited
