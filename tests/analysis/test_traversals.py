"""Walks go where codes lie, are ordered by what they change, and are named by the factor that a dimension tells of."""

import numpy as np
import pytest

from bench.analysis.representations.traversals import traversals


def decode(codes: np.ndarray) -> np.ndarray:
    """Two pixels: the first is dimension 1, the second a tenth of dimension 2; dimension 0 draws nothing."""
    pixels = np.stack([codes[:, 1], 0.1 * codes[:, 2]], axis=1)
    return pixels[:, None, :, None].astype(np.float32)


def test_walks_cover_the_middle_of_the_codes_and_the_most_changing_come_first() -> None:
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 4, (4000, 2))
    codes = np.stack([rng.normal(size=4000), factors[:, 1], 5 * factors[:, 0]], axis=1).astype(np.float32)
    walks, found = traversals(codes, factors, ("shape", "x"), decode, stations=5)
    assert found["dim"].tolist() == [1, 2, 0]
    assert found["factor"].tolist()[:2] == ["x", "shape"]
    np.testing.assert_allclose(found["information"][:2], 1, atol=1e-6)
    assert found["information"][2] < 0.05
    np.testing.assert_allclose(found.loc[found["dim"] == 0, ["low", "high"]], [[-2.33, 2.33]], atol=0.2)
    np.testing.assert_allclose(walks[0, :, 0, 0, 0], np.linspace(0, 3, 5), atol=1e-6)
    np.testing.assert_allclose(walks[1, :, 0, 1, 0], np.linspace(0, 1.5, 5), atol=1e-6)
    assert (walks[0, :, 0, 1] == decode(codes[:1])[0, 0, 1]).all()  # the others stay at the first image's code
    assert found["change"].tolist() == pytest.approx([np.linspace(0, 3, 5).std() / 2**0.5, 0.375, 0], abs=1e-6)


def test_a_factor_of_one_value_tells_nothing() -> None:
    factors = np.zeros((100, 1), np.int64)
    codes = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    _, found = traversals(codes, factors, ("one",), decode, stations=3)
    assert (found["information"] == 0).all()
