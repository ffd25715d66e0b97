"""Pairs of images that differ in a few factors, by arithmetic on the row numbers of a factor grid.

Row numbers are int64 tensors (K, batch) on any device, in row-major order: the last factor is the fastest. Of the data
only the factor sizes and the unordered factors matter, so the arithmetic can be part of a CUDA graph.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from bench import random_bits
from bench.models.parts.possible_pairs import movable

Words = Callable[[int], Tensor]  # count -> count random 32-bit words per image, (K, batch, count)


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


def partner_rows(
    rule: str,
    index: Tensor,
    words: Words,
    hyper: Mapping[str, Tensor],
    sizes: Sequence[int],
    categorical: Sequence[bool],
) -> Tensor:
    """Partners (K, batch) of rows by a rule of `bench.study.run.PAIRS`.

    Args:
        rule: "paper", "resampled", "dlib" (`changes` factors each), "uniform" ("paper" with a random number of them),
            or "laplace".
        index: rows (K, batch).
        words: random words for each row.
        hyper: hyper-parameters of K models, (K,) each, among them the one of the rule (`changes` or `rate`).
        sizes: of the F factors.
        categorical: whether each factor is unordered; empty: all factors are ordered.
    """
    if rule == "laplace":
        return moved_rows(index, words, hyper["rate"], sizes, categorical)
    if rule in ("resampled", "dlib"):
        return redrawn_rows(index, words, hyper["changes"], sizes, or_one=rule == "dlib")
    return changed_rows(index, words, None if rule == "uniform" else hyper["changes"], sizes)


def changed_rows(index: Tensor, words: Words, changes: Tensor | None, sizes: Sequence[int]) -> Tensor:
    """Partners (K, batch) of rows: `changes` factors take another value, each other value equally likely.

    In Locatello et al. 2020 itself values are drawn anew, so that a factor may keep its own: `redrawn_rows`.

    Args:
        index: rows (K, batch).
        words: random words for each row.
        changes: how many factors change, (K,) whole numbers; below 1, or None: a random number from one to all but one.
        sizes: of the F factors; a factor with a single value never changes.
    """
    count = len(sizes)
    random = words(2 * count + 1)
    changed = chosen_factors(random[..., 1 : count + 1], number_of(random[..., 0], changes, sizes), sizes)
    old = factors_of(index, sizes)
    new = [
        (old[..., i] + 1 + random_bits.below(random[..., count + 1 + i], max(size - 1, 1))) % size
        for i, size in enumerate(sizes)
    ]
    return rows_of(torch.where(changed, torch.stack(new, dim=-1), old), sizes)


def redrawn_rows(index: Tensor, words: Words, changes: Tensor | None, sizes: Sequence[int], *, or_one: bool) -> Tensor:
    """Partners (K, batch) of rows: `changes` factors are drawn anew; arguments as `changed_rows`.

    The new value may equal the old one, so at most so many factors differ, and the two images of a pair can be equal:
    section 5 of Locatello et al. 2020. With `or_one` it is a single factor with probability 1/2, as
    disentanglement_lib's `simple_dynamics` draws them.
    """
    count = len(sizes)
    random = words(2 * count + 2)
    number = number_of(random[..., 0], changes, sizes)
    if or_one:
        number = torch.where(random_bits.below(random[..., 1], 2) == 0, 1, number)
    redrawn = chosen_factors(random[..., 2 : count + 2], number, sizes)
    new = [random_bits.below(random[..., count + 2 + i], size) for i, size in enumerate(sizes)]
    return rows_of(torch.where(redrawn, torch.stack(new, dim=-1), factors_of(index, sizes)), sizes)


def moved_rows(
    index: Tensor, words: Words, rate: Tensor, sizes: Sequence[int], categorical: Sequence[bool] = ()
) -> Tensor:
    """Partners (K, batch) of rows as SlowVAE's `truncated_laplace` draws them: most factors move, few of them far.

    A factor moves from v to x with a probability proportional to exp(-rate |x - v| / log(size)). If no factor moves, a
    random one moves by the same distribution without v. All in double precision, so that devices agree.

    Args:
        index: rows (K, batch).
        words: random words for each row.
        rate: (K,); below 0: uniform in 1 to 10 for each pair.
        sizes: of the F factors; a factor with a single value never moves.
        categorical: whether each factor is unordered and never moves; empty: all factors are ordered.
    """
    count, free = len(sizes), movable(sizes, categorical)
    random = words(count + 3)
    random_rate = 1 + 9 * _even(random[..., count])
    rates = torch.where(rate[:, None] < 0, random_rate, rate[:, None].double())
    forced_place = random_bits.below(random[..., count + 1], len(free))
    old = list(factors_of(index, sizes).unbind(-1))
    moved, forced = list(old), list(old)
    for place, i in enumerate(free):
        values = torch.arange(sizes[i], device=index.device)
        distance = (values - old[i][..., None]).abs()
        chances = (-distance * rates[..., None] / math.log(sizes[i])).exp()
        moved[i] = _sampled(chances, random[..., i])
        other = _sampled(chances * (distance > 0), random[..., count + 2])
        forced[i] = torch.where(forced_place == place, other, old[i])
    start, end = torch.stack(old, dim=-1), torch.stack(moved, dim=-1)
    unmoved = (start == end).all(dim=-1, keepdim=True)
    return rows_of(torch.where(unmoved, torch.stack(forced, dim=-1), end), sizes)


def number_of(word: Tensor, changes: Tensor | None, sizes: Sequence[int]) -> Tensor:
    """How many factors are chosen, (K, batch): `changes`; if that is below 1 or None, random by `word` (K, batch)."""
    any_number: Tensor = 1 + random_bits.below(word, len(movable(sizes)) - 1)
    return any_number if changes is None else torch.where(changes[:, None] < 1, any_number, changes[:, None].long())


def chosen_factors(words: Tensor, number: Tensor, sizes: Sequence[int]) -> Tensor:
    """Whether each factor is chosen, (K, batch, F); every set of `number` factors is equally likely.

    A factor with a single value is never chosen.

    Args:
        words: random words (K, batch, F).
        number: how many factors are chosen, (K, batch).
        sizes: of the F factors.
    """
    free = movable(sizes)
    ranks = torch.stack([words[..., i] for i in free], dim=-1).argsort(dim=-1, stable=True).argsort(dim=-1)
    chosen = (ranks < number[..., None]).unbind(-1)
    never = torch.zeros_like(chosen[0])
    return torch.stack([chosen[free.index(i)] if i in free else never for i in range(len(sizes))], dim=-1)


def _even(words: Tensor) -> Tensor:
    """Uniform numbers in (0, 1) in double precision, of 2^31 values."""
    return (random_bits.below(words, 2**31).double() + 0.5) / 2**31


def _sampled(chances: Tensor, words: Tensor) -> Tensor:
    """Random values 0..size - 1, (K, batch), with probabilities proportional to chances (K, batch, size)."""
    cumulative = chances.cumsum(dim=-1)
    bound = _even(words)[..., None] * cumulative[..., -1:]
    return (cumulative < bound).sum(dim=-1)
