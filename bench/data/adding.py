"""A data set of the user's own is put in place: images made alike, labels made factors, a card that says what they are.

All is written into a folder beside its place, which gets its name when it is whole. Its version is a hash of what is in
it: a data set that is removed and added with other images has other runs.
"""

import fcntl
import math
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from bench.data import labels, own
from bench.data.base import DataError
from bench.data.labels import Factor
from bench.data.pictures import Array, Asked, Files, Pictures, pictures
from bench.data.stored import header
from bench.store import npz
from bench.store.files import StoreError, digest, printable, sha256_of
from bench.store.shipped import own_data_dir

LABELS = ("factors", "labels", "latents_values", "latents_classes")  # arrays of an .npz that hold a column a factor
LARGEST_TABLE = 2**28  # numbers in an array of labels


@dataclass(frozen=True)
class Source:
    """What a data set is made of.

    Attributes:
        images: the images, made alike.
        factors: of the images in their order; none: there are no labels.
        said: what was recognised, in words.
    """

    images: Pictures
    factors: tuple[Factor, ...]
    said: tuple[str, ...]


def source(
    images: Path, table: Path | None, asked: Asked, num_classes: int = 10, chosen: Sequence[str] | None = None
) -> Source:
    """Look at images and labels, and check all that can be checked before anything is written.

    Args:
        images: a folder, or an .npz file.
        table: a csv file of labels; None: of an .npz those in it, of a folder none.
        asked: what the images are to become.
        num_classes: of a column of measured numbers.
        chosen: the columns or arrays to take as factors; None: all.

    Raises:
        DataError: what is there cannot be a data set; the message names the place and the mend.
        StoreError: the .npz cannot be read.
    """
    there = pictures(images, asked)
    if there.count < 2:
        raise DataError(f"{images} holds one image: a data set has two or more")
    columns, unused, lines = _columns(there, table, chosen)
    factors = tuple(labels.factor(n, column, num_classes, where, lines) for n, (column, where) in columns.items())
    kinds = [f"{f.name}: {f.kind}, {f.size} classes, {f.span}" for f in factors]
    said = [*there.said, *(kinds or ["no labels: scores of codes alone"])]
    if unused:
        said.append(f"not used: {', '.join(printable(name, 40) for name in unused)}")
    return Source(there, factors, tuple(said))


def _columns(
    there: Pictures, table: Path | None, chosen: Sequence[str] | None
) -> tuple[dict[str, tuple[Any, str]], list[str], list[int] | None]:
    """The columns of labels in the order of the images, each with the place it is from; and names of those not used.

    The third are the lines of the rows in a csv file.
    """
    lines: list[int] | None = None
    if table is not None:
        read = labels.read_csv(table)
        columns: dict[str, Any] = dict(read.columns)
        lines = read.lines
        if isinstance(there, Files):
            naming, rows = labels.rows_of(read, there.names, there.path)
            cells = {n: np.asarray(c, str)[rows] for n, c in columns.items() if n != naming}
            columns, lines = cells, [read.lines[row] for row in rows]
        elif len(read.lines) != there.count:
            raise DataError(f"{table} has {len(read.lines):,} rows, {there.path} has {there.count:,} images")
        if not columns:
            raise DataError(f"{table} has no column beside the one that names the files: leave labels= out")
        where = {name: f"{table}, column {name}" for name in columns}
    elif isinstance(there, Array):
        columns = dict(_arrays(there, chosen))
        where = {name: f"{there.path}: {name}" for name in columns}
    elif chosen is not None:
        raise DataError(f"factors= names columns of labels=FILE.csv, and {there.path} comes without")
    else:
        return {}, [], None
    taken = list(columns) if chosen is None else [c for n in dict.fromkeys(chosen) for c in _named(n, columns)]
    if missing := [name for name in taken if name not in columns]:
        raise DataError(f"there is no column {missing[0]!r}: factors= may name {', '.join(columns) or 'none'}")
    return {n: (columns[n], where[n]) for n in taken}, [n for n in columns if n not in taken], lines


def _named(name: str, columns: Mapping[str, Any]) -> list[str]:
    """The columns that a name stands for: one, or those of an array of that name."""
    of_array = [column for column in columns if re.fullmatch(rf"{re.escape(name)}_\d+", column)]
    return of_array if name not in columns and of_array else [name]


