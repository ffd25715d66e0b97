"""Pairs of images that share all factors but a few, by arithmetic on the row numbers of a factor grid.

Row numbers are int64 tensors (K, batch) of any device, in row-major order: the last factor is the fastest. Nothing
depends on the data but its factor sizes, so the arithmetic can be part of a CUDA graph.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench import random_bits
from bench.models.base import ModelError

Words = Callable[[int], Tensor]  # count -> that many random 32-bit words an image, (K, batch, count)


def factors_of(index: Tensor, sizes: Sequence[int]) -> Tensor:
    """Factor values (K, batch, F) of rows."""
    strides = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    return torch.stack([index // stride % size for size, stride in zip(sizes, strides, strict=True)], dim=-1)


def rows_of(factors: Tensor, sizes: Sequence[int]) -> Tensor:
    """Rows (K, batch) of factor values (K, batch, F)."""
    index = torch.zeros_like(factors[..., 0])
    for i, size in enumerate(sizes):
        index = index * size + factors[..., i]
    return index


def changed_factors(words: Tensor, changes: Tensor, sizes: Sequence[int]) -> Tensor:
    """Which factors change, (K, batch, F): as many as asked for, each set of them equally likely.

    A factor of one value never changes.

    Args:
        words: random words (K, batch, F + 1); the first chooses the number where it is drawn.
        changes: how many change, (K,) whole numbers; below 1: one to all but one, each number equally likely.
        sizes: of the F factors.
    """
    free = [i for i, size in enumerate(sizes) if size > 1]
    most = len(free) - 1
    number = torch.where(changes[:, None] < 1, 1 + random_bits.below(words[..., 0], most), changes[:, None].long())
    drawn = torch.stack([words[..., 1 + i] for i in free], dim=-1)
    ranks = drawn.argsort(dim=-1, stable=True).argsort(dim=-1)
    chosen = (ranks < number[..., None]).unbind(-1)
    never = torch.zeros_like(chosen[0])
    return torch.stack([chosen[free.index(i)] if i in free else never for i in range(len(sizes))], dim=-1)


def changed_rows(index: Tensor, words: Words, changes: Tensor, sizes: Sequence[int]) -> Tensor:
    """Partners (K, batch) of rows: `changed_factors` take another value, each other value equally likely.

    This is the rule of Locatello et al. 2020 as the paper has it. Their code draws the values anew, so that a factor
    may keep its own, and half of the time changes one factor whatever the number.
    """
    count = len(sizes)
    random = words(2 * count + 1)
    changed = changed_factors(random[..., : count + 1], changes, sizes)
    old = factors_of(index, sizes)
    new = [
        (old[..., i] + 1 + random_bits.below(random[..., count + 1 + i], max(size - 1, 1))) % size
        for i, size in enumerate(sizes)
    ]
    return rows_of(torch.where(changed, torch.stack(new, dim=-1), old), sizes)


def check_pairs(model: str, changes: Sequence[float], sizes: Sequence[int]) -> None:
    """Refuse pairs that a data set cannot give.

    Args:
        model: who asks.
        changes: how many factors are to change, as `changed_factors` takes it.
        sizes: of the factors of the grid; none where there is no grid.

    Raises:
        ModelError: there is no grid, or too few factors; the message says how many there are.
    """
    free = sum(size > 1 for size in sizes)
    if not sizes:
        raise ModelError(f"{model} trains on pairs of images that share factors: the data set has no factor grid")
    if free < 2:
        raise ModelError(f"{model} trains on pairs that share some factors and not others: the data set has {free}")
    for number in changes:
        if number not in (-1, *range(1, free)):
            raise ModelError(
                f"{model}: changes must be a whole number from 1 to {free - 1}, for {free} factors vary, or -1 for any "
                f"of these, got {number:g}"
            )
