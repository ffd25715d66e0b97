"""Three squares in cells that do not overlap: the pixels of two images do not tell whose factors are nearer."""

import numpy as np
import pytest

from bench import data
from bench.data.base import DataSet

PUBLISHED_STD = 0.12403473458920855  # of the pixels of an image, as the library disent gives it; the mean is 1/64


@pytest.fixture
def squares() -> DataSet:
    return data.load_data("xysquares")


def some(squares: DataSet, count: int) -> np.ndarray:
    return np.random.default_rng(0).choice(len(squares), count, replace=False)


def test_images_are_those_of_their_definition(squares: DataSet) -> None:
    index = some(squares, 200)
    for image, (red_x, red_y, green_x, green_y, blue_x, blue_y) in zip(
        squares.images(index), squares.factors(index), strict=True
    ):
        expected = np.zeros((64, 64, 3), np.float32)
        for channel, (x, y) in enumerate([(red_x, red_y), (green_x, green_y), (blue_x, blue_y)]):
            expected[8 * y : 8 * y + 8, 8 * x : 8 * x + 8, channel] = 1
        np.testing.assert_array_equal(image, expected)


def test_mean_and_deviation_are_the_published_ones(squares: DataSet) -> None:
    pixels = squares.images(some(squares, 100)).reshape(100, -1, 3).astype(float)
    assert (pixels.mean(axis=1) == 1 / 64).all()
    np.testing.assert_allclose(pixels.std(axis=1, ddof=1), PUBLISHED_STD, rtol=1e-12)


def test_all_values_of_a_factor_are_equally_far_apart(squares: DataSet) -> None:
    factors = np.tile(squares.factors(some(squares, 1)), (8, 1))
    factors[:, 3] = np.arange(8)
    row = squares.images(squares.index(factors)).reshape(8, -1)
    apart = (row[:, None] != row[None]).sum(axis=2)
    np.testing.assert_array_equal(apart, 2 * 64 * (1 - np.eye(8, dtype=int)))
