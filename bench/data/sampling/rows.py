"""Row numbers to draw: tables so small that a device holds them, exact for every kind of sampling."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.data.base import Card

Ints = NDArray[np.int64]
PLACES = 62  # bits of the number that a first row is drawn by


@dataclass(frozen=True, eq=False)
class Rows:
    """A row is the sum of one of `firsts` and one of `rests`, each drawn by itself.

    Over a grid, `firsts` are the combinations of the factors that a sampling speaks of, and `rests` those of the
    others, so no table is longer than it must be.

    Attributes:
        firsts: (N,) int64.
        rests: (M,) int64, each equally likely.
        chances: (N,) of `firsts`; None: each is equally likely.
    """

    firsts: Ints
    rests: Ints
    chances: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.firsts) * len(self.rests)

    def every(self) -> Ints:
        """All of them, (N * M,)."""
        return np.sort((self.firsts[:, None] + self.rests).ravel())

    def shares(self, total: int) -> NDArray[np.float64]:
        """The chance of each of `total` rows, (total,)."""
        of_firsts = np.ones(len(self.firsts)) if self.chances is None else self.chances
        shares = np.zeros(total)
        shares[self.firsts[:, None] + self.rests] = of_firsts[:, None]
        return shares / shares.sum()

    def bounds(self) -> Ints:
        """Numbers (N,) by which a random one of `PLACES` bits chooses a first row: that of the first bound above it."""
        assert self.chances is not None
        shares = np.cumsum(self.chances / self.chances.sum())
        return np.append(np.round(shares[:-1] * 2.0**PLACES), 2.0**PLACES).astype(np.int64)

    def choose(self, rng: np.random.Generator, most: int) -> Ints:
        """Random rows: where each is equally likely `most` different ones, all where there are fewer; else `most`."""
        if self.chances is None:
            places = rng.choice(len(self), min(most, len(self)), replace=False)
            return self.firsts[places // len(self.rests)] + self.rests[places % len(self.rests)]
        firsts = np.searchsorted(self.bounds(), rng.integers(2**PLACES, size=most), side="right")
        return self.firsts[firsts] + self.rests[rng.integers(len(self.rests), size=most)]


def rows_alone(rows: Ints) -> Rows:
    """Rows as they are, each equally likely."""
    return Rows(rows.astype(np.int64), np.zeros(1, np.int64))


def combinations(card: Card, factors: Sequence[int]) -> tuple[Ints, Ints]:
    """Every combination of some factors of a grid: its values (N, factors), and the row (N,) where the others are 0."""
    sizes = [card.factor_sizes[i] for i in factors]
    strides = [math.prod(card.factor_sizes[i + 1 :]) for i in factors]
    values = np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes or (1,)), axis=1)[:, : len(sizes)]
    return values, values @ np.array(strides, np.int64)


def rows_of(
    card: Card, factors: Sequence[int], kept: NDArray[np.bool_] | None, chances: NDArray[np.float64] | None
) -> Rows:
    """Rows of a grid by the combinations of some of its factors.

    Args:
        card: of the data set.
        factors: their indices, in the card's order.
        kept: of each combination, as `combinations` has them, whether it is drawn; None: all are.
        chances: of those that are; None: equal ones.
    """
    others = [i for i in range(len(card.factor_sizes)) if i not in factors]
    firsts, rests = combinations(card, factors)[1], combinations(card, others)[1]
    return Rows(firsts if kept is None else firsts[kept], rests, chances)
