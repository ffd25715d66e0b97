"""Spearman's rank correlation: of a sample, and of many resamples at once with ranks taken anew in each."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CHUNK = 2**18  # ranks held at once: what a processor keeps near


def spearman(x: Floats, y: Floats) -> Floats:
    """Rank correlation of each column of x (N, A) with each of y (N, B): (A, B); NaN where a column is constant."""
    a, b = (_standardised(rankdata(m, axis=0)) for m in (x, y))
    return np.clip(a.T @ b, -1, 1)


def row_spearman(x: Floats, y: Floats) -> Floats:
    """Rank correlation of each row of x (R, N) with the same row of y: (R,); NaN where a row is constant."""
    a, b = (_standardised(rankdata(m, axis=1).T) for m in (x, y))
    return np.clip((a * b).sum(axis=0), -1, 1)


def _standardised(ranks: Floats) -> Floats:
    ranks = ranks - ranks.mean(axis=0)
    norms = np.sqrt((ranks**2).sum(axis=0))
    return ranks / np.where(norms > 0, norms, np.nan)


def resampled_spearman(x: Floats, y: Floats, counts: Ints) -> Floats:
    """Rank correlations of resamples, exactly those of the drawn rows themselves.

    A rank in a resample is a running sum of counts along the column's order, so nothing is sorted again and nothing
    approximated; ties share their middle rank.

    Args:
        x: (N, A).
        y: (N, B).
        counts: (draws, N): how often each row is drawn, as `intervals.resample_counts` gives it.

    Returns:
        (draws, A, B); NaN where a column is constant in the resample.
    """
    both = np.concatenate([x, y], axis=1)
    values, columns = np.unique(both, axis=1, return_inverse=True)  # a score that is in both is ranked once
    order = np.ascontiguousarray(np.argsort(values, axis=0, kind="stable").T, dtype=np.int32)
    drawn = counts.astype(np.int32)
    ordered = np.take_along_axis(values.T, order, axis=1)
    last = np.append(ordered[:, 1:] != ordered[:, :-1], np.ones((len(order), 1), bool), axis=1)
    first, second = columns[: x.shape[1]], columns[x.shape[1] :]
    size = max(1, CHUNK // values.size)
    found = []
    for start in range(0, len(drawn), size):
        ranks = _weighted_ranks(order, last, drawn[start : start + size])
        found.append(np.clip(ranks[:, first] @ ranks[:, second].transpose(0, 2, 1), -1, 1))
    return np.concatenate(found)


@njit(cache=True)
def _weighted_ranks(order: NDArray[np.int32], last: NDArray[np.bool_], counts: NDArray[np.int32]) -> Floats:
    """Standardised ranks times the root of the counts (draws, columns, N): their products are correlations.

    Args:
        order: (columns, N) rows in rising order.
        last: (columns, N) whether the next row in that order has another value.
        counts: (draws, N).
    """
    ranks = np.empty((len(counts), *order.shape))
    for d in range(len(counts)):
        roots, middle = np.sqrt(counts[d]), (counts[d].sum() + 1) / 2
        for c in range(len(order)):
            below, drawn, begin, square = 0, 0, 0, 0.0
            for i in range(order.shape[1]):
                drawn += counts[d, order[c, i]]
                if last[c, i]:
                    rank = below + (drawn + 1) / 2 - middle
                    for j in range(begin, i + 1):
                        ranks[d, c, order[c, j]] = rank * roots[order[c, j]]
                    square += drawn * rank**2
                    below, drawn, begin = below + drawn, 0, i + 1
            ranks[d, c] /= np.sqrt(square) if square > 1e-12 else np.nan
    return ranks
