"""Gradient boosted trees with the study's settings (scikit-learn's defaults), fitted by XGBoost, whose steps differ."""

from typing import Any

import numpy as np

from bench.metrics.base import Floats, Ints

EXACT_ROWS = 256  # up to here trees split halfway between values, as the study's; beyond, at histogram edges


def predict(x: Floats, y: Ints, test: Floats, *, num_rounds: int = 100, seed: int = 0) -> Ints:
    """Labels of test rows by trees of depth 3, learning rate 0.1, one a class and round, no regularisation, one thread.

    Boosting starts from the classes' frequencies. A class that is not in `y` is never predicted, a single one always.
    XGBoost's Hessian is 2 p (1 - p): with K classes a leaf moves by K / (2 (K - 1)) of the study's step, which has the
    factor (K - 1) / K of Friedman (2001).

    Args:
        x: (n, D).
        y: (n,) labels.
        test: (m, D).
        num_rounds: of boosting.
        seed: of XGBoost, which draws nothing under these settings.

    Returns:
        (m,) labels.

    Example:
        >>> predict(np.array([[0.0], [1.0], [5.0], [6.0]]), np.array([3, 3, 7, 7]), np.array([[0.4], [5.5]]))
        array([3, 7])
    """
    import xgboost

    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) == 1:
        return np.repeat(classes, len(test))
    prior = np.log(np.bincount(codes) / len(codes))
    few = len(x) <= EXACT_ROWS
    matrix = xgboost.DMatrix if few else xgboost.QuantileDMatrix
    data = matrix(x, codes, base_margin=np.tile(prior, (len(x), 1)), nthread=1)
    model = xgboost.train(_settings(len(classes), few, seed), data, num_rounds)
    return classes[model.inplace_predict(test, base_margin=np.tile(prior, (len(test), 1))).argmax(axis=1)]


def _settings(num_classes: int, exact: bool, seed: int) -> dict[str, Any]:
    return {
        "objective": "multi:softprob",
        "num_class": num_classes,
        "tree_method": "exact" if exact else "hist",
        "max_depth": 3,
        "eta": 0.1,
        "lambda": 0,
        "min_child_weight": 0,
        "base_score": 0.0,
        "nthread": 1,
        "seed": seed,
        "verbosity": 0,
    }
