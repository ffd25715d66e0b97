"""Spearman's rank correlation: of a sample, and of many resamples at once with ranks taken anew in each."""

from collections.abc import Sequence

import numpy as np
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
    names, columns = np.unique(both, axis=1, return_inverse=True)  # a score that is in both is ranked once
    ordered = [_order(column) for column in names.T]
    first, second = columns[: x.shape[1]], columns[x.shape[1] :]
    size = max(1, CHUNK // names.size)
    found = []
    for start in range(0, len(counts), size):
        ranks = _weighted_ranks(ordered, counts[start : start + size])
        found.append(np.clip(ranks[:, first] @ ranks[:, second].transpose(0, 2, 1), -1, 1))
    return np.concatenate(found)


def _weighted_ranks(ordered: Sequence[tuple[Ints, Ints, Ints]], counts: Ints) -> Floats:
    """Standardised ranks times the root of the counts (draws, columns, N): their products are correlations."""
    by_row = np.ascontiguousarray(counts.T)
    ranks = np.stack([_ranks(*column, by_row).T for column in ordered], axis=1)
    ranks -= (counts.sum(axis=1)[:, None, None] + 1) / 2
    ranks *= np.sqrt(counts)[:, None]
    norms = np.sqrt(np.einsum("dcn,dcn->dc", ranks, ranks))[..., None]
    ranks /= np.where(norms > 1e-6, norms, np.nan)
    return ranks


def _order(column: Floats) -> tuple[Ints, Ints, Ints]:
    """Rows in rising order, where each distinct value starts among them, and which value each row has."""
    values, group = np.unique(column, return_inverse=True)
    order = np.argsort(group, kind="stable")
    return order, np.searchsorted(group[order], np.arange(len(values))), group


def _ranks(order: Ints, starts: Ints, group: Ints, counts: Ints) -> Floats:
    """Middle ranks (N, draws) of one column's values among those drawn; counts are (N, draws)."""
    sizes = np.take(counts, order, axis=0)
    if len(starts) < len(order):
        sizes = np.add.reduceat(sizes, starts, axis=0)
    middle = np.cumsum(sizes, axis=0) - (sizes - 1) / 2
    return np.take(middle, group, axis=0)
