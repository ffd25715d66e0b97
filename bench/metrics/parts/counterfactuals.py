"""Rows that differ in one factor alone: the effect of an intervention on that factor, read from existing rows."""

import numpy as np

from bench.metrics.base import Ints


def counterfactuals(factors: Ints, which: int, num_points: int, rng: np.random.Generator) -> Ints:
    """Rows of the same points under every value of one factor.

    A point is a combination of the other factors that has rows with every value of this one, drawn with replacement. If
    several rows agree in all factors, a point takes one of them at random.

    Args:
        factors: (N, F), numbered from 0 without gaps.
        which: the factor that is intervened on.
        num_points: number of points.
        rng: of the points and rows.

    Returns:
        (num_points, values of the factor) rows; (0, values) if no combination has rows with every value.

    Example:
        >>> grid = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> sorted(set(map(tuple, counterfactuals(grid, 0, 9, np.random.default_rng(0)).tolist())))
        [(0, 2), (1, 3)]
    """
    count = int(factors[:, which].max()) + 1
    cells = _numbered(np.delete(factors, which, axis=1)) * count + factors[:, which]
    order = np.argsort(cells, kind="stable")
    filled, starts, sizes = np.unique(cells[order], return_index=True, return_counts=True)
    combinations = filled // count
    complete = np.flatnonzero(np.bincount(combinations) == count)
    if not len(complete):
        return np.empty((0, count), np.int64)
    first = np.searchsorted(combinations, rng.choice(complete, num_points))
    chosen = first[:, None] + np.arange(count)
    return order[starts[chosen] + (rng.random(chosen.shape) * sizes[chosen]).astype(np.int64)]


def _numbered(table: Ints) -> Ints:
    """Numbers (N,) from 0 for the rows; equal rows have the same number."""
    numbers: Ints = np.zeros(len(table), np.int64)
    for column in table.T:
        numbers = np.unique(numbers * (int(column.max()) + 1) + column, return_inverse=True)[1]
    return numbers
