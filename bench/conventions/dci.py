"""Conventions of DCI: the model whose importances are read, and how these are averaged."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import DCF, DCI_ES, DISENT, DISENTANGLEMENT_LIB, JBOILARD, MED, UBISOFT
from bench.metrics.base import Floats, SkippedError, check_codes, check_factors, check_split
from bench.metrics.dci import dci
from bench.metrics.parts.concentration import concentration, row_concentrations
from bench.metrics.parts.information import dense
from bench.metrics.parts.information_table import information_table

PENALTIES = (1e-4, 1e-3, 0.01, 0.1, 0.2, 0.4, 0.8, 1)
FOLDS = 10
SHALLOW = range(2, 11)  # depths of jboilard's forests
DEEP = (1, 2, 3, 4, 8, 10, 12, 14, 16, 18, 20, 32)  # depths of DCI-ES's forests


def exact_trees(
    train_codes: ArrayLike,
    train_factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    per_tree: bool = False,
) -> dict[str, float]:
    """The suite's boosted trees; importances are shares of the total gain of all trees, or means of shares per tree."""
    scores = dci(train_codes, train_factors, test_codes, test_factors)
    prefix = "dci_per_tree" if per_tree else "dci"
    return {f"dci_{part}": scores[f"{prefix}_{part}"] for part in ("disentanglement", "completeness")}


def xgboost(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """XGBoost's defaults: depth 6, learning rate 0.3, histograms; importance is the mean gain of a split."""
    from xgboost import XGBClassifier

    x = check_codes(codes, min_rows=2)
    classes = dense(check_factors(factors, len(x)))
    return _of([XGBClassifier(n_jobs=1).fit(x, y).feature_importances_ for y in classes.T])


def forest(
    train_codes: ArrayLike,
    train_factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    num_trees: int,
    depths: Sequence[int],
    common_depth: bool,
    seed: int = 0,
) -> dict[str, float]:
    """A random forest of the depth that predicts test rows best, picked for each factor or for all together.

    jboilard picks the depth of each factor on a third sample of rows, not on the test rows.
    """
    from sklearn.ensemble import RandomForestClassifier

    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    forests = [
        [RandomForestClassifier(num_trees, max_depth=d, random_state=seed).fit(x, column) for column in y.T]
        for d in depths
    ]
    hits = np.array([[np.mean(f.predict(test) == e) for f, e in zip(fs, expected.T, strict=True)] for fs in forests])
    if common_depth:
        hits = np.broadcast_to(hits.mean(axis=1, keepdims=True), hits.shape)
    return _of([forests[d][k].feature_importances_ for k, d in enumerate(hits.argmax(axis=0))])


def lasso(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """Absolute coefficients of a lasso on codes and class indices in [0, 1]; its penalty is cross-validated.

    As in ubisoft's code, disentanglement leaves out the first dimension without any weight and all dimensions after it,
    and completeness is the unweighted mean over factors.

    Raises:
        SkippedError: there is one dimension or one factor.
    """
    from sklearn.linear_model import Lasso
    from sklearn.model_selection import cross_val_score
    from sklearn.preprocessing import minmax_scale

    x = check_codes(codes, min_rows=2)
    y = minmax_scale(check_factors(factors, len(x)).astype(np.float64))
    if 1 in (x.shape[1], y.shape[1]):
        raise SkippedError("its code divides by 0 if there is one dimension or one factor")
    x = minmax_scale(x)
    importances = np.empty((x.shape[1], y.shape[1]))
    for k, column in enumerate(y.T):
        errors = [-cross_val_score(Lasso(alpha=a, max_iter=5000), x, column, cv=FOLDS,
                                   scoring="neg_mean_squared_error").mean() for a in PENALTIES]  # fmt: skip
        importances[:, k] = np.abs(Lasso(alpha=PENALTIES[int(np.argmin(errors))]).fit(x, column).coef_)
    weightless = np.flatnonzero(importances.sum(axis=1) == 0)
    leading = importances[: weightless[0]] if len(weightless) else importances
    return {
        "dci_disentanglement": concentration(leading),
        "dci_completeness": float(row_concentrations(importances.T).mean()),
    }


def of_information(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """MED: mutual information instead of importances; a constant dimension counts in the base of completeness.

    Raises:
        SkippedError: all dimensions are constant.
    """
    information = information_table(codes, factors, 20, least_factors=2).information
    if not information.any():
        raise SkippedError("its code gives NaN where no dimension tells of a factor")
    return _of(list((information / information.sum(axis=0)).T))


def _of(importances: Sequence[Floats]) -> dict[str, float]:
    """Both scores, from one importance array (D,) per factor."""
    table = np.abs(np.stack(importances, axis=1)).astype(np.float64)
    return {"dci_disentanglement": concentration(table), "dci_completeness": concentration(table.T)}


CONVENTIONS = (
    Convention("dci", OURS, exact_trees,
               "importances of 100 rounds of exact boosted trees of depth 3, over the whole of them", beside="",
               reads="split"),
    Convention("dci", "disentanglement_lib", exact_trees, "nothing: as scikit-learn since 0.20 has importances",
               by=DISENTANGLEMENT_LIB, reads="split"),
    Convention("dci", "disentanglement_lib.per_tree", partial(exact_trees, per_tree=True),
               "importances are a mean over trees of those within each, as scikit-learn had them before 0.20",
               beside="disentanglement_lib", by=DISENTANGLEMENT_LIB, reads="split"),
    Convention("dci", "disent", exact_trees, "nothing", by=DISENT, reads="split"),
    Convention("dci", "dcf", exact_trees, "nothing: trees read the order of codes alone", by=DCF, reads="split"),
    Convention("dci", "disent.xgboost", xgboost, "XGBoost's trees and its mean gain of a split (boost_mode=xgboost)",
               beside="disent", by=DISENT),
    Convention("dci", "jboilard", partial(forest, num_trees=10, depths=SHALLOW, common_depth=False),
               "random forests of 10 trees, depth 2 to 10 picked for each factor (RF_class)", by=JBOILARD,
               reads="split"),
    Convention("dci", "dci_es", partial(forest, num_trees=100, depths=DEEP, common_depth=True),
               "100 trees, one depth up to 32 for all factors", beside="jboilard", by=DCI_ES, reads="split", slow=True),
    Convention("dci", "ubisoft", lasso, "coefficients of a lasso on class indices; completeness is a plain mean",
               by=UBISOFT, reads="all"),
    Convention("dci", "med", of_information,
               "mutual information in 20 bins, the column of each factor brought to the sum 1", by=MED),
)  # fmt: skip
