"""What each metric does at the edges its definition leaves open."""

import numpy as np
import pytest

from bench.metrics.active_dims import active_dims
from bench.metrics.base import SkippedError
from bench.metrics.beta_vae_score import beta_vae_score, from_features
from bench.metrics.downstream import downstream
from bench.metrics.explicitness import explicitness
from bench.metrics.factor_vae_score import factor_vae_score, from_votes
from bench.metrics.irs import irs
from bench.metrics.irs_active import irs_active
from bench.metrics.mig import mig
from bench.metrics.modularity import modularity
from bench.metrics.parts.boosted_trees import _settings
from bench.metrics.parts.shared_factor import SharedFactor
from bench.metrics.sap import sap
from bench.metrics.unsupervised import unsupervised

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=2000) for n in (3, 4)], axis=1)


def test_mig_of_one_dimension_has_no_second() -> None:
    assert mig(FACTORS[:, :1].astype(float), FACTORS[:, :1])["mig"] == pytest.approx(1)


def test_factors_with_one_value_are_left_out() -> None:
    constant = np.zeros((2000, 1), int)
    codes = FACTORS.astype(float)
    for score in (mig, irs, modularity):
        assert score(codes, np.hstack([FACTORS, constant])) == score(codes, FACTORS)
        with pytest.raises(SkippedError, match="with two values or more"):
            score(codes, constant)


def test_a_duplicated_dimension_closes_the_gap() -> None:
    codes = np.hstack([FACTORS, FACTORS]).astype(float)
    assert mig(codes, FACTORS)["mig"] == pytest.approx(0, abs=1e-12)


def test_sap_of_one_dimension_has_no_second() -> None:
    x, y = FACTORS[:, :1].astype(float), FACTORS[:, :1]
    assert sap(x, y, x, y)["sap_continuous"] == pytest.approx(1)
    binary = y.clip(max=1)
    assert sap(x, binary, x, binary)["sap"] == 1


def test_sap_is_zero_for_duplicated_and_for_dead_dimensions() -> None:
    x = FACTORS.astype(float)
    for codes in (np.hstack([x, x]), np.full((2000, 3), 0.1)):
        assert sap(codes, FACTORS, codes, FACTORS) == {"sap": 0, "sap_continuous": 0}


def test_sap_and_explicitness_leave_out_factors_with_one_value_in_training() -> None:
    x, y = FACTORS + RNG.normal(size=FACTORS.shape), FACTORS
    dull, seen_later = np.zeros((2000, 1), int), np.arange(2000)[:, None]
    for score in (sap, explicitness):
        assert score(x, np.hstack([y, dull]), x, np.hstack([y, seen_later])) == score(x, y, x, y)
        with pytest.raises(SkippedError, match="with two values or more: 0"):
            score(x, dull, x, dull)


def test_a_dead_dimension_has_modularity_zero() -> None:
    x, dead = FACTORS.astype(float), np.full((2000, 2), 0.1)
    assert modularity(dead, FACTORS)["modularity"] == 0
    assert modularity(np.hstack([x, dead]), FACTORS)["modularity"] == pytest.approx(
        modularity(x, FACTORS)["modularity"] / 2
    )


def test_a_dimension_that_tells_of_two_factors_alike_has_modularity_zero() -> None:
    both = np.stack(np.meshgrid(np.arange(4), np.arange(4)), axis=-1).reshape(-1, 2)
    assert modularity(both.sum(axis=1, keepdims=True), both)["modularity"] == pytest.approx(0, abs=1e-12)


def test_irs_ignores_dead_dimensions_and_is_zero_for_nothing_else() -> None:
    x, dead = FACTORS + RNG.normal(size=FACTORS.shape), np.full((2000, 2), 0.1)
    assert irs(np.hstack([x, dead]), FACTORS) == irs(x, FACTORS)
    assert irs(dead, FACTORS)["irs"] == 0


def test_irs_does_not_depend_on_how_classes_are_numbered() -> None:
    classes = np.random.default_rng(0).integers(0, 6, (1000, 2))
    codes, others = (
        classes + np.random.default_rng(1).normal(0, 0.1, classes.shape),
        np.array([0, 1, 1000, 1001, 1002, 1003]),
    )
    assert irs(codes, others[classes]) == irs(codes, classes)


