"""What each metric does at the edges its definition leaves open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from bench.metrics.downstream import downstream
from bench.metrics.factor_vae_score import factor_vae_score
from bench.metrics.information import discretise, mutual_information
from bench.metrics.logistic import CS, OneVsRest
from bench.metrics.mig import mig
from bench.metrics.unsupervised import unsupervised

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=2000) for n in (3, 4)], axis=1)


def test_a_constant_dimension_informs_of_nothing_exactly() -> None:
    binned = discretise(np.full((2000, 1), 0.1), 20)
    assert (mutual_information(binned, FACTORS) == 0).all()


def test_mig_of_one_dimension_has_no_second() -> None:
    assert mig(FACTORS[:, :1].astype(float), FACTORS[:, :1])["mig"] == pytest.approx(1)


def test_mig_leaves_out_factors_with_one_value() -> None:
    constant = np.zeros((2000, 1), int)
    codes = FACTORS.astype(float)
    assert mig(codes, np.hstack([FACTORS, constant])) == mig(codes, FACTORS)
    with pytest.raises(ValueError, match="single value"):
        mig(codes, constant)


def test_a_duplicated_dimension_closes_the_gap() -> None:
    codes = np.hstack([FACTORS, FACTORS]).astype(float)
    assert mig(codes, FACTORS)["mig"] == pytest.approx(0, abs=1e-12)


def test_a_code_without_active_dimensions_has_factor_vae_score_zero() -> None:
    codes = 0.01 * RNG.normal(size=(2000, 3))
    assert factor_vae_score(codes, FACTORS)["factor_vae_test"] == 0


def test_unsupervised_scores_of_independent_and_dependent_dimensions() -> None:
    x = RNG.normal(size=(10_000, 3))
    mixed = x @ np.linalg.cholesky(np.array([[1, 0.8, 0], [0.8, 1, 0], [0, 0, 1]])).T
    assert unsupervised(x)["gaussian_total_correlation"] < 0.01
    expected = -0.5 * np.log(1 - 0.8**2)  # closed form of two correlated Gaussians
    assert unsupervised(mixed)["gaussian_total_correlation"] == pytest.approx(expected, abs=0.03)


def test_downstream_names_the_labels_it_had() -> None:
    codes = FACTORS.astype(float)
    scores = downstream(
        codes[:900], FACTORS[:900], codes[900:], FACTORS[900:], train_sizes=(100, 1000, 10_000), num_rounds=5
    )
    assert {n for n in scores if "/" not in n} == {
        "lr_100", "lr_900", "lr_efficiency", "gbt_100", "gbt_900", "gbt_efficiency"
    }  # fmt: skip
    assert scores["lr_efficiency"] == scores["lr_100"] / scores["lr_900"]
    assert scores["gbt_900"] == np.mean([scores["gbt_900/0"], scores["gbt_900/1"]])


def test_a_class_missing_from_training_is_never_predicted_and_a_single_class_always() -> None:
    codes, factors = RNG.normal(size=(100, 2)), RNG.integers(3, size=(100, 1))
    train = np.zeros((10, 1), int)
    scores = downstream(codes[:10], train, codes, factors, train_sizes=[10])
    assert scores["lr_10"] == scores["gbt_10"] == np.mean(factors == 0)


def test_an_unknown_predictor_is_offered_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'gbt'"):
        downstream(FACTORS, FACTORS, FACTORS, FACTORS, predictor="gbd")


def test_logistic_regression_is_scikit_learns_one_vs_rest() -> None:
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import KFold
    from sklearn.multiclass import OneVsRestClassifier

    y = FACTORS[:600, 1]
    x = np.eye(4)[y] @ RNG.normal(size=(4, 5)) + RNG.normal(size=(600, 5))
    theirs = OneVsRestClassifier(
        LogisticRegressionCV(Cs=10, cv=KFold(5), l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy")
    ).fit(x, y)
    ours = OneVsRest.fit(x, y, CS)
    assert np.mean(ours.predict(x) == theirs.predict(x)) > 0.99


def test_the_penalised_intercept_is_liblinears() -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = RNG.normal(size=(500, 3)) + 1, (RNG.random(500) < 0.8).astype(int)
    theirs = LogisticRegression(solver="liblinear", tol=1e-8).fit(x, y)
    ours = OneVsRest.fit(x, y, np.array([1.0]), penalise_intercept=True).weights[1]
    np.testing.assert_allclose(ours[:3], theirs.coef_[0], atol=1e-3)
    assert ours[3] == pytest.approx(theirs.intercept_[0], abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(
    codes=hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=12)),
    factors=hnp.arrays(np.int64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=12)),
)
def test_any_input_is_scored_or_refused_by_name(codes: np.ndarray, factors: np.ndarray) -> None:
    for score in (lambda: mig(codes, factors), lambda: unsupervised(codes)):
        try:
            values = score()
        except ValueError as fault:
            assert "codes" in str(fault) or "factors" in str(fault)  # noqa: PT017
        else:
            assert all(np.isfinite(v) for v in values.values())
