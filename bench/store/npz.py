"""The arrays of an .npz file from elsewhere: nothing is unpickled, and no array may take too much memory.

`read_npz` returns whole arrays, `heads` the header of each, and `rows` yields a large array block by block.
"""

import io
import math
import os
import zipfile
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.store.files import StoreError

MEND = "np.savez('mine.npz', codes=codes, factors=factors) writes one that can be read"
HEADER = 2**16  # bytes at the start of an array that hold its type and shape
PIECE = 2**20
SHARE = 8  # an array may take 1/SHARE of the machine's memory: scoring needs several times its size
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the two ways that numpy writes


@dataclass(frozen=True)
class Head:
    """The header of an array; its content begins `start` bytes after the beginning of the member."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool
    start: int


def read_npz(path: Path, names: Container[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The named arrays of a file that exist, by name, and the names of all its arrays.

    Raises:
        StoreError: it is no .npz file, is damaged, or an array holds objects or is too large; the message is one line
            that names the file.
    """
    with _opened(path) as (archive, members):
        return {n: _array(archive, n, m) for n, m in members.items() if n in names}, list(members)


def heads(path: Path, mend: str = MEND) -> dict[str, Head]:
    """The header of each array of a file, by name; members that are no arrays are left out.

    Args:
        path: the file.
        mend: how to write a valid file, for the error message.

    Raises:
        StoreError: it is no .npz file, or is damaged.
    """
    headers = {}
    with _opened(path, mend) as (archive, members):
        for name, member in members.items():
            try:
                headers[name] = _head(archive, name, member)
            except ValueError:
                continue
    return headers


def rows(path: Path, name: str, step: int) -> Iterator[NDArray[Any]]:
    """Yield an array of a file, `step` rows at a time.

    Raises:
        StoreError: the file is damaged, the array holds objects or is stored by columns.
    """
    with _opened(path) as (archive, members):
        member = members[name]
        head = _checked(archive, name, member)
        if head.by_columns and len(head.shape) > 1:
            raise ValueError(f"{name} is stored by columns; save np.ascontiguousarray({name})")
        row_size = math.prod(head.shape[1:])
        with archive.open(member) as file:
            file.read(head.start)
            for first in range(0, head.shape[0], step):
                count = min(step, head.shape[0] - first)
                content = file.read(count * row_size * head.dtype.itemsize)
                if len(content) < count * row_size * head.dtype.itemsize:
                    raise ValueError(f"{member.filename} is cut short")
                yield np.frombuffer(content, head.dtype).reshape(count, *head.shape[1:])


@contextmanager
def _opened(path: Path, mend: str = MEND) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """The archive and its members by the names of their arrays; any failure becomes a StoreError of one line."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is not a file")
        with zipfile.ZipFile(path) as archive:
            members = {m.filename.removesuffix(".npy"): m for m in archive.infolist()}
            if any(name.endswith("data.pkl") for name in members):
                raise ValueError(f"it is a file of torch; {mend}")
            yield archive, members
    except zipfile.BadZipFile as fault:
        raise StoreError(f"cannot read {path}: {_not_zipped(path, mend) or fault}") from fault
    except OSError as fault:
        raise StoreError(f"cannot read {path}: {fault.strerror or fault}") from fault
    except Exception as fault:  # the errors for damaged archives and headers are not documented
        lines = str(fault).strip().splitlines() or [type(fault).__name__]
        raise StoreError(f"cannot read {path}: {lines[0][:300]}") from fault


def _not_zipped(path: Path, mend: str) -> str:
    """What a file is that is no zip archive, in words; "" if it begins like an archive."""
    with path.open("rb") as file:
        first = file.read(6)
    if first == np.lib.format.MAGIC_PREFIX:
        return f"it is a single array, not an .npz of several; {mend}"
    return "" if first.startswith(b"PK") else f"it is no .npz file; {mend}"


def _array(archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo) -> NDArray[Any]:
    head = _checked(archive, name, member)
    if math.prod(head.shape) * 8 > _memory() / SHARE:
        raise ValueError(f"{name} {head.shape} takes more than an eighth of this machine's memory; save fewer rows")
    content = np.frombuffer(_content(archive, member, head.start), head.dtype)
    return content.reshape(head.shape, order="F" if head.by_columns else "C")


def _checked(archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo) -> Head:
    """The header of an array of numbers or text whose size is what the header says."""
    head = _head(archive, name, member)
    if head.dtype.hasobject:
        raise ValueError(f"{name} holds pickled objects, which are never unpickled; save it as numbers")
    if not all(type(length) is int and length >= 0 for length in head.shape):
        raise ValueError(f"the header of {name} says the shape {head.shape}")
    size, actual = math.prod(head.shape) * head.dtype.itemsize, member.file_size - head.start
    if size != actual:
        raise ValueError(f"the header of {name} says {size:,} bytes, it holds {actual:,}")
    return head


def _head(archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo) -> Head:
    if member.compress_type not in PACKED:
        raise ValueError(f"{name} is compressed as numpy never does")
    with archive.open(member) as file:
        head = io.BytesIO(file.read(HEADER))
    first = np.lib.format.read_magic(head) == (1, 0)
    try:
        shape, by_columns, dtype = (
            np.lib.format.read_array_header_1_0(head) if first else np.lib.format.read_array_header_2_0(head)
        )
    except Exception as fault:
        raise ValueError(f"the header of {name} is damaged") from fault
    return Head(shape, dtype, by_columns, head.tell())


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, start: int) -> bytearray:
    """The content behind the header, decompressed piece by piece, at most as long as the archive says."""
    content = bytearray()
    with archive.open(member) as file:
        file.read(start)
        while piece := file.read(PIECE):
            content += piece
    if len(content) != member.file_size - start:
        raise ValueError(f"{member.filename} is cut short")
    return content


def _memory() -> int:
    """Bytes of the machine's memory; 8 GB if unknown."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30
