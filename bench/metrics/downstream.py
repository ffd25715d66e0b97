"""Downstream tasks (Locatello et al. 2019): predicting each factor from codes, with few labels and with many."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_codes, check_factors, metric
from bench.metrics.logistic import CS, OneVsRest
from bench.registry import unknown

EXACT_ROWS = 256  # up to here trees split halfway between values, as the study's; beyond, at histogram edges
FEW = 100  # labels in the numerator of the statistical efficiency


@metric(
    version=1,
    reads="split",
    scores={
        "lr_efficiency": Score(0, float("inf")),
        "gbt_efficiency": Score(0, float("inf")),
        "lr_*": Score(0, 1),
        "gbt_*": Score(0, 1),
    },
    paper="Locatello et al. 2019, arXiv:1811.12359",
)
def downstream(
    train_codes: ArrayLike,
    train_factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    predictor: str | Sequence[str] = ("lr", "gbt"),
    train_sizes: Sequence[int] = (10, 100, 1_000, 10_000),
    num_rounds: int = 100,
    seed: int = 0,
) -> dict[str, float]:
    """Test accuracy of predicting factors from the first n training rows, and statistical efficiency.

    `lr` is cross-validated one-vs-rest logistic regression, `gbt` gradient boosted trees. "lr_100" is the mean
    accuracy over factors with 100 labels, "lr_100/2" that of factor 2; sizes above the rows at hand become the rows
    at hand. "lr_efficiency" is accuracy with 100 labels over accuracy with the most labels.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices.
        test_codes: (m, D).
        test_factors: (m, F).
        predictor: "lr", "gbt", or both.
        train_sizes: numbers of labels.
        num_rounds: of boosting.
        seed: of the trees.

    Raises:
        ValueError: bad codes or factors, or an unknown predictor.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 3, (300, 1))
        >>> half = slice(0, 150), slice(150, 300)
        >>> x = factors.astype(float)
        >>> scores = downstream(x[half[0]], factors[half[0]], x[half[1]], factors[half[1]], train_sizes=[100])
        >>> scores["gbt_100"]
        1.0
    """
    x, test = check_codes(train_codes, "train_codes"), check_codes(test_codes, "test_codes")
    y = check_factors(train_factors, len(x), "train_factors")
    expected = check_factors(test_factors, len(test), "test_factors")
    if x.shape[1] != test.shape[1] or y.shape[1] != expected.shape[1]:
        raise ValueError("test_codes and test_factors must have the columns of train_codes and train_factors")
    scores: dict[str, float] = {}
    for name in (predictor,) if isinstance(predictor, str) else predictor:
        for size in _effective(train_sizes, len(x)):
            hits = _accuracies(_predictor(name, num_rounds, seed), x[:size], y[:size], test, expected)
            scores[f"{name}_{size}"] = float(np.mean(hits))
            scores |= {f"{name}_{size}/{k}": hit for k, hit in enumerate(hits)}
        scores |= _efficiency(name, scores)
    return scores


Predictor = Callable[[Floats, Ints, Floats], Ints]


def _predictor(name: str, num_rounds: int, seed: int) -> Predictor:
    predictors: dict[str, Predictor] = {
        "lr": lambda x, y, test: OneVsRest.fit(x, y, CS).predict(test),
        "gbt": lambda x, y, test: boosted_trees(x, y, test, num_rounds, seed),
    }
    if name not in predictors:
        raise unknown("predictor", name, predictors)
    return predictors[name]


def _effective(train_sizes: Sequence[int], rows: int) -> list[int]:
    """Sizes that can be had, ascending, each once: those above the rows there are become the rows there are."""
    if not train_sizes or min(train_sizes) < 1:
        raise ValueError(f"train_sizes must be positive numbers of labels, got {list(train_sizes)}")
    return sorted({min(int(n), rows) for n in train_sizes})


def _accuracies(predict: Predictor, x: Floats, y: Ints, test: Floats, expected: Ints) -> list[float]:
    return [float(np.mean(predict(x, y[:, k], test) == expected[:, k])) for k in range(y.shape[1])]


def _efficiency(name: str, scores: dict[str, float]) -> dict[str, float]:
    sizes = [int(n.removeprefix(f"{name}_")) for n in scores if n.startswith(f"{name}_") and "/" not in n]
    most = max(sizes)
    if FEW not in sizes or most == FEW or scores[f"{name}_{most}"] == 0:
        return {}
    return {f"{name}_efficiency": scores[f"{name}_{FEW}"] / scores[f"{name}_{most}"]}


def boosted_trees(x: Floats, y: Ints, test: Floats, num_rounds: int, seed: int) -> Ints:
    """Predictions of XGBoost with the study's settings: depth 3, learning rate 0.1, no regularisation, one thread."""
    import xgboost

    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) == 1:
        return np.repeat(classes, len(test))
    few = len(x) <= EXACT_ROWS
    settings = {
        "objective": "multi:softprob",
        "num_class": len(classes),
        "tree_method": "exact" if few else "hist",
        "max_depth": 3,
        "eta": 0.1,
        "lambda": 0,
        "min_child_weight": 0,
        "base_score": 0.0,
        "nthread": 1,
        "seed": seed,
        "verbosity": 0,
    }
    prior = np.log(np.bincount(codes) / len(codes))  # boosting starts from the classes' frequencies
    matrix = xgboost.DMatrix if few else xgboost.QuantileDMatrix
    data = matrix(x, codes, base_margin=np.tile(prior, (len(x), 1)), nthread=1)
    model = xgboost.train(settings, data, num_rounds)
    return classes[model.inplace_predict(test, base_margin=np.tile(prior, (len(test), 1))).argmax(axis=1)]
