"""MPI3D (Gondal et al. 2019): a robot arm with an object, drawn simply (toy), drawn realistically, or photographed.

Each file is an uncompressed .npz, so that its array `images` can be memory-mapped: 12.7 GB are never copied.
"""

import struct
import zipfile
from pathlib import Path

import numpy as np

from bench.data.base import Card, DataSet
from bench.data.stored import Bytes, Stored

MEMBER = "images.npy"


class MPI3D(Stored):
    """64x64 images in row-major order of the factors."""

    def mapped(self) -> Bytes:
        try:
            with zipfile.ZipFile(self.path) as archive:
                member = archive.getinfo(MEMBER)
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{MEMBER} is compressed")
            return self._array(member.header_offset)
        except (OSError, KeyError, ValueError, struct.error, zipfile.BadZipFile) as fault:
            raise self.fault(fault) from fault

    def _array(self, offset: int) -> Bytes:
        """The array of the zip member at `offset`: local header, name, extra field, then the .npy file."""
        with open(self.path, "rb") as file:
            file.seek(offset)
            name, extra = struct.unpack("<26x2H", file.read(30))
            file.seek(offset + 30 + name + extra)
            first = np.lib.format.read_magic(file) == (1, 0)
            read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            if fortran or dtype.hasobject:
                raise ValueError(f"{MEMBER} holds {'columns first' if fortran else 'objects'}")
            return np.memmap(self.path, dtype, "r", file.tell(), shape)


def load(card: Card, folder: Path) -> DataSet:
    """Open one of the three sets."""
    return MPI3D(card, folder)
