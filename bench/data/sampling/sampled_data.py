"""A data set with a sampling: training draws some images more often than others, or never."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.data.base import DataSet
from bench.data.reader import Reader
from bench.data.sampling.rows import Rows

if TYPE_CHECKING:
    import torch


class Sampled(DataSet):
    """Another data set with the rows that training draws; every row can still be read."""

    def __init__(self, data: DataSet, rows: Rows) -> None:
        super().__init__(data.card)
        self.data, self.rows = data, rows

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        return self.data.batch(index, epoch)

    def resident(self, device: "torch.device") -> Reader | None:
        return self.data.resident(device)

    def factors(self, index: ArrayLike) -> NDArray[np.int64]:
        return self.data.factors(index)

    def values(self, index: ArrayLike) -> NDArray[np.float64]:
        return self.data.values(index)
