"""Random rows that share a factor's value, drawn from the existing rows: no full factor grid is assumed."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import Ints, varying
from bench.metrics.parts.information import dense

CHUNK_NUMBERS = 2**20  # code values gathered at once


class SharedFactor:
    """Draws rows that share the value of one factor with other rows; the rows of each factor are grouped once.

    Factors with a single value are left out, because all rows share it. The remaining factors are numbered from 0.

    Attributes:
        factors: (N, F), without gaps in their values.
    """

    def __init__(self, factors: Ints) -> None:
        """Group the rows of a table (N, columns).

        Raises:
            SkippedError: fewer than two columns have two values or more.
        """
        self.factors = dense(factors[:, varying(factors, least=2)])
        self._orders = np.argsort(self.factors, axis=0, kind="stable")
        self._counts = [np.bincount(column) for column in self.factors.T]
        self._starts = [np.cumsum(c) - c for c in self._counts]

    def partners(self, rows: Ints, factor: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """For each row (any shape), a random row (with replacement, itself included) that shares its factor."""
        values = self.factors[rows, factor]
        picks = (rng.random(rows.shape) * self._counts[factor][values]).astype(np.int64)
        return self._orders[self._starts[factor][values] + picks, factor]

    def points(self, num_points: int, numbers_a_point: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """(factor, points) in chunks that fit memory: each of `num_points` points has a random factor.

        Args:
            num_points: number of points in all.
            numbers_a_point: code values that one point reads; this decides the size of a chunk.
            rng: of the factors.
        """
        num_factors = self.factors.shape[1]
        counts = np.bincount(rng.integers(num_factors, size=num_points), minlength=num_factors)
        chunk = max(1, CHUNK_NUMBERS // numbers_a_point)
        for factor, count in enumerate(counts):
            for start in range(0, int(count), chunk):
                yield factor, min(chunk, int(count) - start)
