"""The distribution of drawn row numbers, as tables that are exact and small enough for a device's memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.data.base import Card

Ints = NDArray[np.int64]
PLACES = 62  # bits of the random number that draws a first row


@dataclass(frozen=True, eq=False)
class Rows:
    """A drawn row is the sum of one of `firsts` and one of `rests`, drawn independently.

    On a grid, `firsts` are the combinations of the factors that a sampling concerns, and `rests` those of the other
    factors, which keeps the tables short.

    Attributes:
        firsts: (N,) int64.
        rests: (M,) int64, each equally likely.
        chances: (N,) relative, of `firsts`; None: each is equally likely.
    """

    firsts: Ints
    rests: Ints
    chances: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.firsts) * len(self.rests)

    def every(self) -> Ints:
        """All rows that can be drawn, sorted, (N * M,)."""
        return np.sort((self.firsts[:, None] + self.rests).ravel())

    def shares(self, total: int) -> NDArray[np.float64]:
        """The chance of each of `total` rows, (total,)."""
        of_firsts = np.ones(len(self.firsts)) if self.chances is None else self.chances
        shares = np.zeros(total)
        shares[self.firsts[:, None] + self.rests] = of_firsts[:, None]
        return shares / shares.sum()

    def bounds(self) -> Ints:
        """Upper bounds (N,): a random number of `PLACES` bits draws the first row whose bound is above it."""
        assert self.chances is not None
        shares = np.cumsum(self.chances / self.chances.sum())
        return np.append(np.round(shares[:-1] * 2.0**PLACES), 2.0**PLACES).astype(np.int64)

    def choose(self, rng: np.random.Generator, most: int) -> Ints:
        """Random rows: `most` different ones, or all if there are fewer; with chances, `most` independent draws."""
        if self.chances is None:
            places = rng.choice(len(self), min(most, len(self)), replace=False)
            return self.firsts[places // len(self.rests)] + self.rests[places % len(self.rests)]
        firsts = np.searchsorted(self.bounds(), rng.integers(2**PLACES, size=most), side="right")
        return self.firsts[firsts] + self.rests[rng.integers(len(self.rests), size=most)]


def rows_alone(rows: Ints) -> Rows:
    """The given rows, each equally likely."""
    return Rows(rows.astype(np.int64), np.zeros(1, np.int64))


def combinations(card: Card, factors: Sequence[int]) -> tuple[Ints, Ints]:
    """Every combination of some factors of a grid: its values (N, factors), and its row (N,) with all others at 0."""
    sizes = [card.factor_sizes[i] for i in factors]
    strides = [math.prod(card.factor_sizes[i + 1 :]) for i in factors]
    values = np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes or (1,)), axis=1)[:, : len(sizes)]
    return values, values @ np.array(strides, np.int64)


def rows_of(
    card: Card, factors: Sequence[int], mask: NDArray[np.bool_] | None, chances: NDArray[np.float64] | None
) -> Rows:
    """Rows of a grid by the combinations of some of its factors.

    Args:
        card: of the data set.
        factors: indices of the factors, in the card's order.
        mask: which combinations are drawn, in the order of `combinations`; None: all.
        chances: of the drawn combinations; None: equal.
    """
    others = [i for i in range(len(card.factor_sizes)) if i not in factors]
    firsts, rests = combinations(card, factors)[1], combinations(card, others)[1]
    return Rows(firsts if mask is None else firsts[mask], rests, chances)