def test_irs_of_active_dimensions_is_not_raised_by_nearly_dead_ones() -> None:
    x, rng = FACTORS + RNG.normal(size=FACTORS.shape), np.random.default_rng(0)
    nearly_dead = 0.01 * rng.standard_t(3, (2000, 30))
    assert irs_active(np.hstack([x, nearly_dead]), FACTORS)["irs_active"] == irs(x, FACTORS)["irs"]
    assert irs(nearly_dead, FACTORS)["irs"] > 0.6
    assert irs_active(nearly_dead, FACTORS)["irs_active"] == 0
    with pytest.raises(SkippedError, match="with two values or more"):
        irs_active(nearly_dead, FACTORS * 0)


def test_irs_can_fall_below_zero_and_takes_quantiles_between_zero_and_one() -> None:
    split = np.array([[1.0], [1.0], [-1.0], [-1.0], [-1.0], [1.0]]), np.array([[0], [0], [0], [1], [1], [1]])
    assert irs(*split)["irs"] == pytest.approx(1 - (4 / 3 * 0.98 + 2 / 3 * 0.02), abs=0.02)
    assert irs(*split)["irs"] < 0
    with pytest.raises(ValueError, match="diff_quantile"):
        irs(*split, diff_quantile=99)


def test_active_dimensions_deviate_by_five_hundredths() -> None:
    x = RNG.normal(size=(2000, 4)) * [1, 0.06, 0.04, 0]
    assert active_dims(x)["active_dims"] == 2
    apart = np.sqrt(2) * np.array([0.0501, 0.0499])  # of two rows: their distance is the deviation times root 2
    assert active_dims([[0.0, 0.0], apart])["active_dims"] == 1


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


def test_xgboost_has_score_names_of_its_own() -> None:
    codes, options = FACTORS.astype(float), {"train_sizes": (100, 900), "num_rounds": 2, "trees": "xgboost"}
    scores = downstream(codes[:900], FACTORS[:900], codes[900:], FACTORS[900:], **options)
    assert {n for n in scores if "/" not in n} == {
        "lr_100", "lr_900", "lr_efficiency", "xgb_100", "xgb_900", "xgb_efficiency"
    }  # fmt: skip
    assert all(downstream.metric.score(name) for name in scores)
    with pytest.raises(ValueError, match="Did you mean 'xgboost'"):
        downstream(codes, FACTORS, codes, FACTORS, trees="xgbost")


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_leaf_of_xgboost_moves_by_a_share_of_the_studys_step(classes: int) -> None:
    """One round on one binary split, classes of one size: what is added to the score of the class in the leaf."""
    import xgboost

    x, y = np.arange(classes).repeat(20).astype(float)[:, None], np.arange(classes).repeat(20)
    data = xgboost.DMatrix(x, y, base_margin=np.zeros((len(x), classes)))
    model = xgboost.train(_settings(classes, exact=True, seed=0) | {"max_depth": 1}, data, 1)
    moved = model.predict(data, output_margin=True)[0, 0]
    study = 0.1 * (classes - 1) / classes / (1 / classes)  # Friedman: (K - 1) / K times sum r / sum |r| (1 - |r|)
    assert moved == pytest.approx(classes / (2 * (classes - 1)) * study, rel=1e-4)


def test_a_class_missing_from_training_is_never_predicted_and_a_single_class_always() -> None:
    codes, factors = RNG.normal(size=(100, 2)), RNG.integers(3, size=(100, 1))
    train = np.zeros((10, 1), int)
    scores = downstream(codes[:10], train, codes, factors, train_sizes=[10])
    assert scores["lr_10"] == scores["gbt_10"] == np.mean(factors == 0)


