"""InfoMEC: the values of its authors' code, information from neighbours, an optimum that is one, and what is 0 / 0."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import digamma
from scipy.stats import zscore
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mutual_info_score
from sklearn.preprocessing import OneHotEncoder

from bench.metrics.base import SkippedError
from bench.metrics.infomec import _values, dominance, infomec, standardised
from bench.metrics.parts import multinomial
from bench.metrics.parts.information import entropy
from bench.metrics.parts.multinomial import _step
from bench.metrics.parts.neighbour_information import information

GOLDEN = Path(__file__).parents[1] / "golden"
VALUES = json.loads((GOLDEN / "modern_fitted.json").read_text())["infomec.latent_quantization"]["values"]
RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=900) for n in (3, 4)], axis=1)
NOISE = RNG.normal(size=(900, 3))


def scores(codes: np.ndarray, factors: np.ndarray = FACTORS, **options: int) -> tuple[float, float, float]:
    """Modularity, compactness and explicitness."""
    found = infomec(codes, factors, **options)
    return found["infomec_modularity"], found["infomec_compactness"], found["infomec_explicitness"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "jitter"),
    [("noisy", 1e-5), pytest.param("tanh10", 1e-5, marks=pytest.mark.slow), ("identity", 0.003)],
)
def test_scores_are_those_of_the_authors_code(name: str, jitter: float) -> None:
    with np.load(GOLDEN / f"arrays_{name}.npz") as file:
        codes, factors = file["train_codes"], file["train_factors"].astype(int)
    expected = VALUES[name]
    modularity, compactness, stopped = scores(codes, factors, iterations=100)
    assert modularity == pytest.approx(expected["infom"], abs=jitter)
    assert compactness == pytest.approx(expected["infoc"], abs=jitter)
    assert stopped == pytest.approx(expected["infoe"], abs=1e-5)
    standard = (codes - codes.mean(axis=0, dtype=float)) / codes.std(axis=0, dtype=float)
    found = information(standard + 1e-10 * RNG.normal(size=codes.shape), factors, 10) / entropy(factors)
    np.testing.assert_allclose(found.T, expected["nmi"], atol=2 * jitter)


def test_information_is_that_of_scikit_learn() -> None:
    codes = np.hstack([NOISE[:, :1], FACTORS[:, 1:] + NOISE[:, 1:2]])
    expected = mutual_info_classif(codes, FACTORS[:, 1], n_neighbors=10, random_state=0)
    np.testing.assert_allclose(information(codes, FACTORS[:, 1:], 10)[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize("neighbours", [1, 10])
def test_information_of_rare_classes_and_of_close_rows_is_what_counting_gives(neighbours: int) -> None:
    y = FACTORS[:, 0].copy()
    y[0], y[1:4], y[4:15] = 9, 5, 6  # alone in its class, fewer than the neighbours, and as many and one
    for x in (y + 0.1 * NOISE[:, 0], np.round(NOISE[:, 0]) + 1e-10 * NOISE[:, 1]):
        found = information(x[:, None], y[:, None], neighbours)[0, 0]
        assert found == pytest.approx(max(0, by_counting(np.delete(x, 0), np.delete(y, 0), neighbours)), abs=1e-9)
        without_gaps = np.unique(y, return_inverse=True)[1]  # so that the smallest class is the one of one row
        assert information(x[:, None], without_gaps[:, None], neighbours)[0, 0] == pytest.approx(found)


def by_counting(x: np.ndarray, y: np.ndarray, neighbours: int) -> float:
    """Ross' estimate from all distances; no row is alone in its class."""
    terms = []
    for centre, label in zip(x, y, strict=True):
        apart = np.abs(x - centre)
        of_class = np.sort(apart[y == label])
        k = min(neighbours, len(of_class) - 1)
        terms.append(digamma(k) - digamma(len(of_class)) - digamma((apart < of_class[k]).sum()))
    return float(digamma(len(x)) + np.mean(terms))


