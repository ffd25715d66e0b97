"""Data sets whose images are a formula of their factors: nothing is stored, and every device computes the same bits."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.data.base import DataSet
from bench.data.reader import Reader, shares

if TYPE_CHECKING:
    import torch

Array = Any  # numpy.ndarray or torch.Tensor of dtype int32


class Formula(DataSet):
    """Images on a full grid of factors; a subclass defines them by `drawn`.

    Attributes:
        white: the value of `drawn` that stands for 1.
    """

    white = 255

    @abstractmethod
    def drawn(self, factors: tuple[Array, ...], row: Array, column: Array, channel: Array) -> Array:
        """Pixels from 0 to `white`, (n, height, width, channels), by arithmetic that NumPy and torch share.

        Args:
            factors: a column for each factor, (n, 1, 1, 1).
            row: (height, 1, 1).
            column: (width, 1).
            channel: (channels,).
        """

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        places = (np.arange(n, dtype=np.int32) for n in self.card.image_shape)
        images = np.asarray(self._at(index, *places).astype(np.float32))
        images /= self.white
        return images

    def resident(self, device: "torch.device") -> Reader:
        import torch

        places = [torch.arange(n, dtype=torch.int32, device=device) for n in self.card.image_shape]
        of_white = shares(self.white, device)
        return lambda index, epoch: of_white[self._at(index, *places).long()]

    def _at(self, index: Array, row: Array, column: Array, channel: Array) -> Array:
        factors, rest = [], index.reshape(-1, 1, 1, 1)
        for size in reversed(self.card.factor_sizes):  # the last factor varies fastest
            factors.append(_int32(rest % size))
            rest = rest // size
        return self.drawn(tuple(reversed(factors)), row.reshape(-1, 1, 1), column.reshape(-1, 1), channel)


def _int32(array: Array) -> Array:
    return array.astype(np.int32) if isinstance(array, np.ndarray) else array.int()
