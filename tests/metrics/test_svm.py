"""One-feature SVMs are scikit-learn's, solved to the end."""

import numpy as np
import pytest

from bench.metrics.parts.svm import Lines, fit
from bench.metrics.sap import sap

RNG = np.random.default_rng(0)


def balanced(x: np.ndarray, y: np.ndarray) -> Lines:
    """All classes weighted as liblinear weighs more than two balanced ones."""
    counts = np.bincount(y)
    return fit(x, y[:, None], 0.01, len(y) / (len(counts) * counts), np.ones(len(counts)))


@pytest.mark.parametrize("offset", [0.0, 30.0])
@pytest.mark.parametrize("digits", [0, 9])
def test_the_solutions_are_liblinears(offset: float, digits: int) -> None:
    from sklearn.svm import LinearSVC

    y = np.concatenate([np.arange(4), RNG.choice(4, size=300, p=[0.1, 0.2, 0.3, 0.4])])
    x = np.round(RNG.normal(size=304) + y, digits) + offset  # many ties, and none
    theirs = LinearSVC(C=0.01, class_weight="balanced", tol=1e-9, max_iter=10_000).fit(x[:, None], y)
    ours = balanced(x, y)
    np.testing.assert_allclose(ours.decisions(x), theirs.decision_function(x[:, None]), atol=1e-5)


def test_sap_is_the_gap_between_scikit_learns_accuracies() -> None:
    from sklearn.svm import LinearSVC

    factors = np.stack([RNG.integers(k, size=400) for k in (2, 5)], axis=1)
    factors[:, 0] &= RNG.integers(2, size=400)  # unbalanced
    codes = factors @ RNG.normal(size=(2, 3)) + RNG.normal(size=(400, 3))
    x, y, test, expected = codes[:300], factors[:300], codes[300:], factors[300:]
    classifier = LinearSVC(C=0.01, class_weight="balanced", tol=1e-9)
    accuracies = [
        [classifier.fit(x[:, [d]], y[:, k]).score(test[:, [d]], expected[:, k]) for k in range(2)] for d in range(3)
    ]
    ordered = np.sort(accuracies, axis=0)
    assert sap(x, y, test, expected)["sap"] == pytest.approx((ordered[-1] - ordered[-2]).mean(), abs=1e-12)


def test_a_constant_feature_predicts_the_most_frequent_class() -> None:
    y = np.repeat([0, 1, 2], [30, 50, 20])
    for value in (0.0, 0.1, -1e30):
        x = np.full(100, value)
        assert (balanced(x, y).decisions(x).argmax(axis=1) == 1).all()


@pytest.mark.parametrize(("centre", "scale"), [(1e38, 1e24), (0.0, 1e-99), (1e8, 1e-6), (-1.0, 1e37)])
def test_features_of_any_size_have_finite_solutions(centre: float, scale: float) -> None:
    y = np.tile([0, 1, 2], 30)
    x = centre + scale * (y + RNG.normal(size=90))
    assert np.isfinite(balanced(x, y).decisions(x)).all()