def test_downstream_leaves_out_factors_with_one_value_in_all_rows() -> None:
    x, y = RNG.normal(size=(300, 2)), FACTORS[:300]
    dull = np.hstack([np.full((300, 1), 3), y])
    options = {"train_sizes": [5, 200], "num_rounds": 2}
    expected = downstream(x[:200], y[:200], x[200:], y[200:], **options)
    scores = downstream(x[:200], dull[:200], x[200:], dull[200:], **options)
    assert {n: v for n, v in scores.items() if "/" not in n} == {n: v for n, v in expected.items() if "/" not in n}
    assert {n for n in scores if n.startswith("lr_5/")} == {"lr_5/1", "lr_5/2"}
    with pytest.raises(SkippedError, match="with two values or more: 0"):
        downstream(x[:200], dull[:200, :1], x[200:], dull[200:, :1])


def test_an_unknown_predictor_is_offered_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'gbt'"):
        downstream(FACTORS, FACTORS, FACTORS, FACTORS, predictor="gbd")


def test_sizes_must_be_positive_integers() -> None:
    codes = FACTORS.astype(float)
    for wrong in ([], [0], [2.5]):
        with pytest.raises(ValueError, match="train_sizes"):
            downstream(codes, FACTORS, codes, FACTORS, train_sizes=wrong)


def test_a_single_row_is_refused() -> None:
    one = np.ones((1, 2)), np.ones((1, 2), int)
    for score in (mig, modularity, irs, beta_vae_score, factor_vae_score):
        with pytest.raises(ValueError, match="codes has 1 row, at least 2 are needed"):
            score(*one)
    for score in (unsupervised, active_dims):
        with pytest.raises(ValueError, match="codes has 1 row, at least 2 are needed"):
            score(one[0])
    for score in (downstream, sap, explicitness):
        with pytest.raises(ValueError, match="train_codes has 1 row, at least 2 are needed"):
            score(*one, *one)


def test_factors_with_one_value_are_never_the_shared_one() -> None:
    constant, codes = np.zeros((2000, 1), int), FACTORS.astype(float)
    for score in (beta_vae_score, factor_vae_score):
        assert score(codes, np.hstack([FACTORS, constant])) == score(codes, FACTORS)
        with pytest.raises(SkippedError, match="with two values or more: 1"):
            score(codes, np.hstack([FACTORS[:, :1], constant]))


def test_partners_share_the_value_and_are_drawn_evenly() -> None:
    shared = SharedFactor(FACTORS)
    rows = np.repeat(np.arange(20), 3000).reshape(20, 3000)
    for factor in range(2):
        partners = shared.partners(rows, factor, np.random.default_rng(0))
        assert (FACTORS[partners, factor] == FACTORS[rows, factor]).all()
        fellows = (FACTORS[:, factor] == FACTORS[0, factor]).sum()
        assert len(np.unique(partners[0])) > 0.95 * fellows


def test_votes_are_counts_of_one_shape() -> None:
    votes = np.array([[3, 0], [1, 2]])
    for train, test, fault in [
        (votes - 1, votes, "train_votes must not be negative"),
        (votes, votes / 2, "test_votes must be integers"),
        (votes, votes[:, :1], "test_votes has shape"),
        (votes * 0, votes, "train_votes must hold at least one vote"),
        (votes[0], votes, "train_votes must be a non-empty"),
    ]:
        with pytest.raises(ValueError, match=fault):
            from_votes(train, test)


def test_features_and_their_factors_have_the_same_rows() -> None:
    x, k = RNG.normal(size=(20, 2)), RNG.integers(2, size=20)
    with pytest.raises(ValueError, match="test_k has 19 rows"):
        from_features(x, k, x, k[1:])
    with pytest.raises(ValueError, match="test_x has 1 dims"):
        from_features(x, k, x[:, :1], k)


def test_duplicated_and_dead_dimensions_have_a_finite_total_correlation() -> None:
    x = RNG.normal(size=(1000, 2))
    dead = np.full((1000, 1), 0.1)
    scores = unsupervised(np.hstack([x, dead]))
    assert scores["gaussian_total_correlation"] == unsupervised(x)["gaussian_total_correlation"]
    assert unsupervised(x[:, [0, 0]])["gaussian_total_correlation"] == pytest.approx(13.8, abs=0.5)
    assert unsupervised(x[:5].repeat(9, axis=1))["gaussian_total_correlation"] < 14 * 17