def _arrays(there: Array, chosen: Sequence[str] | None) -> Iterator[tuple[str, NDArray[Any]]]:
    """Columns of arrays that have a row an image: of those asked for, of a table of labels, or of every vector."""
    heads = {n: h for n, h in there.heads.items() if n != there.array and h.shape[:1] == (there.count,)}
    vectors = [n for n, h in heads.items() if len(h.shape) == 1]
    table = next((n for n in LABELS if n in heads and len(heads[n].shape) == 2), None)
    names = [table] if table else vectors
    if chosen is not None and set(chosen) <= heads.keys():
        names = list(chosen)
    for name in names:
        head = heads[name]
        if len(head.shape) > 2 or int(np.prod(head.shape)) > LARGEST_TABLE:
            raise DataError(f"{there.path}: {name} {head.shape} is no column, or columns, of labels")
        whole = np.concatenate(list(npz.rows(there.path, name, 2**16)))
        if whole.ndim == 1:
            yield name, whole
        else:
            yield from ((f"{name}_{k}", whole[:, k]) for k in range(whole.shape[1]))


def write(name: str, made: Source, advance: Callable[[int], None] = lambda images: None) -> None:
    """Write a data set into its place; nothing is left of it where that fails.

    Args:
        name: what it is called; `own.check_new` has found it free.
        made: what it is made of.
        advance: called with the number of images that were written.

    Raises:
        DataError: an image is broken, or the data set is there meanwhile.
        StoreError: the folder cannot be written.
    """
    there, factors = made.images, made.factors
    classes = np.stack([f.classes for f in factors], axis=1) if factors else np.zeros((there.count, 0), np.int64)
    values = np.stack([f.values for f in factors], axis=1) if factors else np.zeros((there.count, 0))
    places = _places(classes, tuple(f.size for f in factors))
    order = np.arange(there.count) if places is None else places
    with _draft(name) as folder:
        _write_images(there, order, folder / own.IMAGES, advance)
        where = np.argsort(order)
        for file, array in ((own.CLASSES, classes), (own.VALUES, values)):
            np.save(folder / file, array[where], allow_pickle=False)
        checksums = {file: sha256_of(folder / file) for file in (own.IMAGES, own.CLASSES, own.VALUES)}
        card = _card(name, made, checksums, places is not None)
        (folder / own.CARD).write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _card(name: str, made: Source, checksums: Mapping[str, str], grid: bool) -> dict[str, Any]:
    """What the card says, in plain values."""
    there, factors = made.images, made.factors
    shape, names = [there.size, there.size, there.channels], [f.name for f in factors]
    return {
        "name": name,
        "title": name,
        "loader": "own",
        "version": int(digest([shape, list(checksums.values()), names], 8), 16),
        "num_images": there.count,
        "image_shape": shape,
        "factor_names": names,
        "factor_sizes": [f.size for f in factors],
        "grid": grid,
        "licence": "the user's own",
        "citation": "",
        "homepage": "",
        "description": f"Pictures of {there.path.name}. {'. '.join(made.said)}.",
        "options": {"asked": asdict(there.asked), "classes": {f.name: list(f.starts) for f in factors}},
        "files": [{"name": f"{name}/{file}", "sha256": sha256} for file, sha256 in checksums.items()],
    }


def _places(classes: NDArray[np.int64], sizes: tuple[int, ...]) -> NDArray[np.int64] | None:
    """The place of each image in row-major order, where every combination of factor values is there once."""
    total = math.prod(sizes)
    if not sizes or total != len(classes):
        return None
    places = np.ravel_multi_index(tuple(classes.T), sizes).astype(np.int64)
    return places if len(np.unique(places)) == total else None


def _write_images(there: Pictures, order: NDArray[np.int64], path: Path, advance: Callable[[int], None]) -> None:
    """Write the images as one array, each at its place."""
    shape = (there.size, there.size, there.channels)
    head, an_image = header((there.count, *shape)), int(np.prod(shape))
    done = 0
    with path.open("wb") as out:
        out.write(head)
        for images in there.images():
            for image in images:
                out.seek(len(head) + int(order[done]) * an_image)
                out.write(np.ascontiguousarray(image).tobytes())
                done += 1
            advance(len(images))
        out.flush()
        os.fsync(out.fileno())
    if done != there.count:
        raise DataError(f"{there.path} gave {done:,} images, not {there.count:,}: it changed meanwhile")


@contextmanager
def _draft(name: str) -> Iterator[Path]:
    """A folder that becomes that of the data set when it is whole; what killed writers left beside it is removed.

    The writer holds a lock on it, by which others know that it is being written.
    """
    home = own_data_dir()
    folder = home / f".{name}.adding-{secrets.token_hex(4)}"
    handle = None
    try:
        home.mkdir(parents=True, exist_ok=True)
        for left in home.glob(".*.adding-????????"):
            _remove_unlocked(left)
        folder.mkdir()
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
        folder.rename(home / name)
    except OSError as fault:
        raise StoreError(f"cannot write {fault.filename or home}: {fault.strerror or fault}") from fault
    finally:
        if handle is not None:
            os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def _remove_unlocked(folder: Path) -> None:
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)
