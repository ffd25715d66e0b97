"""Adds a data set of the user's own: images of one size, labels as factors, and a card that describes them.

All files are written into a temporary folder, which is renamed when it is complete. The version on the card is a hash
of the content, so that a data set that is removed and added again with other images gets other run ids.
"""

import fcntl
import io
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
from bench.data.pictures import Array, Files, ImageOptions, Pictures, pictures
from bench.data.stored import header
from bench.store import npz
from bench.store.files import StoreError, digest, printable, sha256_of
from bench.store.shipped import own_data_dir
from bench.values import counted

LABELS = ("factors", "labels", "latents_values", "latents_classes")  # names of .npz arrays (n, factors) of labels
LARGEST_TABLE = 2**28  # most numbers in an array of labels


@dataclass(frozen=True)
class Source:
    """The parts of a new data set.

    Attributes:
        images: the images, converted to one size and number of channels.
        factors: the factors of the images, in their order; empty if there are no labels.
        remarks: what was recognised, a line each.
    """

    images: Pictures
    factors: tuple[Factor, ...]
    remarks: tuple[str, ...]


def source(
    images: Path, table: Path | None, options: ImageOptions, num_classes: int = 10, chosen: Sequence[str] | None = None
) -> Source:
    """Read images and labels, and check what can be checked before anything is written.

    Args:
        images: a folder, or an .npz file.
        table: a csv file of labels; None: an .npz file may hold its own, a folder has none.
        options: how the images are converted.
        num_classes: number of classes of a column of measured numbers.
        chosen: the columns or arrays to take as factors; None: all.

    Raises:
        DataError: images or labels cannot be a data set; the message names the place and the mend.
        StoreError: the .npz cannot be read.
    """
    picture_set = pictures(images, options)
    if picture_set.count < 2:
        raise DataError(f"{images} holds one image: a data set has two or more")
    columns, unused, lines = _columns(picture_set, table, chosen)
    factors = tuple(labels.factor(n, column, num_classes, place, lines) for n, (column, place) in columns.items())
    kinds = [f"{f.name}: {f.kind}, {f.size} classes, {f.span}" for f in factors]
    remarks = [*picture_set.remarks, *(kinds or ["no labels: scores of codes alone"])]
    if unused:
        remarks.append(f"not used: {', '.join(printable(name, 40) for name in unused)}")
    return Source(picture_set, factors, tuple(remarks))


def _columns(
    images: Pictures, table: Path | None, chosen: Sequence[str] | None
) -> tuple[dict[str, tuple[Any, str]], list[str], list[int] | None]:
    """Label columns in the order of the images, each with its origin for messages, and the names of unused columns.

    The third are the lines of the rows in a csv file.
    """
    lines: list[int] | None = None
    unread: list[str] = []
    if table is not None:
        csv_table = labels.read_csv(table)
        columns: dict[str, Any] = dict(csv_table.columns)
        lines = csv_table.lines
        if isinstance(images, Files):
            naming, rows = labels.rows_of(csv_table, images.names, images.path)
            cells = {n: np.asarray(c, str)[rows] for n, c in columns.items() if n != naming}
            columns, lines = cells, [csv_table.lines[row] for row in rows]
        elif len(csv_table.lines) != images.count:
            of_table = counted(len(csv_table.lines), "row")
            raise DataError(f"{table} has {of_table}, {images.path} has {counted(images.count, 'image')}")
        if not columns:
            raise DataError(f"{table} has no column beside the one that names the files: leave labels= out")
        places = {name: f"{table}, column {name}" for name in columns}
    elif isinstance(images, Array):
        columns, unread = _arrays(images, chosen)
        places = {name: f"{images.path}: {name}" for name in columns}
    elif chosen is not None:
        raise DataError(f"factors= names columns of labels=FILE.csv, and {images.path} comes without")
    else:
        return {}, [], None
    chosen_columns = list(columns) if chosen is None else [c for n in dict.fromkeys(chosen) for c in _named(n, columns)]
    if missing := [name for name in chosen_columns if name not in columns]:
        raise DataError(f"there is no column {missing[0]!r}: factors= may name {', '.join(columns) or 'none'}")
    unused = [*(n for n in columns if n not in chosen_columns), *unread]
    return {n: (columns[n], places[n]) for n in chosen_columns}, unused, lines


def _named(name: str, columns: Mapping[str, Any]) -> list[str]:
    """The columns that a name stands for: the column itself, or all columns of the array of that name."""
    of_array = [column for column in columns if re.fullmatch(rf"{re.escape(name)}_\d+", column)]
    return of_array if name not in columns and of_array else [name]


