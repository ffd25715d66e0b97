"""rooms3d: the images of 3D Shapes drawn again: 480 geometries, drawn once (34 MB), in a thousand triples of hues each.

An image is looked up, three values a pixel, without arithmetic that could round, on the CPU as on a device.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.data.base import Card, DataSet, OnDisk
from bench.data.files import Source, obtain
from bench.data.hue_tables import KIND_BITS, blocks, steps
from bench.data.reader import Reader, shares

if TYPE_CHECKING:
    import torch

Array = Any  # numpy.ndarray or torch.Tensor
TOGETHER = 4  # images that are looked up at once: what fits a core's cache


class Rooms(OnDisk):
    """64x64 images of three channels; the file of geometries is drawn first where it is not in the folder.

    Raises:
        NoSourceError: what this machine draws is not what the card says.
        StoreError: the folder cannot be written.
    """

    def __init__(self, card: Card, folder: Path) -> None:
        super().__init__(card, folder)
        sizes = card.factor_sizes[3:]  # of scale, shape and azimuth
        self.geometries = math.prod(sizes)
        title = f"drawing {self.geometries} geometries (half a minute, 34 MB, once)"
        obtain(card, folder, [Source(title, lambda files: {file.name: blocks(*sizes) for file in files})])
        mapped = np.memmap(folder / card.files[0].name, np.uint8, "r")
        pixels = math.prod(card.image_shape[:2])
        end = 4 * self.geometries * pixels
        self.places = np.asarray(mapped[:end]).view("<i4").reshape(self.geometries, pixels)
        self.levels = np.asarray(mapped[end:])  # of pixels at every hue, from 0 to 255

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        images = np.empty((len(index), *self.card.image_shape), np.float32)
        tables = self.places, self.levels, steps()
        for i in range(0, len(index), TOGETHER):
            some = index[i : i + TOGETHER]
            images[i : i + TOGETHER] = _looked_up(tables, some, np.arange(len(some))).reshape(-1, *images.shape[1:])
        images /= 255
        return images

    def resident(self, device: "torch.device") -> Reader:
        import torch

        tables = tuple(torch.tensor(table, device=device) for table in (self.places, self.levels, steps()))
        of_white = shares(255, device)
        shape = self.card.image_shape

        def read(index: "torch.Tensor", epoch: "torch.Tensor") -> "torch.Tensor":
            rows = torch.arange(len(index), device=device)
            return of_white[_looked_up(tables, index, rows).reshape(-1, *shape).long()]

        return read


def load(card: Card, folder: Path) -> DataSet:
    """Open rooms3d."""
    return Rooms(card, folder)


def _looked_up(tables: tuple[Array, ...], index: Array, rows: Array) -> Array:
    """Bytes (n, pixels, 3) of n images; `rows` counts them from 0."""
    places, levels, (channel, floor, wall, solid) = tables
    hues, place = index // len(places), places[index % len(places)]
    step = channel[0] + floor[hues // 100] + wall[hues // 10 % 10] + solid[hues % 10]  # (n, kinds, 3)
    first, kind = place >> KIND_BITS, place & ((1 << KIND_BITS) - 1)
    return levels[first[..., None] + step[rows[:, None], kind]]
