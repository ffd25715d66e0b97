"""How concentrated a table of importances is: by the entropies of Eastwood & Williams 2018, or by gaps."""

import numpy as np

from bench.metrics.base import Floats

LEAST_IMPORTANCE = 1e-11  # added to every importance, as in the study: logarithms stay finite


def concentration(importances: Floats) -> float:
    """Mean over rows of `row_concentrations`, weighted by the sum of each row; 0 if all importances are 0.

    Args:
        importances: non-negative, (A, B).

    Example:
        >>> round(concentration(np.array([[2.0, 0.0], [1.0, 1.0]])), 6)
        0.5
    """
    if importances.sum() == 0:
        return 0.0
    weights = importances.sum(axis=1) / importances.sum()
    return float(np.clip((weights * row_concentrations(importances)).sum(), 0, 1))


def row_concentrations(importances: Floats) -> Floats:
    """1 - H(row) / log B of each row's shares, (A,): 1 if all weight is in one column, or B = 1."""
    shares = importances + LEAST_IMPORTANCE
    shares /= shares.sum(axis=1, keepdims=True)
    entropies = -(shares * np.log(shares)).sum(axis=1) / max(np.log(importances.shape[1]), LEAST_IMPORTANCE)
    return 1 - entropies


def gaps(importances: Floats) -> Floats:
    """The largest entry of each column less the second, (B,); that of a single row is less 0.

    Example:
        >>> gaps(np.array([[2.0, 0.0], [1.0, 1.0]]))
        array([1., 1.])
    """
    ordered = np.sort(importances, axis=0)
    return ordered[-1] - (ordered[-2] if len(ordered) > 1 else 0.0)
