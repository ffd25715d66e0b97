"""MIG-sup: the mutual information gap of each dimension, in place of each factor (Li et al. 2020)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Score, metric
from bench.metrics.parts.information_table import information_table


@metric(
    version=1,
    reads="points",
    min_factors=2,
    scores={"mig_sup": Score(-1, 1, title="MIG-sup")},
    headline="mig_sup",
    invariant_to=("scale", "sign"),  # equal-width bins follow both maps, except for values on an edge
    falls_under_rotation=True,
    paper="Li et al. 2020, arXiv:2002.10549",
)
def mig_sup(codes: ArrayLike, factors: ArrayLike, *, num_bins: int = 20) -> dict[str, float]:
    """The gap in information between the two factors that a dimension is most informative about, mean over dimensions.

    MIG-sup = mean_d [I(z_d; v_(1)) / H(v_(1)) - I(z_d; v_(2)) / H(v_(2))], with v_(1) and v_(2) the two factors of
    largest mutual information (in nats) with dimension d, and codes in `num_bins` equal-width bins. Every dimension
    counts, so uninformative ones lower the score. If the entropies of factors differ, a gap can be below 0. Of equally
    informative factors v_(1) is that of least entropy. Factors with a single value are left out.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        num_bins: bins of each code dimension.

    Raises:
        ValueError: bad codes, factors or number of bins.
        SkippedError: fewer than two factors vary.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> round(mig_sup(factors.astype(float), factors)["mig_sup"], 2)
        1.0
    """
    table = information_table(codes, factors, num_bins, least_factors=2)
    shares = table.information / table.of_factors
    first_two = np.lexsort((-shares, -table.rounded), axis=1)[:, :2]
    top, second = np.take_along_axis(shares, first_two, axis=1).T
    return {"mig_sup": float(np.clip((top - second).mean(), -1, 1))}  # rounding can exceed 1 for a perfect code
