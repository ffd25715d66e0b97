"""Discrete information between code dimensions and factors, in nats."""

import numpy as np

from bench.metrics.base import Floats, Ints, check_count

BLOCK = 16  # columns counted at once: few enough for the cache


def discretise(codes: Floats, num_bins: int) -> Ints:
    """Bin each dimension into equal-width bins over its own range.

    Args:
        codes: (N, D) finite.
        num_bins: bins of each dimension.

    Returns:
        (N, D) of 0..num_bins - 1; a constant dimension is all 0.

    Raises:
        ValueError: `num_bins` is not a positive integer.

    Example:
        >>> discretise(np.array([[0.0], [0.9], [1.0], [4.0]]), 4).ravel()
        array([0, 0, 1, 3])
    """
    edges = _inner_edges(codes, check_count(num_bins, "num_bins"))
    binned = np.zeros(codes.shape, np.int64)
    for d in np.flatnonzero(codes.max(axis=0) > codes.min(axis=0)):
        binned[:, d] = np.searchsorted(edges[:, d], codes[:, d], side="right")
    return binned


def _inner_edges(codes: Floats, num_bins: int) -> Floats:
    """The edges between bins, (num_bins - 1, D).

    Codes that 32-bit floats hold exactly get 32-bit edges, whatever their dtype, as in the reference. With other edges,
    rounding would decide the bin of values that lie on an edge by design.
    """
    precision = np.float32 if (codes == codes.astype(np.float32)).all() else np.float64
    low, high = codes.min(axis=0), codes.max(axis=0)
    width = (high - low).astype(precision).astype(np.float64) / num_bins
    return (low + np.arange(1, num_bins)[:, None] * width).astype(precision).astype(np.float64)


def dense(table: Ints | Floats) -> Ints:
    """Each column of a table (N, C) renumbered to 0, 1, ... without gaps, in order of value."""
    columns = [np.unique(column, return_inverse=True)[1] for column in table.T]
    return np.stack(columns, axis=1).astype(np.int64)


def mutual_information(first: Ints, second: Ints) -> Floats:
    """Mutual information between the columns of two integer tables of small numbers from 0.

    I = sum_ab n_ab / N log(n_ab N / (n_a n_b)). The products are exact integers, so a constant column gives exactly 0.

    Args:
        first: (N, A).
        second: (N, B).

    Returns:
        (A, B).
    """
    sizes = second.max(axis=0) + 1
    blocks = [_block(second, sizes, slice(b, b + BLOCK)) for b in range(0, second.shape[1], BLOCK)]
    rows = [np.concatenate([_information(column, *block) for block in blocks]) for column in first.T]
    return np.maximum(rows, 0.0).reshape(first.shape[1], second.shape[1])


def _block(table: Ints, sizes: Ints, part: slice) -> tuple[Ints, int, Ints]:
    """Columns as rows (B, N), their values offset for one joint histogram; its width; where each column starts."""
    starts = np.cumsum(sizes[part]) - sizes[part]
    return np.ascontiguousarray((table[:, part] + starts).T), int(sizes[part].sum()), starts


def _information(column: Ints, cells: Ints, width: int, starts: Ints) -> Floats:
    height = int(column.max()) + 1
    joint = np.bincount((column * width + cells).ravel(), minlength=height * width)
    counts = joint.reshape(height, width).astype(np.float64)
    margins = np.outer(np.bincount(column), counts.sum(axis=0))
    ratios = np.divide(counts * len(column), margins, out=np.ones_like(counts), where=counts > 0)
    return np.add.reduceat((counts * np.log(ratios)).sum(axis=0), starts) / len(column)


def entropy(table: Ints) -> Floats:
    """Entropy of each column of an integer table of small numbers from 0: (C,)."""
    shares = [np.bincount(column) / len(table) for column in table.T]
    return np.array([-(p[p > 0] * np.log(p[p > 0])).sum() for p in shares])
