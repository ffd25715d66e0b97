"""Conventions of separated attribute predictability: the model that predicts a factor from one dimension."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import DCF, DISENT, DISENTANGLEMENT_LIB, JBOILARD, UBISOFT
from bench.conventions.unconverged import unconverged
from bench.conventions.unit_bins import unit_bins
from bench.metrics.base import Floats, Ints, check_codes, check_factors, check_split
from bench.metrics.parts.standardise import moments
from bench.metrics.sap import gap, sap

BINS = 20
DEPTHS = 9  # depths 1 to 9 of a tree are tried
FOLDS = 10


def support_vectors(
    train_codes: ArrayLike, train_factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> dict[str, float]:
    """Test accuracy of a linear SVM."""
    return {"sap": sap(train_codes, train_factors, test_codes, test_factors)["sap"]}


def squared_correlation(codes: ArrayLike, factors: ArrayLike, *, of_any_size: bool = False) -> dict[str, float]:
    """Training R2 of a linear regression on the class indices; 0 for a variance below 1e-12, unless `of_any_size`."""
    if of_any_size:
        mean, deviation = moments(array := check_codes(codes, min_rows=2))
        codes = (array - mean) / deviation
    return {"sap": sap(codes, factors, codes, factors)["sap_continuous"]}


def support_vectors_of_bins(
    train_codes: ArrayLike, train_factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> dict[str, float]:
    """Test accuracy of a linear SVM on bin numbers (from 1) of codes and factors, binned over train and test rows."""
    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    codes, factors = (unit_bins(np.concatenate(parts), BINS) + 1 for parts in ((x, test), (y, expected)))
    return support_vectors(codes[: len(x)], factors[: len(x)], codes[len(x) :], factors[len(x) :])


def logistic_regression(
    train_codes: ArrayLike, train_factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> dict[str, float]:
    """Test accuracy of a multinomial logistic regression without a penalty."""
    from sklearn.linear_model import LogisticRegression

    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    matrix = np.empty((x.shape[1], y.shape[1]))
    with unconverged():
        for d, k in np.ndindex(matrix.shape):
            fitted = LogisticRegression(C=np.inf, max_iter=500).fit(x[:, [d]], y[:, k])
            matrix[d, k] = _hits(fitted.predict(test[:, [d]]), expected[:, k])
    return {"sap": gap(matrix)}


def decision_trees(codes: ArrayLike, factors: ArrayLike, *, num_bins: int) -> dict[str, float]:
    """Training accuracy of a decision tree on binned factors; ten-fold cross-validation picks its depth up to 9."""
    x = check_codes(codes, min_rows=2)
    y = unit_bins(check_factors(factors, len(x)), num_bins)
    return {"sap": gap(np.array([[_accuracy_of_tree(u, v) for v in y.T] for u in x.T]))}


def _accuracy_of_tree(x: Floats, y: Ints) -> float:
    """The accuracy at the best depth; the tree of each depth is read from the deepest one, cut at that depth."""
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import minmax_scale
    from sklearn.tree import DecisionTreeClassifier

    column = minmax_scale(x).astype(np.float32)[:, None]
    held_out = np.zeros(DEPTHS)
    for train, test in StratifiedKFold(FOLDS).split(column, y):
        grown = DecisionTreeClassifier(max_depth=DEPTHS, random_state=0).fit(column[train], y[train])
        held_out += [_hits(labels, y[test]) for labels in _by_depth(grown, column[test, 0])]
    whole = DecisionTreeClassifier(max_depth=DEPTHS, random_state=0).fit(column, y)
    return [_hits(labels, y) for labels in _by_depth(whole, column[:, 0])][int(held_out.argmax())]


def _by_depth(fitted: Any, x: Floats) -> Iterator[Ints]:
    """The labels that the tree, cut at depth 1, 2, ... 9, predicts."""
    tree, node = fitted.tree_, np.zeros(len(x), np.int64)
    labels = fitted.classes_[tree.value[:, 0].argmax(axis=1)]
    for _ in range(DEPTHS):
        below = np.where(x <= tree.threshold[node], tree.children_left[node], tree.children_right[node])
        node = np.where(below >= 0, below, node)
        yield labels[node]


def _hits(predicted: Ints, expected: Ints) -> float:
    return float(np.mean(predicted == expected))


CONVENTIONS = (
    Convention("sap", OURS, support_vectors, "test accuracy of a linear SVM (C = 0.01, balanced classes)", beside="",
               reads="split"),
    Convention("sap", "disentanglement_lib", support_vectors, "nothing", by=DISENTANGLEMENT_LIB, reads="split"),
    Convention("sap", "disent", support_vectors, "nothing", by=DISENT, reads="split"),
    Convention("sap", "dcf", support_vectors_of_bins, "codes and factors are the numbers of 20 bins", by=DCF,
               reads="split"),
    Convention("sap", "jboilard", logistic_regression, "a multinomial logistic regression without a penalty",
               by=JBOILARD, reads="split"),
    Convention("sap", "disentanglement_lib.continuous", squared_correlation,
               "squared correlation with the class index, in the training rows", by=DISENTANGLEMENT_LIB),
    Convention("sap", "ubisoft", partial(squared_correlation, of_any_size=True),
               "a dimension of a variance below 1e-12 counts as well", beside="disentanglement_lib.continuous",
               by=UBISOFT, reads="all"),
    Convention("sap", "ubisoft.trees", partial(decision_trees, num_bins=10),
               "training accuracy of a decision tree whose depth is cross-validated, of factors in 10 bins",
               by=UBISOFT, reads="all"),
)  # fmt: skip
