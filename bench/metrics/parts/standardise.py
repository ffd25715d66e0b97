"""Centre and scale of code dimensions, for numbers of any size."""

import numpy as np

from bench.metrics.base import Floats

LEAST_RANGE = 1e-100  # below it a dimension counts as constant: squares of quotients by it must not overflow


def moments(codes: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each dimension, (D,) each; a constant dimension has deviation 1.

    Example:
        >>> moments(np.array([[0.0, 0.1], [2.0, 0.1]]))
        (array([1. , 0.1]), array([1., 1.]))
    """
    constant = np.ptp(codes, axis=0) < LEAST_RANGE
    mean = np.where(constant, codes[0], codes.mean(axis=0))  # the rounded mean of equal values may differ from them
    deviation = (codes - mean).std(axis=0)
    return mean, np.where(constant, 1.0, deviation)