def _arrays(images: Array, chosen: Sequence[str] | None) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Columns of arrays with one row an image: the chosen arrays, else an array of `LABELS`, else every vector.

    Returns:
        The columns, and the names of the arrays that are not read.
    """
    others = {n: h for n, h in images.heads.items() if n != images.array}
    heads = {n: h for n, h in others.items() if h.shape[:1] == (images.count,)}
    for name in (*LABELS, *(chosen or ())):
        if name in others and name not in heads:
            rows = counted(others[name].shape[0], "row") if others[name].shape else "no rows"
            raise DataError(f"{images.path}: {name} has {rows}, {images.array} has {counted(images.count, 'image')}")
    vectors = [n for n, h in heads.items() if len(h.shape) == 1]
    table = next((n for n in LABELS if n in heads and len(heads[n].shape) == 2), None)
    names = [table] if table else vectors
    if chosen is not None and set(chosen) <= heads.keys():
        names = list(chosen)
    columns: dict[str, NDArray[Any]] = {}
    for name in names:
        head = heads[name]
        if len(head.shape) > 2 or int(np.prod(head.shape)) > LARGEST_TABLE:
            raise DataError(f"{images.path}: {name} {head.shape} is no column, or columns, of labels")
        array = np.concatenate(list(npz.rows(images.path, name, 2**16)))
        if array.ndim == 1:
            columns[name] = array
        else:
            columns |= {f"{name}_{k}": array[:, k] for k in range(array.shape[1])}
    return columns, [n for n in others if n not in names]


def write(name: str, parts: Source, advance: Callable[[int], None] = lambda images: None) -> None:
    """Write a data set into its folder, completely or not at all.

    Args:
        name: its name, which `own.check_new` has accepted.
        parts: its images and factors.
        advance: called with the number of images that were written.

    Raises:
        DataError: an image is broken, or the images changed meanwhile.
        StoreError: the folder cannot be written.
    """
    with _draft(name) as folder:
        _fill(folder, name, parts, advance)
        folder.rename(own.card_path(name).parent)


def is_there(name: str, parts: Source, advance: Callable[[int], None] = lambda images: None) -> bool:
    """Whether a data set of the user's own has been written from the same images and factors; it reads every image.

    An `add` that was interrupted at its end has written all.

    Raises:
        DataError, StoreError: as `write`.
    """
    known = own.card_path(name).read_bytes()
    of_content = (b"version:", b"files:", b"grid:")
    described = [line for line in _text(_card(name, parts, {}, False)).splitlines() if not line.startswith(of_content)]
    if not {*described} <= {*known.splitlines()}:
        return False  # before images are read
    with _draft(name) as folder:
        _fill(folder, name, parts, advance)
        return (folder / own.CARD).read_bytes() == known


def _fill(folder: Path, name: str, parts: Source, advance: Callable[[int], None]) -> None:
    """Write the files of a data set."""
    images, factors = parts.images, parts.factors
    classes = np.stack([f.classes for f in factors], axis=1) if factors else np.zeros((images.count, 0), np.int64)
    values = np.stack([f.values for f in factors], axis=1) if factors else np.zeros((images.count, 0))
    places = _places(classes, tuple(f.size for f in factors))
    order = np.arange(images.count) if places is None else places
    _write_images(images, order, folder / own.IMAGES, advance)
    rows = np.argsort(order)
    for file, array in ((own.CLASSES, classes), (own.VALUES, values)):
        packed = io.BytesIO()  # of a full disk, numpy tells a number of bytes
        np.save(packed, array[rows], allow_pickle=False)
        (folder / file).write_bytes(packed.getvalue())
    checksums = {file: sha256_of(folder / file) for file in (own.IMAGES, own.CLASSES, own.VALUES)}
    (folder / own.CARD).write_bytes(_text(_card(name, parts, checksums, places is not None)))


def _card(name: str, parts: Source, checksums: Mapping[str, str], grid: bool) -> dict[str, Any]:
    """The card as plain values."""
    images, factors = parts.images, parts.factors
    shape, names = [images.size, images.size, images.channels], [f.name for f in factors]
    return {
        "name": name,
        "title": name,
        "loader": "own",
        "version": int(digest([shape, list(checksums.values()), names], 8), 16),
        "num_images": images.count,
        "image_shape": shape,
        "factor_names": names,
        "factor_sizes": [f.size for f in factors],
        "grid": grid,
        "licence": "the user's own",
        "citation": "",
        "homepage": "",
        "description": f"Pictures of {images.path.name}. {'. '.join(parts.remarks)}.",
        "options": {"asked": asdict(images.options), "classes": {f.name: list(f.starts) for f in factors}},
        "files": [{"name": f"{name}/{file}", "sha256": sha256} for file, sha256 in checksums.items()],
    }


def _text(card: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(card, sort_keys=False, allow_unicode=True).encode()


def _places(classes: NDArray[np.int64], sizes: tuple[int, ...]) -> NDArray[np.int64] | None:
    """The place of each image in row-major order; None unless every combination of factor values occurs once."""
    total = math.prod(sizes)
    if not sizes or total != len(classes):
        return None
    places = np.ravel_multi_index(tuple(classes.T), sizes).astype(np.int64)
    return places if len(np.unique(places)) == total else None


def _write_images(pictures: Pictures, order: NDArray[np.int64], path: Path, advance: Callable[[int], None]) -> None:
    """Write an .npy file whose row `order[i]` is the i-th image."""
    shape = (pictures.size, pictures.size, pictures.channels)
    head, an_image = header((pictures.count, *shape)), int(np.prod(shape))
    done = 0
    with path.open("wb") as out:
        out.write(head)
        for batch in pictures.images():
            for image in batch:
                out.seek(len(head) + int(order[done]) * an_image)
                out.write(np.ascontiguousarray(image).tobytes())
                done += 1
            advance(len(batch))
        out.flush()
        os.fsync(out.fileno())
    if done != pictures.count:
        raise DataError(f"{pictures.path} gave {done:,} images, not {pictures.count:,}: it changed meanwhile")


@contextmanager
def _draft(name: str) -> Iterator[Path]:
    """A temporary folder for a data set, removed at the end of the block unless it was renamed, as abandoned ones are.

    The writer holds a lock on it, so that others can tell it from one whose writer was killed.
    """
    parent = own_data_dir()
    folder = parent / f".{name}.adding-{secrets.token_hex(4)}"
    handle = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for abandoned in parent.glob(".*.adding-????????"):
            _remove_unlocked(abandoned)
        folder.mkdir()
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    except OSError as fault:
        raise StoreError(f"cannot write {fault.filename or parent}: {fault.strerror or fault}") from fault
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
