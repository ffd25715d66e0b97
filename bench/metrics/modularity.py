"""Modularity (Ridgeway & Mozer 2018)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Score, metric
from bench.metrics.parts.information_table import information_table


@metric(
    version=1,
    reads="points",
    min_factors=2,
    scores={"modularity": Score(0, 1, title="Modularity", ranks=("study", "information"))},
    headline="modularity",
    invariant_to=("scale", "sign"),  # equal-width bins follow both maps, except for values on an edge
    falls_under_rotation=True,
    paper="Ridgeway & Mozer 2018, arXiv:1802.05312",
)
def modularity(codes: ArrayLike, factors: ArrayLike, *, num_bins: int = 20) -> dict[str, float]:
    """Whether each dimension is informative about a single factor.

    Modularity = mean_d 1 - (sum_k I_dk^2 - max_k I_dk^2) / (max_k I_dk^2 (F - 1)), where I is the mutual information of
    codes in `num_bins` equal-width bins with factors. A dimension without any information counts 0. Factors with a
    single value are left out.

    Mutual information estimated from a finite sample is rarely exactly 0, so a noise dimension has a modularity too.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        num_bins: bins of each code dimension.

    Raises:
        ValueError: bad codes, factors or number of bins.
        SkippedError: fewer than two factors vary.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> round(modularity(factors.astype(float), factors)["modularity"], 2)
        1.0
    """
    return {"modularity": mean_modularity(information_table(codes, factors, num_bins, least_factors=2).information)}


def mean_modularity(matrix: Floats) -> float:
    """Mean over rows R_d of 1 - (sum_k R_dk^2 - max_k R_dk^2) / (max_k R_dk^2 (F - 1)); a row of zeros counts 0.

    Args:
        matrix: importance of each dimension for each factor, (D, F), F >= 2.
    """
    squares = matrix**2
    largest = squares.max(axis=1)
    informed = largest > 0
    others = (squares[informed].sum(axis=1) - largest[informed]) / (largest[informed] * (matrix.shape[1] - 1))
    return float(np.maximum(1 - others, 0).sum() / len(squares))  # rounding can fall below 0
