"""Morpho-MNIST's plain digits (Castro et al. 2019): MNIST, with measures of the handwriting as further factors.

The factors depend on each other, and no image has all combinations: real digits are what they are.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.data.base import Card, DataSet
from bench.data.files import converted
from bench.data.handwriting import measured
from bench.data.mnist import Labelled

DECIMALS = 9  # of what is stored: the digits beyond differ between machines


class Morpho(Labelled):
    """Digits whose factors are the digit and, for each measure, the tenth of all digits that it lies in.

    `values` has the measures themselves: lengths in pixels of the 28x28 digit, the slant in radians.

    Raises:
        NoSourceError: a file is not in the folder and no source has it.
        StoreError: the folder cannot be written.
    """

    def __init__(self, card: Card, folder: Path) -> None:
        super().__init__(card, folder)
        path = converted(card, folder, self._measured, "measures.npy")
        self.measures = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        shares = [np.arange(1, size) / size for size in card.factor_sizes[1:]]
        self.limits = [np.quantile(m, share) for m, share in zip(self.measures.T, shares, strict=True)]

    def factors(self, index: ArrayLike) -> NDArray[np.int64]:
        where = self._checked(index)
        some = self.measures[where].T
        classes = [np.searchsorted(limits, m, "right") for limits, m in zip(self.limits, some, strict=True)]
        return np.stack([self.labels[where], *classes], axis=1).astype(np.int64)

    def values(self, index: ArrayLike) -> NDArray[np.float64]:
        where = self._checked(index)
        return np.column_stack([self.labels[where], self.measures[where]])

    def _measured(self) -> Iterator[bytes]:
        """An .npy file of the measures of all digits, (n, 4)."""
        rows = np.array([measured(digit) for part in (self.train, self.test) for digit in part])
        file = io.BytesIO()
        np.save(file, rows.round(DECIMALS))
        yield file.getvalue()


def load(card: Card, folder: Path) -> DataSet:
    """Open Morpho-MNIST."""
    return Morpho(card, folder)
