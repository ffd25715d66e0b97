"""Downstream tasks (Locatello et al. 2019): predicting each factor from codes, with few labels and with many."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_count, check_split, metric, varying
from bench.metrics.parts import boosted_trees, exact_trees
from bench.metrics.parts.logistic import fit_cross_validated
from bench.metrics.parts.tree_work import check_tree_work
from bench.values import one_of

FEW = 100  # labels in the numerator of the statistical efficiency


@metric(
    version=3,
    reads="split",
    scores={
        "lr_efficiency": Score(0, float("inf"), title="Efficiency (LR)"),
        "gbt_efficiency": Score(0, float("inf"), title="Efficiency (GBT)"),
        "xgb_efficiency": Score(0, float("inf"), title="Efficiency (XGBoost)"),
        "lr_*": Score(0, 1, title="LR *"),
        "gbt_*": Score(0, 1, title="GBT *"),
        "xgb_*": Score(0, 1, title="XGBoost *"),
    },
    invariant_to=("sign",),  # trees follow monotone maps too, logistic regression follows no more than this
    widest=2_048,
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
    trees: str = "exact",
    seed: int = 0,
) -> dict[str, float]:
    """Test accuracy of predicting factors from the first n training rows, and statistical efficiency.

    `lr` is cross-validated one-vs-rest logistic regression, `gbt` gradient boosted trees. "lr_100" is the mean
    accuracy over factors with 100 labels, "lr_100/2" that of factor 2; sizes above the rows at hand become the rows
    at hand. "lr_efficiency" is accuracy with 100 labels over accuracy with the most labels; it is left out where either
    was not asked for, or the latter is 0. A factor with a single value in all rows, training and test, is left out.

    Trees are the study's: exact, each leaf a Newton step with the factor (K - 1) / K of K classes (Friedman 2001).
    XGBoost is a variant with score names of its own, "xgb_100": its diagonal Hessian is 2 p (1 - p), so that a step is
    K / (2 (K - 1)) of the study's, the same for two classes and half of it for many, and single factors differ by up
    to 0.1.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices.
        test_codes: (m, D).
        test_factors: (m, F).
        predictor: "lr", "gbt" (the trees), or both.
        train_sizes: numbers of labels.
        num_rounds: of boosting.
        trees: "exact", whose fits with the most labels are those of DCI, or "xgboost", whose scores are "xgb_*".
        seed: of the trees.

    Raises:
        SkippedError: no factor varies, or the codes are too wide for trees of these; `predictor="lr"` takes them.
        ValueError: bad codes, factors or sizes, an unknown predictor or kind of trees.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 3, (300, 1))
        >>> half = slice(0, 150), slice(150, 300)
        >>> x = factors.astype(float)
        >>> scores = downstream(x[half[0]], factors[half[0]], x[half[1]], factors[half[1]], train_sizes=[100])
        >>> scores["gbt_100"]
        1.0
    """
    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    sizes, varied = _effective(train_sizes, len(x)), varying(np.vstack([y, expected]))
    scores: dict[str, float] = {}
    rounds = check_count(num_rounds, "num_rounds")
    predictors = _predictors(predictor, rounds, trees, seed)
    if predictors.keys() != {"lr"}:
        fits = [labels for size in sizes for labels in y[:size, varied].T]
        check_tree_work(x.shape[1], fits, rounds, exact=trees == "exact")
    for name, predict in predictors.items():
        for size in sizes:
            hits = [float(np.mean(predict(x[:size], y[:size, k], test) == expected[:, k])) for k in varied]
            scores[f"{name}_{size}"] = float(np.mean(hits))
            scores |= {f"{name}_{size}/{k}": hit for k, hit in zip(varied, hits, strict=True)}
        scores |= _efficiency(name, scores, sizes[-1])
    return scores


Predictor = Callable[[Floats, Ints, Floats], Ints]


def _predictors(wanted: str | Sequence[str], num_rounds: int, trees: str, seed: int) -> Mapping[str, Predictor]:
    """Each predictor that is wanted, under the first part of its scores' names."""
    engines: dict[str, tuple[str, Predictor]] = {
        "exact": ("gbt", lambda x, y, test: exact_trees.boost(x, y, test, num_rounds=num_rounds).test),
        "xgboost": ("xgb", lambda x, y, test: boosted_trees.predict(x, y, test, num_rounds=num_rounds, seed=seed)),
    }
    known: dict[str, tuple[str, Predictor]] = {
        "lr": ("lr", lambda x, y, test: fit_cross_validated(x, y).predict(test)),
        "gbt": engines[one_of("trees", trees, engines)],
    }
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    if not names:
        raise ValueError(f"predictor names none of {', '.join(known)}")
    return dict(known[one_of("predictor", name, known)] for name in names)


def _effective(train_sizes: Sequence[int], rows: int) -> list[int]:
    """Sizes that can be had, ascending, each once: those above the rows there are become the rows there are."""
    if not train_sizes:
        raise ValueError("train_sizes is empty")
    return sorted({min(check_count(size, "train_sizes"), rows) for size in train_sizes})


def _efficiency(name: str, scores: Mapping[str, float], most: int) -> dict[str, float]:
    if f"{name}_{FEW}" not in scores or most == FEW or scores[f"{name}_{most}"] == 0:
        return {}
    return {f"{name}_efficiency": scores[f"{name}_{FEW}"] / scores[f"{name}_{most}"]}
