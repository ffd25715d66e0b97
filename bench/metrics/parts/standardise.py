"""Centre and scale of code dimensions, for numbers of any size."""

import numpy as np

from bench.metrics.base import Floats

LEAST_RANGE = 1e-100  # below it a dimension is constant: what is divided by it, squared, must stay a number


def moments(codes: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each dimension, (D,) each; a constant dimension has deviation 1.

    Example:
        >>> moments(np.array([[0.0, 0.1], [2.0, 0.1]]))
        (array([1. , 0.1]), array([1., 1.]))
    """
    constant = np.ptp(codes, axis=0) < LEAST_RANGE
    mean = np.where(constant, codes[0], codes.mean(axis=0))  # rounding can leave the mean of one value beside it
    deviation = (codes - mean).std(axis=0)
    return mean, np.where(constant, 1.0, deviation)
