"""How far two factors lie in the same dimensions of a code: by what its dimensions tell of each."""

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import Floats, Ints
from bench.metrics.parts.information import discretise, mutual_information

NUM_BINS = 20


def entanglement(codes: Floats, factors: Ints) -> NDArray[np.float64]:
    """What every two factors share, (F, F), from 0, where no dimension tells of both, to 1, on the diagonal.

    A dimension's share of a factor is its mutual information with it, over the sum of that of all dimensions; two
    factors share sum_d min(share of one, share of the other). NaN for a factor that no dimension tells of. Few rows
    tell a little of everything, so codes are to be compared at as many rows.

    Args:
        codes: (N, D).
        factors: (N, F) class indices.

    Example:
        >>> factors = np.stack(np.unravel_index(np.arange(64), (4, 4, 4)), axis=1)
        >>> mixed = np.stack([factors[:, 0], factors[:, 1] + 4 * factors[:, 2]], axis=1)
        >>> entanglement(mixed.astype(float), factors).round(2)
        array([[1., 0., 0.],
               [0., 1., 1.],
               [0., 1., 1.]])
    """
    information = mutual_information(discretise(codes, NUM_BINS), factors)
    total = information.sum(axis=0)
    shares = information / np.where(total > 0, total, np.nan)
    overlap: NDArray[np.float64] = np.minimum(shares[:, :, None], shares[:, None, :]).sum(axis=0)
    return overlap
