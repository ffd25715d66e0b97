"""How much two factors are encoded in the same dimensions of a code, by mutual information."""

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import Floats, Ints
from bench.metrics.parts.active import active
from bench.metrics.parts.information import discretise, mutual_information

NUM_BINS = 20
LEAST = 1e-9  # nats: less is rounding


def entanglement(codes: Floats, factors: Ints) -> NDArray[np.float64]:
    """Overlap O_jk = sum_d min(s_dj, s_dk) of every two factors, (F, F): 0 (no common dimension) to 1 (the diagonal).

    s_dk = I(z_d; v_k) / sum_e I(z_e; v_k) is the share of dimension d in the information about factor k, over active
    dimensions alone: mean codes of the others are nearly constant, but a little of every factor can be read from them.
    NaN for a factor that no active dimension is informative about. Information estimated from few rows is too large, so
    compare codes at the same number of rows.

    Args:
        codes: (N, D), mean codes.
        factors: (N, F) class indices.

    Example:
        >>> factors = np.stack(np.unravel_index(np.arange(64), (4, 4, 4)), axis=1)
        >>> mixed = np.stack([factors[:, 0], factors[:, 1] + 4 * factors[:, 2]], axis=1)
        >>> entanglement(mixed.astype(float), factors).round(2)
        array([[1., 0., 0.],
               [0., 1., 1.],
               [0., 1., 1.]])
    """
    information = mutual_information(discretise(codes[:, active(codes)], NUM_BINS), factors)
    total = information.sum(axis=0)
    known = total > LEAST
    shares = information / np.where(known, total, 1)
    overlap = np.minimum(shares[:, :, None], shares[:, None, :]).sum(axis=0)
    return np.where(known[:, None] & known, overlap, np.nan)
