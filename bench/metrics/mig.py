"""Mutual information gap (Chen et al. 2018)."""

from numpy.typing import ArrayLike

from bench.metrics.base import Score, metric
from bench.metrics.parts.concentration import gaps
from bench.metrics.parts.information_table import information_table


@metric(
    version=1,
    reads="points",
    scores={"mig": Score(0, 1, title="MIG", ranks=("study", "information"))},
    headline="mig",
    invariant_to=("scale", "sign"),  # equal-width bins follow both maps, except for values on an edge
    falls_under_rotation=True,
    paper="Chen et al. 2018, arXiv:1802.04942",
)
def mig(codes: ArrayLike, factors: ArrayLike, *, num_bins: int = 20) -> dict[str, float]:
    """The gap in mutual information between the two dimensions most informative about a factor, mean over factors.

    MIG = mean_k [I(z_(1); v_k) - I(z_(2); v_k)] / H(v_k), with codes in `num_bins` equal-width bins, so a perfect code
    of a factor with more values than bins scores below 1. For a code of one dimension I(z_(2); v_k) is 0. Factors with
    a single value are left out.

    Args:
        codes: (N, D).
        factors: (N, F) class indices.
        num_bins: bins of each code dimension.

    Raises:
        ValueError: bad codes, factors or number of bins.
        SkippedError: no factor varies.

    Example:
        >>> import numpy as np
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> round(mig(factors.astype(float), factors)["mig"], 2)
        1.0
    """
    table = information_table(codes, factors, num_bins)
    shares = gaps(table.information) / table.of_factors
    return {"mig": float(min(shares.mean(), 1.0))}  # rounding can exceed 1 for a perfect code
