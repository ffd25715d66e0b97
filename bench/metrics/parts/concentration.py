"""How far the weight of each line of a table lies in one place: the entropies of Eastwood & Williams 2018."""

import numpy as np

from bench.metrics.base import Floats

LEAST_IMPORTANCE = 1e-11  # added to every importance, as by the study: logarithms stay finite


def concentration(importances: Floats) -> float:
    """Mean over rows, weighted by their mass, of `row_concentrations`; 0 where there is no mass.

    Args:
        importances: not negative, (A, B).

    Example:
        >>> round(concentration(np.array([[2.0, 0.0], [1.0, 1.0]])), 6)
        0.5
    """
    if importances.sum() == 0:
        return 0.0
    weights = importances.sum(axis=1) / importances.sum()
    return float(np.clip((weights * row_concentrations(importances)).sum(), 0, 1))


def row_concentrations(importances: Floats) -> Floats:
    """1 - the entropy of each row in base its length, (A,): 1 where all weight lies in one place, or there is one."""
    shares = importances + LEAST_IMPORTANCE
    shares /= shares.sum(axis=1, keepdims=True)
    entropies = -(shares * np.log(shares)).sum(axis=1) / max(np.log(importances.shape[1]), LEAST_IMPORTANCE)
    return 1 - entropies
