"""Mutual information of continuous dimensions and factors, from nearest neighbours.

Of a dimension and classes (Ross 2014, PLoS ONE 9(2)): of a row, let d be the distance to its k-th nearest neighbour of
the same class, and m the number of rows of any class that are nearer than d, itself included. Then

    I = digamma(n) + mean digamma(k) - mean digamma(n_class) - mean digamma(m),

where a class of fewer than k + 1 rows has as many neighbours as it has, and rows alone in their class are left out.
Dimensions are taken one at a time, so that neighbours are found by sorting.

Of a dimension and a factor that is continuous as well (Kraskov et al. 2004, Phys. Rev. E 69): d is the distance to the
k-th nearest row in the plane of the two, the larger of the distances in either, and m_x, m_y are the numbers of rows
that are nearer than d in one of them, itself included:

    I = digamma(n) + digamma(k) - mean digamma(m_x) - mean digamma(m_y),

which is digamma(n) - digamma(k) of a factor and itself.
"""

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma

from bench.metrics.base import Floats, Ints


def information(codes: Floats, classes: Ints, neighbours: int) -> Floats:
    """Nats, 0 where the estimate is below it: (D, F).

    Args:
        codes: (N, D) of which no two rows are equal: equal ones have no nearest.
        classes: (N, F) small numbers from 0.
        neighbours: k.

    Example:
        >>> rng, classes = np.random.default_rng(0), np.arange(1000)[:, None] % 2
        >>> information(2 * classes + rng.random((1000, 1)), classes, 10).round(2)
        array([[0.69]])
    """
    table = np.empty((codes.shape[1], classes.shape[1]))
    for d, column in enumerate(codes.T):
        order = np.argsort(column)
        table[d] = [_of_pair(column[order], labels[order], neighbours) for labels in classes.T]
    return np.maximum(table, 0.0)


def continuous_information(codes: Floats, values: Floats, neighbours: int) -> Floats:
    """Nats of dimensions and continuous factors, 0 where the estimate is below it: (D, F).

    Args:
        codes: (N, D) of which no two rows are equal, in units of standard deviations.
        values: (N, F) likewise.
        neighbours: k, below N.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(2000, 1))
        >>> y = 0.8 * x + 0.6 * rng.normal(size=(2000, 1))
        >>> continuous_information(x, y, 3).round(1)  # of Gaussians -log(1 - 0.8^2) / 2 = 0.51
        array([[0.5]])
    """
    table = np.empty((codes.shape[1], values.shape[1]))
    for d, x in enumerate(codes.T):
        for f, y in enumerate(values.T):
            plane = np.column_stack([x, y])
            reach = cKDTree(plane).query(plane, neighbours + 1, p=np.inf)[0][:, -1]
            nearer = [digamma(_nearer(np.sort(column), column, reach)).mean() for column in (x, y)]
            table[d, f] = digamma(len(x)) + digamma(neighbours) - sum(nearer)
    return np.maximum(table, 0.0)


def _of_pair(x: Floats, y: Ints, neighbours: int) -> float:
    """Of one dimension, ascending (N,), and the classes of its rows."""
    counts = np.bincount(y)
    if counts.min() < 2:
        kept = counts[y] > 1
        if not kept.any():
            return 0.0
        x, y = x[kept], y[kept]
    order = np.argsort(y, kind="stable")  # by class, and ascending within each
    x_of_class, sizes = x[order], counts[y[order]]
    wanted = np.minimum(neighbours, sizes - 1)
    nearer = _nearer(x, x_of_class, _reach(x_of_class, y[order], wanted))
    return float(digamma(len(x)) + (digamma(wanted) - digamma(sizes) - digamma(nearer)).mean())


def _reach(x: Floats, y: Ints, wanted: Ints) -> Floats:
    """Distance to the k-th nearest of the same class: the least reach of a run of k + 1 rows that holds the row."""
    rows = np.arange(len(x))
    ends = np.searchsorted(y, y, side="right")
    starts = np.searchsorted(y, y, side="left")
    reach = np.full(len(x), np.inf)
    for before in range(int(wanted.max()) + 1):
        first = rows - before
        last = first + wanted
        inside = (first >= starts) & (last < ends) & (before <= wanted)
        first, last = np.where(inside, first, rows), np.where(inside, last, rows)
        furthest = np.maximum(x - x[first], x[last] - x)
        reach = np.where(inside, np.minimum(reach, furthest), reach)
    return reach


def _nearer(x: Floats, centres: Floats, reach: Floats) -> Ints:
    """How many of the rows x, ascending, are nearer to each centre than its reach; at least the centre itself."""
    below = _first_nearer(x, centres, reach)
    above = _first_nearer(-x[::-1], -centres, reach)
    return np.maximum(len(x) - below - above, 1)


def _first_nearer(x: Floats, centres: Floats, reach: Floats) -> Ints:
    """The place of the lowest row that is nearer than the reach.

    What a search compares with is rounded, so the rows around the place it ends at are measured as the reach was.
    """
    place = np.searchsorted(x, centres - reach, side="right")
    padded = np.concatenate([[-np.inf], x, [np.inf]])  # row i at i + 1
    place -= centres - padded[place] < reach
    place += centres - padded[place + 1] >= reach
    return place
