"""Selected images of a data set in a given order, read on access, so that they need not fit into memory."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.data.base import DataSet


class ChosenImages:
    """Images of a data set by their place in the selection: `chosen[3]`, `chosen[:500]`, `chosen[[1, 2]]`.

    Attributes:
        shape: (n, height, width, channels), as for an array.
    """

    def __init__(self, data: DataSet, index: NDArray[np.int64]) -> None:
        self.data, self.index = data, index
        self.shape = (len(index), *data.card.image_shape)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        """Float32 in [0, 1]: one image for an integer, else (n, height, width, channels)."""
        chosen = self.index[key]
        return self.data.images(chosen) if np.ndim(chosen) else self.data.images([chosen])[0]

    def with_factors(self, factors: ArrayLike) -> "ChosenImages | None":
        """The data set's images with these factors (n, F), chosen or not; None: it is no grid, of one image each.

        Raises:
            ValueError: a value is not one of its factor's.
        """
        return ChosenImages(self.data, self.data.index(factors)) if self.data.card.grid else None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or np.float32, copy=False)
