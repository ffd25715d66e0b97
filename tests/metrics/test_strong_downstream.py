"""Accuracy where one factor has values that training has not seen."""

import numpy as np
import pytest

from bench.metrics.base import SkippedError
from bench.metrics.strong_downstream import _rows, strong_downstream

FACTORS = np.stack([np.random.default_rng(k).integers(n, size=600) for k, n in enumerate((3, 4))], axis=1)


def test_training_and_test_rows_have_other_values_of_the_shifted_factor() -> None:
    for num_values in (1, 2, 9):
        train, same, other = _rows(FACTORS[:, 1], num_values, 100, 50, np.random.default_rng(num_values))
        seen = set(FACTORS[train, 1])
        assert len(seen) == min(num_values, 3)
        assert set(FACTORS[same, 1]) <= seen
        assert not set(FACTORS[other, 1]) & seen
        assert not set(train) & set(same)
        assert (len(train), len(same), len(other)) == (100 if num_values > 1 else len(train), len(same), 50)


def test_a_disentangled_code_is_robust_and_an_entangled_one_is_not() -> None:
    perfect = strong_downstream(FACTORS.astype(float), FACTORS, num_rounds=10)
    assert perfect["shifted_accuracy"] == perfect["unshifted_accuracy"] == 1
    mixed = FACTORS @ [[1.0], [3.0]]  # one number tells both
    entangled = strong_downstream(mixed, FACTORS, num_rounds=10)
    assert entangled["unshifted_accuracy"] == 1
    assert entangled["shifted_accuracy"] < 0.6
    assert entangled["shifted_accuracy"] == pytest.approx(
        (entangled["shifted_accuracy/0"] + entangled["shifted_accuracy/1"]) / 2
    )


def test_one_factor_is_not_enough() -> None:
    with pytest.raises(SkippedError, match="with two values or more: 1"):
        strong_downstream(FACTORS.astype(float), FACTORS[:, :1])
