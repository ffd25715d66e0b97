"""A data set at a lower resolution: each pixel is the average of a block of pixels."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.data.base import Card, DataSet
from bench.data.reader import Reader

if TYPE_CHECKING:
    import torch


class Pooled(DataSet):
    """Average-pooled images of another data set; indices, factors and noise are the other's.

    Raises:
        ValueError: the size does not divide the images' height and width.
    """

    def __init__(self, data: DataSet, size: int) -> None:
        height, _, channels = data.card.image_shape
        check_size(data.card, size)
        super().__init__(dataclasses.replace(data.card, image_shape=(size, size, channels)))
        self.data, self.block = data, height // size
        self.columns = np.tile(np.eye(channels, dtype=np.float32), (self.block, 1)) / np.float32(self.block**2)

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        size, _, channels = self.card.image_shape
        images = self.data.batch(index, epoch).reshape(-1, size, self.block, size * self.block * channels)
        rows = images[:, :, 0].copy()
        for i in range(1, self.block):
            rows += images[:, :, i]
        # a product with stacked identities sums each block's columns, much faster than strided slices of 3 channels
        return (rows.reshape(-1, self.block * channels) @ self.columns).reshape(-1, size, size, channels)

    def resident(self, device: "torch.device") -> Reader | None:
        full_size, size, block = self.data.resident(device), self.card.image_shape[0], self.block
        if full_size is None:
            return None

        def read(index: "torch.Tensor", epoch: "torch.Tensor") -> "torch.Tensor":
            return full_size(index, epoch).unflatten(2, (size, block)).unflatten(1, (size, block)).mean(dim=(2, 4))

        return read

    def factors(self, index: ArrayLike) -> NDArray[np.int64]:
        return self.data.factors(index)

    def values(self, index: ArrayLike) -> NDArray[np.float64]:
        return self.data.values(index)


def at_size(data: DataSet, size: int) -> DataSet:
    """The data set at `size` x `size` pixels: unchanged if it has that size.

    Raises:
        ValueError: it cannot be had at that size.
    """
    if data.card.image_shape[:2] == (size, size):
        return data
    return data.resized(size) if size in data.card.other_sizes else Pooled(data, size)


def sizes_of(card: Card) -> list[int]:
    """The sizes at which a data set can be had, the largest first; none of images that are not square."""
    height, width, _ = card.image_shape
    divisors = [size for size in range(1, height + 1) if height % size == 0] if height == width else []
    return sorted({*divisors, *card.other_sizes}, reverse=True)


def check_size(card: Card, size: int) -> None:
    """A size at which a data set can be had.

    Raises:
        ValueError: it cannot; the message names the sizes at which it can.
    """
    height, width, _ = card.image_shape
    if not (sizes := sizes_of(card)):
        raise ValueError(f"the {height}x{width} images of {card.name} are not square: crop or pad them in its read()")
    if size not in sizes:
        raise ValueError(
            f"image_size {size} does not divide the {height}x{width} images of {card.name}: trainer.image_size may be "
            f"{', '.join(map(str, sizes))}"
        )
