"""Clusterability: codes whose clusters are known, and rows that allow no clusters."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier

from bench.metrics.base import SkippedError
from bench.metrics.clusterability import clusterability
from bench.testing.random_inputs import random_input, scored_or_refused

Scores = dict[str, float]


def scored(codes: np.ndarray, factors: np.ndarray, **options: int) -> Scores:
    half = len(codes) // 2
    return clusterability(codes[:half], factors[:half], codes[half:], factors[half:], **options)


def clusters(rows: int = 400, apart: float = 10) -> tuple[np.ndarray, np.ndarray]:
    """Four classes, each a Gaussian ball in three dimensions."""
    rng = np.random.default_rng(0)
    factors = rng.integers(4, size=(rows, 1))
    centres = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) * apart
    return centres[factors[:, 0]] + rng.normal(size=(rows, 3)), factors


def test_classes_that_lie_apart_are_found() -> None:
    scores = scored(*clusters())
    assert scores["knn_accuracy"] == scores["kmeans_nmi"] == scores["kmeans_ari"] == 1
    assert scores["silhouette"] > 0.7


def test_classes_in_one_place_are_not() -> None:
    scores = scored(*clusters(apart=0))
    assert scores["knn_accuracy"] < 0.4
    assert abs(scores["kmeans_ari"]) < 0.05
    assert abs(scores["silhouette"]) < 0.05


def test_a_rotation_changes_nothing() -> None:
    codes, factors = clusters(apart=2)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    assert scored(codes @ turn, factors) == pytest.approx(scored(codes, factors), abs=0.02)


def test_neighbours_vote_as_in_scikit_learn() -> None:
    codes, factors = clusters(apart=1)
    half = len(codes) // 2
    expected = KNeighborsClassifier(10).fit(codes[:half], factors[:half, 0]).score(codes[half:], factors[half:, 0])
    assert scored(codes, factors)["knn_accuracy"] == pytest.approx(expected)


def test_each_factor_has_its_own_value_and_a_constant_one_has_none() -> None:
    codes, factors = clusters()
    scores = scored(codes, np.hstack([factors, np.zeros_like(factors), factors % 2]))
    assert {n for n in scores if n.startswith("kmeans_ari/")} == {"kmeans_ari/0", "kmeans_ari/2"}
    assert scores["kmeans_ari"] == pytest.approx((scores["kmeans_ari/0"] + scores["kmeans_ari/2"]) / 2)


def test_a_score_is_the_mean_over_factors() -> None:
    codes, factors = clusters(apart=3)
    noise = np.random.default_rng(1).integers(3, size=factors.shape)
    scores = scored(codes, np.hstack([factors, noise, factors % 2]))
    for name in ("knn_accuracy", "kmeans_nmi", "kmeans_ari", "silhouette"):
        of_factors = [scores[f"{name}/{k}"] for k in range(3)]
        assert scores[name] == pytest.approx(np.mean(of_factors))
        assert scores[name] != pytest.approx(np.median(of_factors), abs=1e-3)


def test_the_first_test_rows_alone_are_clustered_and_all_have_neighbours() -> None:
    codes, factors = clusters(apart=2)
    whole, few = scored(codes, factors), scored(codes, factors, num_points=30)
    of_few = clusterability(codes[:200], factors[:200], codes[200:230], factors[200:230])
    assert few["knn_accuracy"] == whole["knn_accuracy"] != of_few["knn_accuracy"]
    for name in ("kmeans_nmi", "kmeans_ari", "silhouette"):
        assert few[name] == of_few[name] != whole[name]


def test_more_clusters_than_distinct_codes_are_as_many_as_there_are() -> None:
    factors = np.arange(40)[:, None] % 5
    scores = scored(np.minimum(factors, 1).astype(float), factors)  # five classes in two places
    assert scores["kmeans_nmi"] == pytest.approx(normalized_mutual_info_score(factors[:, 0], factors[:, 0] > 0))


def test_where_each_row_is_a_class_of_its_own_no_two_lie_together() -> None:
    scores = scored(np.random.default_rng(0).normal(size=(20, 2)), np.arange(20)[:, None])
    assert scores["silhouette"] == 0
    assert scores["knn_accuracy"] == 0


def test_test_rows_of_one_class_have_neighbours_but_no_clusters() -> None:
    codes, factors = clusters()
    one = factors[:, 0] == 2
    scores = clusterability(codes, factors, codes[one], factors[one])
    assert set(scores) == {"knn_accuracy", "knn_accuracy/0"}


def test_training_rows_of_one_class_are_refused() -> None:
    codes, factors = clusters()
    with pytest.raises(SkippedError, match="with two values or more: 0"):
        clusterability(codes, np.zeros_like(factors), codes, factors)


def test_codes_that_differ_by_less_than_rounding_give_fewer_clusters_without_a_warning() -> None:
    codes = np.array([[0, 1e38], [0, 0.0], [1e-9, 0]] * 20)
    factors = np.arange(60)[:, None] % 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = scored(codes, factors)
    assert scores["kmeans_nmi"] == pytest.approx(0.73, abs=0.01)  # two clusters where there are three classes


def test_clusters_that_are_the_classes_have_no_more_than_all_of_their_information() -> None:
    assert scored_or_refused("clusterability", *random_input(936))  # 1 + 2e-16 by scikit-learn
