"""Joint entropy minus mutual information gap (Do & Tran 2020)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Score, metric
from bench.metrics.parts.information_table import information_table


@metric(
    version=1,
    reads="points",
    scores={"jemmig": Score(0, 1, title="JEMMIG")},
    headline="jemmig",
    invariant_to=("scale", "sign"),  # equal-width bins follow both maps, except for values on an edge
    falls_under_rotation=True,
    paper="Do & Tran 2020, arXiv:1908.09961",
)
def jemmig(codes: ArrayLike, factors: ArrayLike, *, num_bins: int = 20) -> dict[str, float]:
    """The mutual information gap, less the entropy that a factor and its dimension do not share; normalised.

    With z_(1) and z_(2) the two dimensions most informative about factor k, and codes in B = `num_bins` equal-width
    bins,

        J_k = H(v_k, z_(1)) - I(v_k; z_(1)) + I(v_k; z_(2)),  JEMMIG = mean_k 1 - J_k / (H(v_k) + log B).

    Unlike the MIG, it falls if a dimension holds more than its factor. J_k is normalised by its value for a dimension
    that fills all bins, so uniform noise scores 0, but a constant code, which has no entropy beside the factors',
    scores log B / (H(v_k) + log B), far above 0. A perfect code scores below 1 if bins merge values of a factor. Of
    equally informative dimensions z_(1) is that of least entropy. For a code of one dimension I(v_k; z_(2)) is 0.
    Factors with a single value are left out.

    Args:
        codes: (N, D).
        factors: (N, F) class indices.
        num_bins: bins of each code dimension.

    Raises:
        ValueError: bad codes, factors or number of bins.
        SkippedError: no factor varies.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> round(jemmig(factors.astype(float), factors)["jemmig"], 2)
        1.0
    """
    table = information_table(codes, factors, num_bins)
    ordered = np.sort(table.information, axis=0)
    second = ordered[-2] if len(ordered) > 1 else 0.0
    is_best = table.rounded == table.rounded.max(axis=0)
    joint = table.of_factors + np.where(is_best, table.of_dims[:, None], np.inf).min(axis=0) - ordered[-1]
    lost = (joint - ordered[-1] + second) / (table.of_factors + np.log(num_bins))
    return {"jemmig": float(np.clip(1 - lost.mean(), 0, 1))}  # rounding can leave [0, 1]
