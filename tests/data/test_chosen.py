"""Chosen images of a data set are read where they are sliced."""

import numpy as np

from bench.data import load_data
from bench.data.chosen import ChosenImages


def test_they_are_the_images_of_the_data_set_in_their_order() -> None:
    data = load_data("dsprites")
    index = np.array([7, 700_000, 3, 123_456])
    chosen = ChosenImages(data, index)
    images = data.images(index)
    assert len(chosen) == 4
    assert chosen.shape == images.shape
    assert (chosen[1:3] == images[1:3]).all()
    assert (chosen[[3, 0]] == images[[3, 0]]).all()
    assert (chosen[2] == images[2]).all()
    assert (np.asarray(chosen) == images).all()
    assert chosen[4:].shape == (0, 64, 64, 1)


def test_images_of_other_factors_are_those_of_the_grid() -> None:
    data = load_data("dsprites")
    shown = ChosenImages(data, np.array([7])).with_factors(np.array([[2, 5, 39, 31, 31], [0, 0, 0, 0, 1]]))
    assert shown is not None
    assert shown.index.tolist() == [len(data) - 1, 1]
