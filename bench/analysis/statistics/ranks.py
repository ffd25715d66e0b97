"""Spearman's rank correlation, and the influence of each run on it."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]


def row_spearman(x: Floats, y: Floats) -> Floats:
    """Rank correlation of each row of x (R, N) with the same row of y: (R,); NaN if a row is constant."""
    a, b = (_standardised(rankdata(m, axis=1).T) for m in (x, y))
    return np.clip((a * b).sum(axis=0), -1, 1)


def unit_ranks(values: Floats) -> Floats:
    """Ranks within each column of values (N, K), centred and of length 1; NaN if a column is constant."""
    return _standardised(rankdata(values, axis=0))


def _standardised(ranks: Floats) -> Floats:
    ranks = ranks - ranks.mean(axis=0)
    norms = np.sqrt((ranks**2).sum(axis=0))
    return ranks / np.where(norms > 0, norms, np.nan)


def spearman_influence(values: Floats) -> tuple[Floats, Floats]:
    """Rank correlation of every two columns of values (N, S), and the influence of each row on it.

    A grade u is a rank as a share, centred. A row changes rho = E[u v] / sqrt(E[u^2] E[v^2]) by the product of its
    grades, and by the grades of the rows above it, because it changes their ranks; tied rows count half.

    Returns:
        (S, S), NaN if a column is constant; (N, S, S), up to a constant.
    """
    count, columns = values.shape
    grades = (rankdata(values, axis=0) - 0.5) / count - 0.5
    grades -= grades.mean(axis=0)
    above = np.empty((count, columns, columns))  # [i, a, b]: mean grade by b of the rows above row i by a
    for a, column in enumerate(values.T):
        above[:, a] = _summed_above(column, grades) / count
    products = np.einsum("na,nb->nab", grades, grades)
    covariance = products.mean(axis=0)
    variance = np.diag(covariance).copy()
    variance[variance < 1e-12] = np.nan
    scale = np.sqrt(np.outer(variance, variance))
    rho = np.clip(covariance / scale, -1, 1)
    variance_influence = np.einsum("naa->na", products + 2 * above) / variance
    influence = (products + above + above.swapaxes(1, 2)) / scale
    influence -= rho / 2 * (variance_influence[:, :, None] + variance_influence[:, None, :])
    return rho, influence


def _summed_above(column: Floats, grades: Floats) -> Floats:
    """For each row, the sum of grades (N, S) of the rows above it in a column; tied rows count half."""
    order = np.argsort(column, kind="stable")
    ordered, sums = column[order], np.vstack([np.cumsum(grades[order][::-1], axis=0)[::-1], np.zeros(grades.shape[1])])
    first = np.searchsorted(ordered, column, side="left")
    last = np.searchsorted(ordered, column, side="right")
    return (sums[first] + sums[last]) / 2
