"""How sparse codes are: whether each row uses few of its dimensions."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Score, check_codes, metric
from bench.metrics.parts.standardise import LEAST_RANGE, moments


@metric(
    version=1,
    reads="points",
    min_factors=0,
    scores={"hoyer": Score(0, 1, None)},
    invariant_to=("sign",),  # to the scale of dimensions too, not to offsets: a sparse code holds zeros
    paper="Hoyer 2004, JMLR 5; Hurley & Rickard 2009, arXiv:0811.4706; Mathieu et al. 2019, arXiv:1812.02833",
)
def sparsity(codes: ArrayLike) -> dict[str, float]:
    """Hoyer's sparsity, the mean over rows of (sqrt(D) - |z|_1 / |z|_2) / (sqrt(D) - 1): 1 if each row uses one dim.

    Dimensions are divided by their standard deviation, so a small dimension does not count as unused; they are not
    centred. Constant dimensions are left out of z and of D, so that dead dimensions do not make a code sparse. Rows of
    zeros are left out of the mean. With fewer than two other dimensions the score is 0. Independent Gaussian dimensions
    score 0.27 for D = 10, and 0.20 for large D.

    Args:
        codes: (N, D).

    Raises:
        ValueError: bad codes, or a single row.

    Example:
        >>> sparsity([[3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        {'hoyer': 1.0}
    """
    array = check_codes(codes, min_rows=2)
    live = array[:, np.ptp(array, axis=0) >= LEAST_RANGE]
    if live.shape[1] < 2:
        return {"hoyer": 0.0}
    scaled = live / moments(live)[1]
    used = scaled[scaled.any(axis=1)]
    root = np.sqrt(live.shape[1])
    ratios = np.abs(used).sum(axis=1) / np.linalg.norm(used, axis=1)
    return {"hoyer": float(np.clip((root - ratios) / (root - 1), 0, 1).mean())}