def test_information_of_classes_of_one_row_each_is_nothing() -> None:
    assert information(NOISE, np.arange(900)[:, None], 10).tolist() == [[0.0]] * 3


def test_explicitness_rests_on_the_optimum() -> None:
    x, y = NOISE, FACTORS[:, 1]
    x = x + np.stack([y, y % 2, y], axis=1)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    fitted = LogisticRegression(C=np.inf, class_weight="balanced", solver="newton-cholesky", tol=1e-9).fit(x, y)
    optimum = -np.log(fitted.predict_proba(x)[np.arange(900), y]).mean()
    assert multinomial.log_loss(x, y) == pytest.approx(optimum, abs=1e-6)
    assert multinomial.log_loss(x, y, iterations=2) > optimum + 1e-3


def test_many_weights_reach_the_optimum_too(monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = FACTORS[:, 1], NOISE + FACTORS[:, 1:]
    few = multinomial.log_loss(x, y)
    monkeypatch.setattr(multinomial, "NARROW", 0)
    assert multinomial.log_loss(x, y) == pytest.approx(few, abs=1e-4)


def test_classes_that_can_be_told_apart_are_explained_whole() -> None:
    assert scores(FACTORS.astype(float))[2] == pytest.approx(1, abs=1e-4)


def test_a_dimension_of_a_small_range_is_not_active() -> None:
    codes = FACTORS + 0.2 * NOISE[:, :2]
    with_small = np.hstack([codes, 1e-3 * (FACTORS[:, :1] + FACTORS[:, 1:])])
    assert scores(with_small)[:2] == scores(np.hstack([codes, np.zeros((900, 1))]))[:2]


def test_a_dimension_is_active_above_a_twentieth_of_the_largest_range() -> None:
    rows = np.linspace(0, 1, 50)
    _, active = standardised(rows[:, None] * [-20.0, 0.99, 1.01, 0.0])
    np.testing.assert_allclose(active, zscore(rows)[:, None] * [-1, 1])


def test_dimensions_that_repeat_are_less_compact_and_as_modular() -> None:
    modularity, compactness, _ = scores(np.hstack([FACTORS, FACTORS]))
    assert modularity == pytest.approx(1, abs=0.02)
    assert compactness == pytest.approx((1 / 2 - 1 / 4) / (1 - 1 / 4), abs=0.02)


def test_a_factor_of_two_values_counts_as_any_other() -> None:
    binary = FACTORS[:, :1] % 2
    assert scores(np.hstack([FACTORS[:, 1:], binary]), np.hstack([FACTORS[:, 1:], binary])) == pytest.approx(
        (1, 1, 1), abs=0.02
    )


def test_factors_that_are_one_factor_have_no_modularity() -> None:
    assert scores(FACTORS[:, :1] + 0.2 * NOISE[:, :2], FACTORS[:, [0, 0]])[0] == pytest.approx(0, abs=1e-9)


def test_what_is_nothing_over_nothing_counts_nothing() -> None:
    assert scores(np.full((900, 3), 7.0)) == (0, 0, pytest.approx(0, abs=1e-9))
    modularity, compactness, explicitness = scores(FACTORS[:, :1])  # one dimension, two factors
    assert modularity == pytest.approx(1, abs=0.05)
    assert compactness == 0
    assert 0.4 < explicitness < 0.6
    assert dominance(np.zeros((2, 3))) == 0
    assert dominance(np.array([[0.0, 0.0], [3.0, 0.0]])) == 0.5


def test_a_seed_decides_how_ties_are_broken() -> None:
    assert scores(FACTORS, seed=3) == scores(FACTORS, seed=3)
    assert scores(FACTORS, seed=3) != scores(FACTORS, seed=4)


def test_a_single_factor_is_a_reason() -> None:
    for factors in (FACTORS[:, :1], np.hstack([FACTORS[:, :1], np.zeros((900, 1), int)])):
        with pytest.raises(SkippedError, match="with two values or more: 1"):
            infomec(NOISE, factors)


def test_a_hessian_that_rounding_leaves_indefinite_still_gives_a_step_downhill() -> None:
    gradient = np.array([1.0, -1.0, 0.5])
    for indefinite in (np.ones((3, 3)) - 1e-8 * np.eye(3), -1e-9 * np.eye(3), np.zeros((3, 3))):
        step = _step(indefinite, gradient)
        assert np.isfinite(step).all()
        assert gradient @ step < 0


BOOK = np.array([0.3, -1.2, 2.0, 0.1, -0.4])
CLASSES = RNG.integers((3, 5), size=(900, 2))
CHOSEN = RNG.integers(0, 4, 900)
QUANTISED = np.column_stack(
    [BOOK[CLASSES[:, 0]], BOOK[np.where(CHOSEN == 0, CLASSES[:, 1], CHOSEN)], BOOK[CHOSEN]]
)  # fmt: skip


def of_quantised_codes() -> tuple[float, float, float]:
    """`compute_infomec` of kylehkhsu/latent_quantization with `discrete_latents`, written anew."""
    names = np.unique(QUANTISED, return_inverse=True)[1].reshape(QUANTISED.shape)
    shares = np.array([[mutual_info_score(y, x) / mutual_info_score(y, y) for x in names.T] for y in CLASSES.T])
    modularity = (np.mean(shares.max(axis=0) / shares.sum(axis=0)) - 1 / 2) / (1 - 1 / 2)
    compactness = (np.mean(shares.max(axis=1) / shares.sum(axis=1)) - 1 / 3) / (1 - 1 / 3)
    told = []
    for y in CLASSES.T:
        losses = []
        for rows in (OneHotEncoder().fit_transform(QUANTISED), np.zeros_like(QUANTISED)):
            fitted = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=100).fit(rows, y)
            losses.append(log_loss(y, fitted.predict_proba(rows)))
        told.append(1 - losses[0] / losses[1])
    return float(modularity), float(compactness), float(np.mean(told))


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_scores_of_quantised_codes_are_those_of_the_authors_formulas() -> None:
    found = scores(QUANTISED, CLASSES, iterations=100, quantised=True)
    assert found == pytest.approx(of_quantised_codes(), abs=1e-4)
    with_constant = np.column_stack([QUANTISED, np.full(900, 0.1)])  # which is pruned
    assert scores(with_constant, CLASSES, iterations=100, quantised=True) == pytest.approx(found, abs=1e-6)


