"""Which dimensions of a code are in use."""

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import Floats

LEAST_DEVIATION = 0.05  # standard deviation (variance 0.0025) below which a dimension is not active


def active(codes: Floats) -> NDArray[np.bool_]:
    """Whether the standard deviation of each dimension is at least 0.05, the FactorVAE score's rule: (D,).

    Args:
        codes: (N, D), N >= 2. Pass mean codes: sampled codes of a collapsed VAE vary with the prior's noise.
    """
    return codes.std(axis=0, ddof=1) >= LEAST_DEVIATION
