"""Cars3D (Reed et al. 2015): 183 car models, each from 4 elevations and 24 azimuths.

The archive, or the folder that it was unpacked to, holds one MATLAB file a car, `cars/NAME.mat`, whose array `im` is
(height, width, 3, azimuth, elevation).
"""

import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.base import Card, DataSet
from bench.data.stored import Bytes, Converted, shrunk


class Cars3D(Converted):
    """128x128 pictures shrunk to 64x64; cars in the order of their names."""

    def pieces(self) -> Iterator[Bytes]:
        elevations, azimuths, cars = self.card.factor_sizes
        images = np.empty((*self.card.factor_sizes, *self.card.image_shape), np.uint8)  # 216 MB, once
        names: list[str] = []
        for name, car in self._cars():
            if len(names) == cars:
                raise self.fault(f"more than {cars} cars")
            names.append(name)
            height, width, channels = self.card.image_shape
            small = shrunk(self._pictures(name, car, (channels, azimuths, elevations)), height, width)
            images[:, :, len(names) - 1] = small.reshape(elevations, azimuths, *self.card.image_shape)
        if len(names) < cars:
            raise self.fault(f"{len(names)} cars, not {cars}")
        yield images[:, :, np.argsort(names)].reshape(self.shape)

    def _cars(self) -> Iterator[tuple[str, bytes]]:
        """Name and file content of each car, in the archive's order: seeking would decompress it again each time."""
        if self.path.is_dir():
            yield from ((f"cars/{file.name}", file.read_bytes()) for file in sorted(self.path.glob("*.mat")))
            return
        try:
            with tarfile.open(self.path, "r:gz") as archive:
                for member in archive:
                    if Path(member.name).parent.name == "cars" and member.name.endswith(".mat"):
                        file = archive.extractfile(member)
                        if file is None:
                            raise self.fault(f"{member.name} is not a file")
                        yield member.name, file.read()
        except (tarfile.TarError, EOFError, zlib.error, OSError) as fault:
            raise self.fault(fault) from fault

    def _pictures(self, name: str, car: bytes, axes: tuple[int, ...]) -> Bytes:
        """(elevations x azimuths, height, width, 3) of one car."""
        import scipy.io

        try:
            im: NDArray[Any] = scipy.io.loadmat(io.BytesIO(car), variable_names=["im"])["im"]
        except Exception as fault:  # the errors for a damaged file are not documented
            raise self.fault(f"{name} holds no array `im`: {type(fault).__name__} {fault}") from fault
        if im.ndim != 5 or im.shape[2:] != axes or im.dtype != np.uint8:
            raise self.fault(f"`im` of {name} is {im.dtype} {im.shape}, not uint8 (height, width, {axes})")
        return np.ascontiguousarray(im.transpose(4, 3, 0, 1, 2)).reshape(-1, *im.shape[:3])


def load(card: Card, folder: Path) -> DataSet:
    """Open Cars3D."""
    return Cars3D(card, folder)