def test_the_order_of_a_codebook_is_of_no_matter_if_its_values_are_names() -> None:
    assert scores(BOOK[CLASSES], CLASSES, quantised=True) == pytest.approx((1, 1, 1), abs=0.02)
    mixed = BOOK[np.where(RNG.random(CLASSES.shape) < 0.3, RNG.integers(0, 5, CLASSES.shape), CLASSES)]
    assert scores(mixed, CLASSES, quantised=True)[2] > scores(mixed, CLASSES)[2] + 0.1
    assert scores(np.ones((900, 2)), CLASSES, quantised=True) == (0, 0, pytest.approx(0))


def test_whether_codes_are_quantised_is_yes_or_no() -> None:
    with pytest.raises(ValueError, match="quantised must be true or false, got 'no'"):
        infomec(QUANTISED, CLASSES, quantised="no")  # type: ignore[arg-type]


def test_as_many_values_as_the_bounds_say_are_taken() -> None:
    codes = np.tile(np.arange(64.0)[:, None], 16)  # 1,024 together
    np.testing.assert_array_equal(_values(codes), codes)


@pytest.mark.parametrize(
    ("codes", "counted"), [(NOISE, "900 and 2,700"), (RNG.integers(0, 60, (900, 20)), "60 and 1,200")]
)
def test_codes_that_are_not_quantised_are_refused_with_their_number_of_values(codes: np.ndarray, counted: str) -> None:
    with pytest.raises(SkippedError, match=f"at most 64 values a dimension and 1,024 together, these {counted}"):
        scores(codes, CLASSES, quantised=True)
