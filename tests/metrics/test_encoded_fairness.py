"""Interventions that no image at hand shows are taken from a grid of factors and encoded."""

from typing import Any

import numpy as np
import pytest

from bench.metrics.base import SkippedError
from bench.metrics.encoded_fairness import encoded_fairness
from bench.metrics.fairness import fairness
from bench.testing.learners import QuarterCode

GRID = np.stack(np.unravel_index(np.arange(24), (2, 3, 4)), axis=1)


def drawn(factors: np.ndarray) -> np.ndarray:
    """Images (n, 8, 8, 1), three quarters of which are as light as the factors say."""
    light = np.column_stack([factors / 4, np.zeros(len(factors))]).reshape(-1, 2, 2, 1)
    return light.repeat(4, axis=1).repeat(4, axis=2).astype(np.float32)


class OfGrid:
    """Images of a grid, of which some are chosen."""

    def __init__(self, factors: np.ndarray) -> None:
        self.factors = factors

    def __len__(self) -> int:
        return len(self.factors)

    def __getitem__(self, where: Any) -> np.ndarray:
        return drawn(self.factors[where])

    def with_factors(self, factors: np.ndarray) -> "OfGrid":
        return OfGrid(factors)


def test_counterfactuals_are_encoded_where_the_images_have_none() -> None:
    diagonal = np.array([[0, 0, 0], [1, 1, 1], [0, 2, 2], [1, 0, 3]])
    with pytest.raises(SkippedError, match="the data set is no grid"):
        encoded_fairness(QuarterCode(), drawn(diagonal), diagonal)
    scores = encoded_fairness(QuarterCode(), OfGrid(diagonal), diagonal, num_rounds=5)
    assert {f"encoded_unfairness_by_{s}/{y}" for s in range(3) for y in range(3) if s != y} <= scores.keys()


def test_a_model_that_tells_factors_apart_is_fair_and_one_that_confuses_them_is_not() -> None:
    factors = np.repeat(GRID, 4, axis=0)
    fair = encoded_fairness(QuarterCode(), OfGrid(factors), factors, num_rounds=10)
    assert fair["encoded_unfairness_max"] == 0
    agreeing = np.array([[0, 0, 0]] * 30 + [[1, 1, 0]] * 30 + [[0, 1, 0], [1, 0, 0]])

    class Confused(QuarterCode):
        def encode(self, images: Any) -> Any:
            mean, logvar = super().encode(images)
            return mean[:, 1:2], logvar  # the second factor alone

    scores = encoded_fairness(Confused(), OfGrid(agreeing), agreeing, num_rounds=20)
    assert scores["encoded_unfairness_by_1/0"] == pytest.approx(0.5)
    assert scores["encoded_unfairness_by_0/1"] == 0


def test_images_at_hand_give_what_their_stored_codes_give() -> None:
    rows = np.repeat(GRID, 3, axis=0)
    images = drawn(rows)
    codes = QuarterCode().encode(images)[0]
    encoded = encoded_fairness(QuarterCode(), images, rows, num_rounds=5)
    stored = fairness(codes, rows, num_rounds=5)
    assert encoded.keys() == {name.replace("unfairness", "encoded_unfairness") for name in stored}
    assert encoded["encoded_unfairness"] == stored["unfairness"] == 0


def test_one_factor_is_a_reason() -> None:
    with pytest.raises(SkippedError, match="with two values or more: 1"):
        encoded_fairness(QuarterCode(), drawn(GRID), GRID * [1, 0, 0])


def test_trees_are_fitted_to_as_many_images_as_are_asked_for() -> None:
    encoded: list[int] = []

    class Counting(QuarterCode):
        def encode(self, images: Any) -> Any:
            encoded.append(len(images))
            return super().encode(images)

    factors = np.repeat(GRID, 4, axis=0)
    encoded_fairness(Counting(), OfGrid(factors), factors, num_train=50, num_test_points=2, num_rounds=2)
    assert encoded == [50, 2 * 2, 2 * 3, 2 * 4]
