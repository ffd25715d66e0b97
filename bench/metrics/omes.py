"""Overlap and multiple encoding score: which dimensions move when one factor alone changes (Dapueto et al. 2024)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, SkippedError, check_codes, check_factors, metric, varying
from bench.metrics.parts.active import active
from bench.metrics.parts.standardise import moments

BLOCK = 256  # dimensions computed at once
LEAST_VARIANCE = 1e-12  # of a standardised dimension over pairs: below it, the dimension does not move


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
    """Whether each dimension moves with a single factor, and each factor moves a single dimension.

    M_dk = 1 - |corr(z_d, z'_d)| over pairs of rows that differ in factor k and agree in all others. With D active
    dimensions (standard deviation at least 0.05) and F factors,

        overlap o_dk = 1 - mean_j |1[j = k] - M_dj|,  multiple encoding m_dk = 1 - mean_e |1[e = d] - M_ek|,
        OMES = mean_k sum_d M_dk^2 (alpha o_dk + (1 - alpha) m_dk) / sum_d M_dk.

    The published code draws random pairs: it visits each combination of factors and pairs at random the combinations
    that differ from it in factor k alone (and itself). Here the moments cover all pairs, weighted by how often that
    code draws them, and all rows of a combination. The result is the score of all its draws taken together; scores of
    single draws, whose correlations are of fewer pairs, are in the mean up to about 0.01 higher for few combinations.

    If a dimension follows a factor of n values, rows that differ in that factor have the correlation -1 / (n - 1). So
    a perfect code scores below 1, and for factors of few values a slight rotation can raise its score. Noise has M near
    1 for every factor and scores about alpha / F + (1 - alpha) / D; with a single active dimension that can exceed the
    score of a perfect code. A code without active dimensions scores 0. Factors with a single value, and factors in
    which no two rows differ alone, are left out.

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
    varied = classes[:, varying(classes, least=2)]
    combinations, rows = np.unique(varied, axis=0, return_inverse=True)
    lines = [line for k in range(varied.shape[1]) if (line := _lines(combinations, k)) is not None]
    if not lines:
        raise SkippedError("no two rows of factors differ in one column alone")
    movement = _movement(array[:, active(array)], rows.ravel(), lines)
    return {"omes": _pooled(movement, alpha)}


@dataclass(frozen=True)
class _Lines:
    """Combinations of factors grouped in lines: those of a line differ in one factor alone, and are two or more.

    Attributes:
        members: (M,) index of each combination.
        line: (M,) number of its line.
        visits: (M,) probability that a random pair begins with the combination.
        pairs: (L,) probability of each ordered pair of a line.
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
    pairs_a_visit = sizes // 2  # each member of a line is visited once
    total = (pairs_a_visit * sizes).sum()
    return _Lines(members, line, pairs_a_visit[line] / total, pairs_a_visit / ((sizes - 1) * total))


def _movement(codes: Floats, rows: Ints, lines: list[_Lines]) -> Floats:
    """M (D, F) = 1 - |correlation| of each dimension over the pairs that differ in one factor.

    Args:
        codes: (N, D) of active dimensions.
        rows: (N,) the combination of each row.
        lines: of each factor.
    """
    starts = range(0, codes.shape[1], BLOCK)
    blocks = [_movement_block(codes[:, start : start + BLOCK], rows, lines) for start in starts]
    return np.concatenate([np.empty((0, len(lines))), *blocks])


def _movement_block(codes: Floats, rows: Ints, lines: list[_Lines]) -> Floats:
    mean, deviation = moments(codes)
    scaled = (codes - mean) / deviation
    counts = np.bincount(rows)[:, None]
    means = _sums(scaled, rows) / counts
    within = _sums(np.square(scaled - means[rows]), rows) / counts
    return np.stack([1 - np.abs(_correlation(means, within, of_factor)) for of_factor in lines], axis=1)


def _correlation(means: Floats, within: Floats, lines: _Lines) -> Floats:
    """Correlation of the two rows of a pair in each dimension, (D,); 1 if the dimension does not move.

    Args:
        means: (combinations, D).
        within: variance of the rows of a combination, (combinations, D).
        lines: which combinations are paired.
    """
    levels = means[lines.members] - lines.visits @ means[lines.members]
    variance = lines.visits @ (np.square(levels) + within[lines.members])
    products = np.square(_sums(levels, lines.line)) - _sums(np.square(levels), lines.line)
    constant = variance < LEAST_VARIANCE
    return np.where(constant, 1.0, np.clip(lines.pairs @ products / np.where(constant, 1.0, variance), -1, 1))


def _sums(values: Floats, groups: Ints) -> Floats:
    """Sums of the rows of each group 0..G - 1, (G, D); no group is empty."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(groups.max() + 1))
    return np.add.reduceat(values[order], starts, axis=0)


def _pooled(movement: Floats, alpha: float) -> float:
    """The score of a table M (D, F)."""
    dims, factors = movement.shape
    mass = movement.sum(axis=0)
    overlap = 1 - (movement.sum(axis=1, keepdims=True) + 1 - 2 * movement) / factors
    multiple = 1 - (mass + 1 - 2 * movement) / max(dims, 1)
    weighted = (np.square(movement) * (alpha * overlap + (1 - alpha) * multiple)).sum(axis=0)
    return float(np.divide(weighted, mass, out=np.zeros(factors), where=mass > 0).mean())
