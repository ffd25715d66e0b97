"""Images made on a device are the images that the CPU reads."""

import numpy as np
import pytest
import torch

from bench.data import load_data
from bench.data.base import DataSet
from bench.data.pooled import at_size
from bench.data.reader import images_on

CPU = torch.device("cpu")


@pytest.mark.parametrize(("size", "tolerance"), [(64, 0), (32, 1e-6)])
def test_resident_images_are_those_of_the_cpu(dataset: DataSet, size: int, tolerance: float) -> None:
    data = at_size(dataset, size)
    resident = data.resident(CPU)
    assert resident is not None
    index = np.random.default_rng(0).integers(len(data), size=40)
    epoch = np.arange(40, dtype=np.int32) * 1000
    images = resident(torch.from_numpy(index), torch.from_numpy(epoch))
    assert images.dtype == torch.float32
    np.testing.assert_allclose(images.numpy(), data.images(index, epoch), rtol=0, atol=tolerance)


def test_on_the_cpu_nothing_is_held_twice() -> None:
    data = load_data("dsprites")
    source = images_on(CPU, data)
    assert source.on_device
    assert source.total == len(data)
    index = torch.arange(5)
    np.testing.assert_array_equal(
        source.read(index, torch.zeros(5, dtype=torch.int32)).numpy(), data.images(index.numpy())
    )
