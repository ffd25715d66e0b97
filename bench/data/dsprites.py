"""dSprites (Matthey et al. 2017): drawn in seconds instead of downloaded, stored bit-packed (377 MB), read from disk.

Its variants derive from `Sprites`, each in a file of its own.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.data.base import Card, DataSet, File, OnDisk
from bench.data.files import Contents, Source, obtain
from bench.data.reader import Reader
from bench.data.sprites import blocks

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Sprites(OnDisk):
    """Binary 64x64 images, one channel; the file is drawn first if it is missing.

    Raises:
        NoSourceError: the file drawn on this machine does not have the checksum of dSprites.
        StoreError: the folder cannot be written.
    """

    def __init__(self, card: Card, folder: Path) -> None:
        super().__init__(card, folder)
        obtain(card, folder, [Source("drawing 737,280 images (some seconds, 377 MB, once)", _draw)])
        mapped = np.memmap(folder / card.files[0].name, np.uint8, "r")
        self.packed = np.asarray(mapped).reshape(len(self), 64, 8)  # a plain view: the subclass is slow to index

    def sprites(self, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Images (n, 64, 64) of 0 and 1."""
        return np.unpackbits(self.packed[index], axis=-1)

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        return self.sprites(index)[..., None].astype(np.float32)

    def resident(self, device: "torch.device") -> Reader:
        sprites = self.resident_sprites(device)
        return lambda index, epoch: sprites(index)[..., None].float()

    def resident_sprites(self, device: "torch.device") -> Callable[["Tensor"], "Tensor"]:
        """A function from indices to images (n, 64, 64) of 0 and 1, with the bits in the device's memory (377 MB)."""
        import torch

        packed = torch.tensor(self.packed, device=device)
        shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=device)  # of a byte's bits, the highest first
        return lambda index: ((packed[index][..., None] >> shifts) & 1).flatten(2)


def load(card: Card, folder: Path) -> DataSet:
    """Open dSprites."""
    return Sprites(card, folder)


def _draw(files: Sequence[File]) -> Contents:
    return {file.name: blocks() for file in files}
