"""Random rows that share a factor's value, drawn from the rows at hand: no full factor grid is assumed."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import Ints
from bench.metrics.information import dense

CHUNK_ROWS = 65_536  # rows gathered at once


class SharedFactor:
    """Draws rows with the same value of one factor as given rows; each factor's rows are grouped once."""

    def __init__(self, factors: Ints) -> None:
        self.factors = dense(factors)
        self.orders = np.argsort(self.factors, axis=0, kind="stable")
        self.counts = [np.bincount(column) for column in self.factors.T]
        self.starts = [np.cumsum(c) - c for c in self.counts]

    def partners(self, rows: NDArray[np.int64], factor: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """For each row (any shape), a random row (with replacement, itself included) that shares its factor."""
        values = self.factors[rows, factor]
        picks = (rng.random(rows.shape) * self.counts[factor][values]).astype(np.int64)
        return self.orders[self.starts[factor][values] + picks, factor]


def points_by_factor(
    num_points: int, num_factors: int, batch_size: int, rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """(factor, points) in chunks that fit memory: each of `num_points` points has a random factor."""
    counts = np.bincount(rng.integers(num_factors, size=num_points), minlength=num_factors)
    most = max(1, CHUNK_ROWS // batch_size)
    for factor, count in enumerate(counts):
        for start in range(0, int(count), most):
            yield factor, min(most, int(count) - start)
