"""Pooled images are block averages of the data set's own."""

import numpy as np
import pytest

from bench.data.base import DataSet
from bench.data.pooled import Pooled, at_size


def test_pooled_images_are_block_averages(dataset: DataSet) -> None:
    small = at_size(dataset, 32).images([3, 4], 1)
    large = dataset.images([3, 4], 1)
    expected = large.reshape(2, 32, 2, 32, 2, -1).mean(axis=(2, 4))
    np.testing.assert_allclose(small, expected, atol=1e-6)


def test_pooling_to_a_size_that_does_not_divide_is_refused(dataset: DataSet) -> None:
    assert at_size(dataset, 64) is dataset
    with pytest.raises(ValueError, match="does not divide"):
        Pooled(dataset, 48)
