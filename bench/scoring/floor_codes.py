"""Codes without information: the score that a metric gives to them is its floor."""

import numpy as np
from numpy.typing import NDArray

from bench.store.files import generator_of

KINDS = {
    "gaussian": "Gaussian noise",
    "t3": "t(3) noise",
    "constant": "a constant",
    "collapsed": "a collapsed code",
}
VERSION = 1  # raised when a change moves the codes
DIMS = 10  # as many as the study's models have
COLLAPSED = 0.01  # standard deviation; so small that no dimension is active


def floor_codes(kind: str, rows: int, dims: int = DIMS) -> NDArray[np.float64]:
    """Codes (rows, dims) of a kind; the same arguments give the same codes.

    Raises:
        KeyError: there is no such kind.
    """
    rng = generator_of(["floor", VERSION, kind, dims])
    draws = {
        "gaussian": lambda: rng.standard_normal((rows, dims)),
        "t3": lambda: rng.standard_t(3, (rows, dims)),
        "constant": lambda: np.ones((rows, dims)),
        "collapsed": lambda: COLLAPSED * rng.standard_normal((rows, dims)),
    }
    codes: NDArray[np.float64] = draws[kind]()
    return codes
