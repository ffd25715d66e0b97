"""Which pairs of images a data set can provide; read where studies are planned, and so without torch."""

import math
from collections.abc import Sequence

from bench.models.base import ModelError


def movable(sizes: Sequence[int], categorical: Sequence[bool] = ()) -> list[int]:
    """The indices of the factors that have several values and are not categorical."""
    return [i for i, size in enumerate(sizes) if size > 1 and not (categorical and categorical[i])]


def check_pairs(model: str, changes: Sequence[float], sizes: Sequence[int]) -> None:
    """Refuse pairs that a data set cannot provide.

    Args:
        model: its name, for the message.
        changes: how many factors change, as in `changed_rows`; -1 for a random number.
        sizes: of the factors of the grid; empty without a grid.

    Raises:
        ModelError: there is no grid, or too few factors; the message says how many there are.
    """
    free = sum(size > 1 for size in sizes)
    if not sizes:
        raise ModelError(f"{model} trains on pairs of images that share factors: the data set has no factor grid")
    if free < 2:
        raise ModelError(
            f"{model} trains on pairs that share some factors and not others: the data set has {free} that vary"
        )
    for number in changes:
        if number not in (-1, *range(1, free)):
            raise ModelError(
                f"{model}: changes must be a whole number from 1 to {free - 1}, for {free} factors vary, or -1 for any "
                f"of these, got {number:g}"
            )


def check_moves(model: str, rates: Sequence[float], sizes: Sequence[int], categorical: Sequence[bool]) -> None:
    """Refuse Laplace pairs that a data set cannot provide; arguments as in `moved_rows`.

    Raises:
        ModelError: there is no grid, no factor that may move, or an invalid rate.
    """
    if not sizes:
        raise ModelError(f"{model} trains on pairs of images of factors that move: the data set has no factor grid")
    if not movable(sizes, categorical):
        raise ModelError(f"{model} trains on pairs whose ordered factors move: the data set has no ordered factor")
    for rate in rates:
        if not (rate == -1 or 0 < rate < math.inf):
            raise ModelError(f"{model}: rate must be above 0, or -1 for any from 1 to 10, got {rate:g}")
