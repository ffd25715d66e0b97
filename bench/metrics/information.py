"""Discrete information between code dimensions and factors, in nats."""

import numpy as np

from bench.metrics.base import Floats, Ints


def discretise(codes: Floats, num_bins: int) -> Ints:
    """Bin each dimension into equal-width bins over its own range: (N, D) of 0..num_bins - 1; constant dims: all 0."""
    low, high = codes.min(axis=0), codes.max(axis=0)
    binned = np.zeros(codes.shape, np.int64)
    for d in np.flatnonzero(high > low):
        edges = np.linspace(low[d], high[d], num_bins + 1)
        binned[:, d] = np.searchsorted(edges[1:-1], codes[:, d], side="right")
    return binned


def dense(table: Ints) -> Ints:
    """Each column of an integer table renumbered to 0, 1, ... without gaps."""
    columns = [np.unique(column, return_inverse=True)[1] for column in table.T]
    return np.stack(columns, axis=1).astype(np.int64)


def mutual_information(first: Ints, second: Ints) -> Floats:
    """Mutual information (columns of first, columns of second) of two integer tables with the same rows.

    I = sum_ab n_ab / N log(n_ab N / (n_a n_b)): the products are exact integers, so a constant column gives exactly 0.
    """
    information = np.empty((first.shape[1], second.shape[1]))
    for i, a in enumerate(first.T):
        for j, b in enumerate(second.T):
            information[i, j] = _pair_information(a, b)
    return np.maximum(information, 0)


def _pair_information(a: Ints, b: Ints) -> float:
    cells = int(b.max()) + 1
    counts = np.bincount(a * cells + b, minlength=(int(a.max()) + 1) * cells).reshape(-1, cells).astype(np.float64)
    margins = np.outer(counts.sum(axis=1), counts.sum(axis=0))
    seen = counts > 0
    n = counts[seen]
    return float((n * np.log(n * len(a) / margins[seen])).sum() / len(a))


def entropy(table: Ints) -> Floats:
    """Entropy of each column of an integer table."""
    shares = [np.bincount(column) / len(table) for column in table.T]
    return np.array([-(p[p > 0] * np.log(p[p > 0])).sum() for p in shares])
