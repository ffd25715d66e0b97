"""Spearman's rank correlation: of a sample, and of many resamples at once with ranks taken anew in each."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
CHUNK = 2**22  # ranks held at once


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


def resampled_spearman(x: Floats, y: Floats, counts: Counts) -> Floats:
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
    same = x.shape == y.shape and np.array_equal(x, y)
    found = []
    for part in _chunks(counts, x.shape[1] + y.shape[1]):
        a = _weighted_ranks(x, part)
        found.append(np.clip(a @ (a if same else _weighted_ranks(y, part)).transpose(0, 2, 1), -1, 1))
    return np.concatenate(found)


def _chunks(counts: Counts, columns: int) -> Iterator[Counts]:
    size = max(1, CHUNK // (counts.shape[1] * columns))
    for start in range(0, len(counts), size):
        yield counts[start : start + size]


def _weighted_ranks(x: Floats, counts: Counts) -> Floats:
    """Standardised ranks times the root of the counts (draws, columns, N): their products are correlations."""
    drawn = counts.sum(axis=1, keepdims=True)
    ranks = np.stack([_ranks(column, counts) for column in x.T], axis=1) - (drawn[:, None] + 1) / 2
    ranks *= np.sqrt(counts)[:, None]
    norms = np.sqrt(np.einsum("dcn,dcn->dc", ranks, ranks))[..., None]
    return ranks / np.where(norms > 1e-6, norms, np.nan)


def _ranks(column: Floats, counts: Counts) -> Floats:
    """Middle ranks (draws, N) of one column's values among those drawn."""
    values, group = np.unique(column, return_inverse=True)
    if len(values) == len(column):
        sizes = np.empty_like(counts)
        sizes[:, group] = counts
    else:
        order = np.argsort(group, kind="stable")
        sizes = np.add.reduceat(counts[:, order], np.searchsorted(group[order], np.arange(len(values))), axis=1)
    middle = np.cumsum(sizes, axis=1) - (sizes - 1) / 2
    return middle[:, group]
