"""Rows that differ in one factor alone: what an intervention on it makes of a row, found among the rows at hand."""

import numpy as np

from bench.metrics.base import Ints


def counterfactuals(factors: Ints, which: int, num_points: int, rng: np.random.Generator) -> Ints:
    """Rows of the same points under every value of one factor.

    Points are drawn, with replacement, among the combinations of the other factors that have rows with every value of
    this one; where rows are alike in all factors, each point takes a random one of them.

    Args:
        factors: (N, F), numbered from 0 without gaps.
        which: the factor that is intervened on.
        num_points: how many points.
        rng: of the points and rows.

    Returns:
        (num_points, values of the factor) rows; (0, values) where no combination has them all.

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
    """(N,) a number from 0 for each row, the same for rows that are equal."""
    numbers: Ints = np.zeros(len(table), np.int64)
    for column in table.T:
        numbers = np.unique(numbers * (int(column.max()) + 1) + column, return_inverse=True)[1]
    return numbers
