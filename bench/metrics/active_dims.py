"""How many dimensions of a code are in use."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Score, check_codes, metric
from bench.metrics.parts.active import active


@metric(
    version=1,
    reads="points",
    min_factors=0,
    scores={"active_dims": Score(0, float("inf"), None)},
    invariant_to=("sign",),  # not to scale: a dimension is active from a deviation of 0.05
    paper="Kim & Mnih 2018, arXiv:1802.05983",
)
def active_dims(codes: ArrayLike) -> dict[str, float]:
    """The number of dimensions whose standard deviation is at least 0.05, the FactorVAE score's rule.

    Args:
        codes: (N, D).

    Raises:
        ValueError: bad codes, or a single row.

    Example:
        >>> active_dims([[0.0, 1.0], [0.01, 2.0], [0.0, 3.0]])
        {'active_dims': 1.0}
    """
    return {"active_dims": float(np.sum(active(check_codes(codes, min_rows=2))))}
