"""Unfairness is what an intervention on one factor does to predictions of another."""

import numpy as np
import pytest

from bench.metrics.base import SkippedError
from bench.metrics.fairness import _total_variation, fairness
from bench.metrics.parts.counterfactuals import counterfactuals

GRID = np.stack(np.unravel_index(np.arange(24), (2, 3, 4)), axis=1)
FACTORS = np.repeat(GRID, 10, axis=0)


def test_total_variation_is_that_of_the_published_code() -> None:
    labels = np.array([[0, 1], [0, 1], [0, 0], [1, 1]])  # 3 of 4 and 1 of 4 are 0: each a quarter from one half
    assert _total_variation(labels) == pytest.approx(0.25)
    assert _total_variation(np.zeros((5, 3), int)) == 0
    assert _total_variation(np.array([[0, 1]])) == pytest.approx(0.5)
    labels = np.random.default_rng(0).integers(7, size=(30, 4))
    counts = np.stack([np.bincount(column, minlength=7) for column in labels.T], axis=1)
    distances = np.abs(counts / counts.sum(axis=0) - counts.sum(axis=1, keepdims=True) / counts.sum()).sum(axis=0) / 2
    assert _total_variation(labels) == pytest.approx((distances * counts.sum(axis=0)).sum() / counts.sum())


def test_scores_are_of_pairs_and_their_means() -> None:
    scores = fairness(FACTORS[:, 1:2].astype(float), FACTORS, num_rounds=5)  # a code of factor 1 alone
    assert scores["unfairness_by_0/1"] == scores["unfairness_by_2/1"] == scores["unfairness/1"] == 0
    assert scores["unfairness_by_0"] == 0
    assert scores["unfairness_by_1"] == np.mean([scores["unfairness_by_1/0"], scores["unfairness_by_1/2"]])
    assert scores["unfairness_max"] == max(scores["unfairness_by_1/0"], scores["unfairness_by_1/2"])
    assert scores["unfairness"] == pytest.approx(np.mean([scores[f"unfairness/{k}"] for k in range(3)]))


def test_a_prediction_that_follows_the_sensitive_factor_is_unfair() -> None:
    both = np.array([[0, 0]] * 30 + [[1, 1]] * 30 + [[0, 1], [1, 0]])  # factors that mostly agree
    codes = both[:, 1:].astype(float)  # so that factor 0 is predicted from factor 1
    scores = fairness(codes, both, num_rounds=20)
    assert scores["unfairness_by_1/0"] == pytest.approx(0.5)
    assert scores["unfairness_by_0/1"] == 0


def test_perfect_and_constant_codes_are_fair() -> None:
    for codes in (FACTORS.astype(float), np.ones((len(FACTORS), 2))):
        scores = fairness(codes, FACTORS, num_rounds=10)
        assert scores["unfairness"] == scores["unfairness_max"] == 0


def test_factors_are_named_by_their_columns_and_constant_ones_left_out() -> None:
    factors = np.insert(FACTORS, 1, 7, axis=1)
    scores = fairness(FACTORS.astype(float), factors, num_rounds=2)
    assert {"unfairness/0", "unfairness/2", "unfairness/3", "unfairness_by_3/2"} <= scores.keys()
    assert not [name for name in scores if name.endswith(("_1", "/1"))]


def test_without_counterfactuals_it_does_not_apply() -> None:
    factors = np.array([[0, 0], [1, 1], [2, 2]])
    with pytest.raises(SkippedError, match="rows that agree in all factors but one"):
        fairness(np.eye(3), factors)
    partly = np.array([[0, 0], [1, 0], [2, 0], [2, 1], [0, 2]])  # factor 0 has all its values beside factor 1 = 0
    scores = fairness(np.eye(5), partly, num_rounds=2)
    assert "unfairness_by_0/1" in scores
    assert not [name for name in scores if name.startswith("unfairness_by_1")]


def test_counterfactuals_agree_in_all_other_factors() -> None:
    rng = np.random.default_rng(0)
    factors = FACTORS[rng.permutation(len(FACTORS))][:120]
    for which, count in enumerate((2, 3, 4)):
        rows = counterfactuals(factors, which, 50, rng)
        assert rows.shape == (50, count)
        assert (factors[rows, which] == np.arange(count)).all()
        others = np.delete(factors, which, axis=1)[rows]
        assert (others == others[:, :1]).all()
        assert len(np.unique(rows)) > count  # several points, several rows of a point


def test_one_factor_is_not_enough() -> None:
    with pytest.raises(SkippedError, match="with two values or more: 1"):
        fairness(FACTORS.astype(float), FACTORS[:, :1])
