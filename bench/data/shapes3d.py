"""3D Shapes (Burgess, Kim 2018): one object in a room, drawn at every combination of six factors."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.base import Card, DataError, DataSet
from bench.data.stored import Bytes, Converted

BLOCK = 4096  # images that are unpacked at a time


class Shapes3D(Converted):
    """`images` (n, 64, 64, 3) of an HDF5 file, whose `labels` (n, 6) must run through the factors in order."""

    def pieces(self) -> Iterator[Bytes]:
        try:
            import h5py
        except ImportError as fault:
            mend = "pip install 'disentanglement-bench[shapes3d]'"
            raise DataError(f"{self.path} is converted once, which takes h5py: {mend}") from fault
        try:
            with h5py.File(self.path) as file:
                images = file["images"]
                if images.shape != self.shape or images.dtype != np.uint8:
                    raise self.fault(f"`images` is {images.dtype} {images.shape}, not uint8 {self.shape}")
                self._check_labels(file["labels"][:])
                rows = images.chunks[0] if images.chunks else 1  # whole chunks: each is unpacked once
                step = rows * math.ceil(BLOCK / rows)
                for i in range(0, len(self), step):
                    yield images[i : i + step]
        except (OSError, KeyError) as fault:
            raise self.fault(fault) from fault

    def _check_labels(self, labels: Any) -> None:
        """Each factor's label must depend on its own value, and differ between its values."""
        sizes, names = self.card.factor_sizes, self.card.factor_names
        if labels.shape != (len(self), len(sizes)):
            raise self.fault(f"`labels` is {labels.shape}, not {(len(self), len(sizes))}")
        for k, (name, size) in enumerate(zip(names, sizes, strict=True)):
            values = np.moveaxis(labels[:, k].reshape(sizes), k, 0).reshape(size, -1)
            if (values != values[:, :1]).any() or len(np.unique(values[:, 0])) < size:
                raise self.fault(f"the labels of {name} do not run through its {size} values in order")


def load(card: Card, folder: Path) -> DataSet:
    """Open 3D Shapes."""
    return Shapes3D(card, folder)
