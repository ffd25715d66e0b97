"""The overlap of two factors in a code: which dimensions hold both, among those that are active."""

import numpy as np

from bench.analysis.representations.entanglement import entanglement

FACTORS = np.stack(np.unravel_index(np.arange(8 * 8 * 8), (8, 8, 8)), axis=1)
TURN = np.array([[1, -1], [1, 1]]) / np.sqrt(2)


def test_factors_of_their_own_dimensions_do_not_overlap_and_turned_ones_do() -> None:
    np.testing.assert_allclose(entanglement(FACTORS.astype(float), FACTORS), np.eye(3), atol=1e-9)
    turned = np.column_stack([FACTORS[:, :2] @ TURN, FACTORS[:, 2]])
    overlap = entanglement(turned, FACTORS)
    assert overlap[0, 1] > 0.99
    np.testing.assert_allclose(overlap[:2, 2], 0, atol=1e-9)


def test_dimensions_that_are_not_active_do_not_count() -> None:
    """A collapsed dimension is a small function of the image, from which every factor could be read."""
    noise = np.random.default_rng(0).normal(size=(len(FACTORS), 6))
    collapsed = 0.001 * (FACTORS.sum(axis=1, keepdims=True) + noise)
    with_collapsed = np.hstack([FACTORS, collapsed])
    np.testing.assert_allclose(entanglement(with_collapsed, FACTORS), np.eye(3), atol=1e-9)
    assert entanglement(with_collapsed * 100, FACTORS)[0, 1] > 0.1


def test_of_a_factor_that_no_active_dimension_tells_of_nothing_is_said() -> None:
    overlap = entanglement(FACTORS[:, :2].astype(float), FACTORS)
    assert np.isnan(overlap[2]).all()
    assert np.isnan(entanglement(0.001 * FACTORS, FACTORS)).all()
