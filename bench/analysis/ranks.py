"""Spearman's rank correlation: of a sample, and of many resamples at once with ranks taken anew in each."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
AT_ONCE = 32  # draws: their ranks are what a processor keeps near


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
    values = x if np.array_equal(x, y) else np.concatenate([x, y], axis=1)
    first, second = slice(x.shape[1]), slice(values.shape[1] - y.shape[1], None)
    order = np.ascontiguousarray(np.argsort(values, axis=0, kind="stable").T, dtype=np.int32)
    ordered = np.take_along_axis(values.T, order, axis=1)
    last = np.append(ordered[:, 1:] != ordered[:, :-1], np.ones((len(order), 1), bool), axis=1)
    found = np.empty((len(counts), x.shape[1], y.shape[1]))
    drawn = np.zeros((len(x), AT_ONCE))
    for start in range(0, len(counts), AT_ONCE):
        own = counts[start : start + AT_ONCE]
        drawn[:, : len(own)] = own.T
        ranks, norms = _weighted_ranks(order, last, drawn)
        products = ranks[:, first] @ ranks[:, second].transpose(0, 2, 1)
        found[start : start + len(own)] = (products / norms[:, first, None] / norms[:, None, second])[: len(own)]
    return np.clip(found, -1, 1, out=found)


@njit(cache=True)
def _weighted_ranks(order: NDArray[np.int32], last: NDArray[np.bool_], counts: Floats) -> tuple[Floats, Floats]:
    """Centred ranks times the root of the counts (draws, columns, N), whose products are covariances, and their norms.

    All draws go along an order together, so that a processor takes several at a time.

    Args:
        order: (columns, N) rows in rising order.
        last: (columns, N) whether the next row in that order has another value.
        counts: (N, `AT_ONCE`).
    """
    columns, total = order.shape
    ranks, norms = np.empty((AT_ONCE, columns, total)), np.empty((AT_ONCE, columns))
    roots, middle = np.sqrt(counts), (counts.sum(axis=0) + 1) / 2
    rank = np.empty(AT_ONCE)
    for c in range(columns):
        below, drawn, square, begin = np.zeros(AT_ONCE), np.zeros(AT_ONCE), np.zeros(AT_ONCE), 0
        for i in range(total):
            row = order[c, i]
            for d in range(AT_ONCE):
                drawn[d] += counts[row, d]
            if last[c, i]:
                for d in range(AT_ONCE):
                    rank[d] = below[d] + (drawn[d] + 1) / 2 - middle[d]
                    square[d] += drawn[d] * rank[d] ** 2
                    below[d] += drawn[d]
                    drawn[d] = 0
                for j in range(begin, i + 1):
                    row = order[c, j]
                    for d in range(AT_ONCE):
                        ranks[d, c, row] = rank[d] * roots[row, d]
                begin = i + 1
        for d in range(AT_ONCE):
            norms[d, c] = np.sqrt(square[d]) if square[d] > 1e-12 else np.nan
    return ranks, norms
