"""Bins and information: what the formulas leave open."""

import numpy as np
import pytest

from bench.metrics.parts.information import dense, discretise, entropy, mutual_information

RNG = np.random.default_rng(0)
TABLE = np.stack([RNG.integers(n, size=2000) for n in (3, 4)], axis=1)


def test_a_constant_dimension_informs_of_nothing_exactly() -> None:
    binned = discretise(np.full((2000, 1), 0.1), 20)
    assert (mutual_information(binned, TABLE) == 0).all()
    assert (mutual_information(TABLE, binned) == 0).all()


def test_a_variable_informs_of_itself_by_its_entropy() -> None:
    np.testing.assert_allclose(mutual_information(TABLE, TABLE).diagonal(), entropy(TABLE))


def test_a_grid_of_values_falls_into_bins_of_its_own_in_either_precision() -> None:
    grid = np.arange(21, dtype=np.float32)[:, None] * np.float32(0.1)  # every value lies on an edge
    binned = discretise(grid, 20)
    np.testing.assert_array_equal(binned[:, 0], np.minimum(np.arange(21), 19))
    np.testing.assert_array_equal(discretise(grid.astype(np.float64), 20), binned)


def test_dense_renumbers_in_order() -> None:
    np.testing.assert_array_equal(dense(np.array([[9, 1], [2, 1], [10**12, 1]])), [[1, 0], [0, 0], [2, 0]])


def test_bins_are_counted_in_positive_integers() -> None:
    for wrong in (0, 2.5, True):
        with pytest.raises(ValueError, match="num_bins must be an integer of at least 1"):
            discretise(TABLE.astype(float), wrong)  # type: ignore[arg-type]
