"""One square whose position, size and colour move its pixels by degrees."""

import numpy as np
import pytest

from bench import data
from bench.data.base import DataSet

# of the pixels of an image, a mean over images and the same in each channel, as the library disent gives them
PUBLISHED_MEAN, PUBLISHED_STD = 0.009818761549013288, 0.052632363725245844
HUES = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]])
SHADES = [63, 127, 191, 255]


@pytest.fixture
def squares() -> DataSet:
    return data.load_data("xyobject")


def test_images_are_those_of_their_definition(squares: DataSet) -> None:
    index = np.random.default_rng(0).choice(len(squares), 200, replace=False)
    for image, (x, y, scale, colour) in zip(squares.images(index), squares.factors(index), strict=True):
        margin = 4 - scale  # beside the largest square
        row, column = np.mgrid[:64, :64]
        inside = (abs(column - 2 * x - 7) <= 7 - margin) & (abs(row - 2 * y - 7) <= 7 - margin)
        expected = inside[..., None] * HUES[colour % 6] * SHADES[colour // 6] / np.float32(255)
        np.testing.assert_array_equal(image, expected.astype(np.float32))


@pytest.mark.parametrize("place", [(0, 0), (24, 24), (7, 13)])
def test_mean_and_deviation_are_the_published_ones(squares: DataSet, place: tuple[int, int]) -> None:
    factors = np.array([(*place, scale, colour) for scale in range(5) for colour in range(24)])
    pixels = squares.images(squares.index(factors)).reshape(len(factors), -1, 3).astype(float)
    np.testing.assert_allclose(pixels.mean(axis=(0, 1)), PUBLISHED_MEAN, rtol=1e-7)
    np.testing.assert_allclose(pixels.std(axis=1, ddof=1).mean(axis=0), PUBLISHED_STD, rtol=1e-7)


def test_neighbours_share_more_pixels_than_strangers(squares: DataSet) -> None:
    factors = np.array([(x, 12, 2, 20) for x in range(25)])
    row = squares.images(squares.index(factors)).reshape(25, -1)
    apart = (row[:1] != row).sum(axis=1)
    assert (np.diff(apart[:7]) > 0).all()
