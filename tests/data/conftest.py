"""The data sets under test: from the downloads folder, or small stand-ins of those whose files users bring themselves
or that take longer than seconds to draw.

A stand-in has the official files' format and few images; its card differs from the shipped one in its numbers alone,
so that the same code reads both.
"""

import gzip
import hashlib
import io
import math
import struct
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from numpy.typing import NDArray
from PIL import Image

from bench import data
from bench.data.base import Card, DataSet
from bench.data.files import NoSourceError
from bench.data.hue_tables import blocks as tables
from bench.store.shipped import downloads_dir

StandIn = Callable[..., Card]
Files = Mapping[str, bytes]  # by the names in the card, or by their last parts


def opened(name: str) -> DataSet:
    """A data set, or a skip that says why none of its sources can be reached from here."""
    try:
        return data.load_data(name)
    except NoSourceError as fault:
        pytest.skip(str(fault))


def blocks(count: int, height: int, width: int, *channels: int) -> NDArray[np.uint8]:
    """Images of 8x8 blocks of random brightness or colour."""
    values = np.random.default_rng(count).integers(0, 256, (count, 8, 8, *channels), np.uint8)
    return values.repeat(height // 8, axis=1).repeat(width // 8, axis=2)


def painting(card: Card, size: tuple[int, int] = (120, 200)) -> Files:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(file, "png")
    return {"scream.jpg": file.getvalue()}


def hdf5(card: Card, images: Any = None, labels: Any = None) -> Files:
    import h5py

    grid = np.stack(np.unravel_index(np.arange(card.num_images), card.factor_sizes), axis=1) / 7
    file = io.BytesIO()
    with h5py.File(file, "w") as out:
        pixels = blocks(card.num_images, 64, 64, 3) if images is None else images
        out.create_dataset("images", data=pixels, chunks=(10, *pixels.shape[1:]), compression="gzip")
        out["labels"] = grid if labels is None else labels
    return {"3dshapes.h5": file.getvalue()}


def cars(card: Card, count: int | None = None, change: Callable[[Any], Any] = lambda im: im) -> Files:
    elevations, azimuths, number = card.factor_sizes
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in [("data/shapes48.mat", b"another set"), ("data/cars/list.txt", b"names")]:
            _add(archive, name, content)
        for k in reversed(range(number if count is None else count)):  # the archive's order is not the names'
            im = blocks(elevations * azimuths + k, 128, 128, 3)[k:].reshape(elevations, azimuths, 128, 128, 3)
            mat = io.BytesIO()
            scipy.io.savemat(mat, {"im": change(im.transpose(2, 3, 4, 1, 0)), "mask": np.ones(3)})
            _add(archive, f"data/cars/car_{k:03}_mesh.mat", mat.getvalue())
    return {"nips2015-analogy-data.tar.gz": file.getvalue()}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def norb(card: Card, change: Callable[[str, Any], Any] = lambda part, matrix: matrix) -> Files:
    """Both parts, each with half of the instances, in random order, and the right camera's view all black."""
    sizes, instances = card.factor_sizes, card.options["instances"]
    rng, files = np.random.default_rng(0), {}
    for part, own in (("training", range(instances // 2, instances)), ("testing", range(instances // 2))):
        factors = np.array([(*f, i) for f in np.ndindex(sizes) for i in own], np.int32)
        category, elevation, azimuth, lighting, instance = rng.permutation(factors).T
        info = np.stack([instance, elevation, 2 * azimuth, lighting], axis=1)
        places = np.ravel_multi_index((category, elevation, azimuth, lighting, instance), (*sizes, instances))
        dat = np.zeros((len(info), 2, 96, 96), np.uint8)
        dat[:, 0] = blocks(card.num_images, 96, 96)[places]
        for kind, matrix in (("dat", dat), ("cat", category), ("info", info)):
            name = next(f.name for f in card.files if f"{part}-{kind}" in f.name)
            files[Path(name).name] = gzip.compress(_matrix(change(f"{part}-{kind}", matrix)))
    return files


def _matrix(values: Any) -> bytes:
    kind = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54}[values.dtype.name]
    lengths = [*values.shape, *[1] * (3 - values.ndim)]
    return np.array([kind, values.ndim, *lengths], "<i4").tobytes() + values.tobytes()


def npz(card: Card, images: Any = None, save: Callable[..., None] = np.savez) -> Files:
    file = io.BytesIO()
    save(file, images=blocks(card.num_images, 64, 64, 3) if images is None else images)
    return {Path(card.files[0].name).name: file.getvalue()}


def idx(card: Card) -> Files:
    """Two thirds of the images for training, the classes in turn."""
    images, labels = blocks(card.num_images, 32, 32)[:, 2:30, 2:30], np.arange(card.num_images) % card.factor_sizes[0]
    files = {}
    for part, rows in {"train": slice(card.num_images // 3, None), "t10k": slice(card.num_images // 3)}.items():
        n = len(labels[rows])
        files[f"{part}-images-idx3-ubyte"] = struct.pack(">4i", 2051, n, 28, 28) + images[rows].tobytes()
        files[f"{part}-labels-idx1-ubyte"] = struct.pack(">2i", 2049, n) + labels[rows].astype(np.uint8).tobytes()
    return files


def rooms(card: Card) -> Files:
    return {"tables.bin": _tables(card.factor_sizes[3:])}


@cache
def _tables(sizes: tuple[int, ...]) -> bytes:
    return b"".join(tables(*sizes))


# each data set that has a stand-in: the factor sizes of that, and what makes its files
STAND_INS: dict[str, tuple[tuple[int, ...] | None, Callable[..., Files]]] = {
    "cars3d": ((2, 4, 6), cars),
    "fashion_mnist": ((10,), idx),
    "morpho_mnist": ((3, 2, 2, 2, 2), idx),
    "mpi3d_real": ((2, 2, 2, 2, 2, 2, 2), npz),
    "mpi3d_realistic": ((2, 2, 2, 2, 2, 2, 2), npz),
    "mpi3d_toy": ((2, 2, 2, 2, 2, 2, 2), npz),
    "rooms3d": ((10, 10, 10, 1, 2, 2), rooms),
    "scream_dsprites": (None, painting),
    "shapes3d": ((3, 2, 2, 2, 2, 3), hdf5),
    "smallnorb": ((2, 3, 2, 2), norb),
}
INSTANCES = {"fashion_mnist": 6, "smallnorb": 4}  # images of each combination of factors, where that is not one


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Puts a data set's stand-in, made with these options, into a downloads folder of its own: its card."""

    def put(name: str, **options: Any) -> Card:
        sizes, make = STAND_INS[name]
        card = data.card(name)
        if sizes:
            few = {"instances": INSTANCES[name]} if name in INSTANCES else {}
            count = math.prod((*sizes, *few.values()))
            card = replace(card, num_images=count, factor_sizes=sizes, options={**card.options, **few})
        else:
            opened("dsprites")
            (tmp_path / "dsprites").symlink_to(downloads_dir() / "dsprites")
        made = make(card, **options)
        for file in card.files:
            if (content := made.get(Path(file.name).name)) is not None:
                (tmp_path / file.name).parent.mkdir(exist_ok=True)
                (tmp_path / file.name).write_bytes(content)
        checked = [_of(f, made) if not f.own and Path(f.name).name in made else f for f in card.files]
        card, shipped = replace(card, files=tuple(checked)), data.card
        monkeypatch.setenv("BENCH_DATA", str(tmp_path))
        monkeypatch.setattr(data, "card", lambda asked: card if asked == name else shipped(asked))
        return card

    return put


def _of(file: Any, made: Files) -> Any:
    """The file with the checksum of what was made."""
    kind = "sha256" if file.sha256 else "md5"
    return replace(file, **{kind: hashlib.new(kind, made[Path(file.name).name]).hexdigest()})


@pytest.fixture(params=data.packaged())
def dataset(request: pytest.FixtureRequest) -> DataSet:
    if request.param not in STAND_INS:
        return opened(request.param)
    request.getfixturevalue("stand_in")(request.param)
    return data._loaded.__wrapped__(request.param)


@pytest.fixture
def digits() -> DataSet:
    return opened("mnist")
