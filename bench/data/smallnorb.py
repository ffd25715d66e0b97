"""SmallNORB (LeCun et al. 2004): photographs of 50 toys of 5 categories, seen by the left camera.

Six files in a binary matrix format, each compressed or unpacked. The training part and the test part have the images
`dat` (n, 2 cameras, 96, 96), the category `cat` (n,) and `info` (n, 4): instance, elevation, azimuth (0, 2, .., 34) and
lighting.
"""

import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.data.base import Card, DataError, DataSet
from bench.data.files import place
from bench.data.stored import Bytes, Converted, shrunk

# by the magic number of a file
TYPES: dict[int, np.dtype[Any]] = {0x1E3D4C55: np.dtype("u1"), 0x1E3D4C54: np.dtype("<i4")}
BLOCK = 500  # images that are shrunk at a time


class SmallNORB(Converted):
    """96x96 photographs shrunk to 64x64, ordered by factors, then by instance, which is no factor."""

    @property
    def instances(self) -> int:
        """Number of images of each combination of factor values."""
        return int(self.card.options["instances"])

    def factors(self, index: ArrayLike) -> NDArray[np.int64]:
        place = self._checked(index) // self.instances
        return np.stack(np.unravel_index(place, self.card.factor_sizes), axis=1).astype(np.int64)

    def pieces(self) -> Iterator[Bytes]:
        paths = [place(file, self.folder) for file in self.card.files]
        places = [self._places(*labels) for labels in zip(paths[1::3], paths[2::3], strict=True)]
        wrong = np.bincount(np.concatenate(places), minlength=len(self)) != 1
        if wrong.any():
            raise self.fault(f"{wrong.sum()} combinations of factors and instance have no image, or several")
        images = np.empty(self.shape[:3], np.uint8)  # 199 MB, once
        for dat, part_places in zip(paths[::3], places, strict=True):
            done = 0
            for block in _rows(dat, (len(part_places), 2, None, None)):
                images[part_places[done : done + len(block)]] = shrunk(block[:, 0], *images.shape[1:])
                done += len(block)
        yield images[..., None]

    def _places(self, cat: Path, info: Path) -> NDArray[np.int64]:
        """The place of each image of a part among all, (n,)."""
        category = np.concatenate(list(_rows(cat, (None,))))
        instance, elevation, azimuth, lighting = np.concatenate(list(_rows(info, (len(category), 4)))).T
        values = (category, elevation, azimuth // 2, lighting, instance)
        try:
            return np.ravel_multi_index(values, (*self.card.factor_sizes, self.instances)).astype(np.int64)
        except ValueError as fault:
            raise DataError(f"{info} or {cat} has a value that the card does not: {fault}") from fault


def load(card: Card, folder: Path) -> DataSet:
    """Open SmallNORB."""
    return SmallNORB(card, folder)


def _rows(path: Path, shape: tuple[int | None, ...]) -> Iterator[NDArray[Any]]:
    """The rows of a matrix, a block at a time; None in `shape` is any length.

    Raises:
        DataError: the file is truncated, no such matrix or of another shape; the message names it.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            dtype, (rows, *row) = _header(file)
            if len(row) + 1 != len(shape) or any(s not in (None, n) for s, n in zip(shape, (rows, *row), strict=True)):
                raise ValueError(f"a matrix {(rows, *row)}, not {shape}")
            for start in range(0, rows, BLOCK):
                block_shape = (min(BLOCK, rows - start), *row)
                yield np.frombuffer(file.read(math.prod(block_shape) * dtype.itemsize), dtype).reshape(block_shape)
            if file.read(1):
                raise ValueError("more bytes than its header says")
    except (OSError, EOFError, zlib.error, ValueError) as fault:
        raise DataError(f"{path} is not a file of smallNORB: {fault}") from fault


def _header(file: IO[bytes] | gzip.GzipFile) -> tuple[np.dtype[Any], list[int]]:
    """Type and lengths of a matrix; at least three lengths are stored."""
    kind, dimensions = (int(n) for n in np.frombuffer(file.read(8), "<i4"))
    if kind not in TYPES or not 1 <= dimensions <= 4:
        raise ValueError(f"it begins with {kind:#x} and {dimensions} dimensions")
    lengths = np.frombuffer(file.read(4 * max(3, dimensions)), "<i4")
    return TYPES[kind], [int(n) for n in lengths[:dimensions]]
