"""Logistic regression gives scikit-learn's solutions, by either way of solving a Newton step."""

import numpy as np
import pytest

from bench.metrics.parts import logistic, newton
from bench.metrics.parts.logistic import fit, fit_cross_validated, fit_multinomial

RNG = np.random.default_rng(0)
LABELS = RNG.integers(4, size=600)
CODES = np.eye(4)[LABELS] @ RNG.normal(size=(4, 5)) + RNG.normal(size=(600, 5))


@pytest.fixture(params=["direct", "conjugate"])
def _solver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "conjugate":
        monkeypatch.setattr(newton, "NARROW", 0)
        monkeypatch.setattr(logistic, "NARROW", 0)


@pytest.mark.usefixtures("_solver")
def test_the_cross_validated_form_is_scikit_learns_one_vs_rest() -> None:
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import KFold
    from sklearn.multiclass import OneVsRestClassifier

    theirs = OneVsRestClassifier(
        LogisticRegressionCV(Cs=10, cv=KFold(5), l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy")
    ).fit(CODES, LABELS)
    assert np.mean(fit_cross_validated(CODES, LABELS).predict(CODES) == theirs.predict(CODES)) > 0.99


@pytest.mark.usefixtures("_solver")
@pytest.mark.parametrize("c", [0.01, 1, 100])
def test_the_penalised_intercept_is_liblinears(c: float) -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = CODES + 1, (LABELS == 2).astype(int)
    theirs = LogisticRegression(solver="liblinear", C=c, tol=1e-8).fit(x, y)
    ours = fit(x, y, c)
    np.testing.assert_allclose(ours.weights[1], theirs.coef_[0], atol=2e-3)
    assert ours.intercepts[1] == pytest.approx(theirs.intercept_[0], abs=2e-3)


@pytest.mark.parametrize("num_classes", [1, 2, 4])
def test_the_multinomial_form_is_scikit_learns_for_any_number_of_classes(num_classes: int) -> None:
    from sklearn.linear_model import LogisticRegression

    labels = LABELS % num_classes + 5
    ours = fit_multinomial(CODES, labels)
    probabilities = np.exp(ours.log_probabilities(CODES))
    if num_classes == 1:
        assert (ours.predict(CODES) == 5).all()
        assert (probabilities == 1).all()
        return
    theirs = LogisticRegression(max_iter=10_000).fit(CODES, labels)
    np.testing.assert_array_equal(ours.predict(CODES), theirs.predict(CODES))
    np.testing.assert_allclose(probabilities, theirs.predict_proba(CODES), atol=1e-9)


@pytest.mark.usefixtures("_solver")
def test_separable_classes_and_classes_missing_from_a_fold_end_in_finite_weights() -> None:
    labels = np.repeat([0, 1, 2], [20, 20, 1])  # unshuffled: whole classes are held out
    fitted = fit_cross_validated(np.eye(3)[labels], labels)
    assert np.isfinite(fitted.weights).all()
    assert np.mean(fitted.predict(np.eye(3)) == [0, 1, 2]) >= 2 / 3


def test_few_separable_rows_of_uneven_dimensions_are_fitted_to_the_end() -> None:
    from scipy.special import expit

    rng = np.random.default_rng(1)
    rows = np.column_stack([rng.normal(size=(80, 10)) * np.logspace(-3, 1, 10), np.ones(80)])
    positive = np.array([np.roll(rows[:, 9] > 8, k) for k in range(8)])
    penalty = np.append(np.full(10, 1e-4), 0.0)
    weights = newton.Problems(rows, positive).solve(penalty, 30 * rng.normal(size=(8, 11)))
    gradient = (expit(weights @ rows.T) - positive) @ rows + penalty * weights
    assert np.abs(gradient).max() < 1e-3


def test_large_means_do_not_matter_to_a_free_intercept() -> None:
    far = fit_cross_validated(CODES + 1e6, LABELS)
    np.testing.assert_array_equal(far.predict(CODES + 1e6), fit_cross_validated(CODES, LABELS).predict(CODES))


def test_a_code_of_a_thousand_dimensions_needs_no_hessian() -> None:
    wide = np.hstack([10 * np.eye(4)[LABELS[:100]], RNG.normal(size=(100, 996))])
    assert np.mean(fit(wide, LABELS[:100]).predict(wide) == LABELS[:100]) == 1


@pytest.mark.parametrize("c", [0.01, 1])
def test_fewer_rows_than_dims_have_the_same_solution_along_axes_of_their_own(c: float) -> None:
    from sklearn.linear_model import LogisticRegression

    x = RNG.normal(size=(40, 60))
    y = (x[:, 0] > 0).astype(int)
    theirs = LogisticRegression(solver="liblinear", C=c, tol=1e-8).fit(x, y)
    np.testing.assert_allclose(fit(x, y, c).weights[1], theirs.coef_[0], atol=2e-3)
    assert fit_cross_validated(x, y).weights.shape == (2, 60)
