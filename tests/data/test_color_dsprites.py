"""A sprite has one colour, uniform in [0.5, 1] for each channel, new for every image and epoch."""

import numpy as np
import pytest

from bench import data
from bench.data.base import DataSet

INDEX = np.arange(0, 64 * 350, 350)


@pytest.fixture
def color() -> DataSet:
    return data.load_data("color_dsprites")


def colours(color: DataSet, index: np.ndarray, epoch: int) -> np.ndarray:
    """The colour of each image, which is that of its brightest pixel."""
    return color.images(index, epoch).reshape(len(index), -1, 3).max(axis=1)


def test_an_image_is_the_sprite_times_one_colour(color: DataSet) -> None:
    images, sprites = color.images(INDEX, 3), data.load_data("dsprites").images(INDEX)
    np.testing.assert_array_equal(images, sprites * colours(color, INDEX, 3)[:, None, None])


def test_each_channel_is_uniform_from_a_half_to_one_and_independent(color: DataSet) -> None:
    drawn = np.concatenate([colours(color, INDEX, e) for e in range(60)])
    assert drawn.min() > 0.5
    assert drawn.max() < 1
    shares = [np.histogram(drawn[:, c], bins=5, range=(0.5, 1))[0] / len(drawn) for c in range(3)]
    np.testing.assert_allclose(shares, 0.2, atol=0.03)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.06


def test_the_colour_differs_between_images_and_epochs_and_comes_again(color: DataSet) -> None:
    first, again, other_epoch = (colours(color, INDEX, e) for e in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(np.concatenate([first, other_epoch]), axis=0)) == 2 * len(INDEX)
