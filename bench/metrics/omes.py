"""Overlap and multiple encoding score: what moves when one factor alone changes (Dapueto et al. 2024)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, SkippedError, check_codes, check_factors, metric
from bench.metrics.parts.active import active
from bench.metrics.parts.standardise import moments

BLOCK = 256  # dimensions looked at together
LEAST_VARIANCE = 1e-12  # over pairs, of a standardised dimension: below it, it does not move


@metric(
    version=1,
    reads="points",
    min_factors=2,
    scores={"omes": Score(0, 1, title="OMES")},
    headline="omes",
    invariant_to=("sign",),  # not to scale: a dimension is active from a deviation of 0.05
    paper="Dapueto et al. 2024, arXiv:2409.18017",
)
def omes(codes: ArrayLike, factors: ArrayLike, *, alpha: float = 0.5) -> dict[str, float]:
    """Whether each dimension moves with one factor alone, and each factor moves one dimension alone.

    M_dk = 1 - |corr(z_d, z'_d)| over pairs of rows that differ in factor k and agree in all others. With D active
    dimensions (standard deviation at least 0.05) and F factors,

        overlap o_dk = 1 - mean_j |1[j = k] - M_dj|,  multiple encoding m_dk = 1 - mean_e |1[e = d] - M_ek|,
        OMES = mean_k sum_d M_dk^2 (alpha o_dk + (1 - alpha) m_dk) / sum_d M_dk.

    The published code draws pairs: each combination of factors is visited, and those that differ from it in factor k
    alone, itself among them, are paired at random. Here moments are taken over all pairs, weighted by how often they
    are drawn, and over all rows of a combination: it is the mean of that code's random scores, and nothing is random.

    Rows that differ in a factor of n values are correlated by -1 / (n - 1) where a dimension follows it, so a perfect
    code scores below 1, and where factors have few values a slight rotation can raise its score. Noise has M near 1
    for every factor, and scores about alpha / F + (1 - alpha) / D: where one dimension alone is active, that can be
    more than a perfect code's. A code without active dimensions scores 0. Left out are factors with a single value,
    and such as no two rows differ in alone.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        alpha: weight of the overlap, 0 to 1.

    Raises:
        ValueError: bad codes, factors or alpha.
        SkippedError: fewer than two factors vary, or no two rows differ in one factor alone.

    Example:
        >>> factors = np.stack(np.unravel_index(np.arange(400), (20, 20)), axis=1)
        >>> round(omes(factors.astype(float), factors)["omes"], 2)
        0.92
    """
    array = check_codes(codes, min_rows=2)
    classes = check_factors(factors, len(array))
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha!r}")
    varied = classes[:, np.ptp(classes, axis=0) > 0]
    if varied.shape[1] < 2:
        raise SkippedError(f"factors has {varied.shape[1]} columns of two values or more, 2 are needed")
    combinations, rows = np.unique(varied, axis=0, return_inverse=True)
    lines = [line for k in range(varied.shape[1]) if (line := _lines(combinations, k)) is not None]
    if not lines:
        raise SkippedError("no two rows of factors differ in one column alone")
    moved = _moved(array[:, active(array)], rows.ravel(), lines)
    return {"omes": _pooled(moved, alpha)}


@dataclass(frozen=True)
class _Lines:
    """Combinations that differ in one factor alone, in lines of two or more.

    Attributes:
        members: (M,) index of each combination.
        line: (M,) number of its line.
        visits: (M,) share of the pairs that each is the first of.
        pairs: (L,) of each line, share of the pairs that each of its ordered pairs is.
    """

    members: Ints
    line: Ints
    visits: Floats
    pairs: Floats


def _lines(combinations: Ints, factor: int) -> _Lines | None:
    others = np.delete(combinations, factor, axis=1)
    line = np.unique(others, axis=0, return_inverse=True)[1].ravel()
    members = np.flatnonzero(np.bincount(line)[line] > 1)
    if len(members) == 0:
        return None
    line = np.unique(line[members], return_inverse=True)[1]
    sizes = np.bincount(line)
    drawn = sizes // 2  # pairs at each of as many visits as the line has members
    total = (drawn * sizes).sum()
    return _Lines(members, line, drawn[line] / total, drawn / ((sizes - 1) * total))


def _moved(codes: Floats, rows: Ints, lines: list[_Lines]) -> Floats:
    """M (D, F): how far from equal, or opposite, each dimension is in pairs that differ in one factor.

    Args:
        codes: (N, D) of active dimensions.
        rows: (N,) the combination of each row.
        lines: of each factor.
    """
    blocks = [_moved_block(codes[:, start : start + BLOCK], rows, lines) for start in range(0, codes.shape[1], BLOCK)]
    return np.concatenate([np.empty((0, len(lines))), *blocks])


def _moved_block(codes: Floats, rows: Ints, lines: list[_Lines]) -> Floats:
    mean, deviation = moments(codes)
    scaled = (codes - mean) / deviation
    counts = np.bincount(rows)[:, None]
    means = _sums(scaled, rows) / counts
    within = _sums(np.square(scaled - means[rows]), rows) / counts
    return np.stack([1 - np.abs(_correlation(means, within, of)) for of in lines], axis=1)


def _correlation(means: Floats, within: Floats, lines: _Lines) -> Floats:
    """Of the two rows of a pair, in each dimension, (D,): 1 where a dimension does not move at all.

    Args:
        means: (combinations, D).
        within: variance of the rows of a combination, (combinations, D).
        lines: which combinations are paired.
    """
    levels = means[lines.members] - lines.visits @ means[lines.members]
    variance = lines.visits @ (np.square(levels) + within[lines.members])
    products = np.square(_sums(levels, lines.line)) - _sums(np.square(levels), lines.line)
    still = variance < LEAST_VARIANCE
    return np.where(still, 1.0, np.clip(lines.pairs @ products / np.where(still, 1.0, variance), -1, 1))


def _sums(values: Floats, groups: Ints) -> Floats:
    """Sums of the rows of each group, (G, D); every group 0..G - 1 has some."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(groups.max() + 1))
    return np.add.reduceat(values[order], starts, axis=0)


def _pooled(moved: Floats, alpha: float) -> float:
    """The score of a table M (D, F)."""
    dims, factors = moved.shape
    mass = moved.sum(axis=0)
    overlap = 1 - (moved.sum(axis=1, keepdims=True) + 1 - 2 * moved) / factors
    multiple = 1 - (mass + 1 - 2 * moved) / max(dims, 1)
    weighted = (np.square(moved) * (alpha * overlap + (1 - alpha) * multiple)).sum(axis=0)
    return float(np.divide(weighted, mass, out=np.zeros(factors), where=mass > 0).mean())
