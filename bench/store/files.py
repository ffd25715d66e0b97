"""Files are written atomically (completely or not at all) and read back with a limit on their size.

A file is written as `.NAME.MACHINE-RANDOM`, synced, and renamed. Its writer holds a lock on it until the rename, which
tells a file that is being written from an orphan of a killed writer: a file of this machine is an orphan when its lock
is free, one of another machine when it was not touched for a day by the file system's clock. Each writer removes the
orphans in its folder.
"""

import errno
import fcntl
import hashlib
import json
import math
import os
import re
import secrets
import socket
import stat
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

LARGEST_RECORD = 64 * 2**20  # bytes; 300,000 logged steps of losses take half as many
READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe without a writer does not block
ORPHAN_S = 86_400.0  # how long a file of another machine is untouched before it counts as an orphan
TEMPORARY = re.compile(
    r"\..+\.(?P<machine>[0-9a-f]{8})-[0-9a-f]{8}"
    r"|\..+\.(?:json|csv|gz|yaml|parquet|safetensors|np[yz]|md|html|pdf|png|gif)\.[a-z0-9_]{8}"  # of earlier versions
)


class StoreError(RuntimeError):
    """A file of the store cannot be read or written; the message names it."""


@cache
def this_boot() -> str:
    """An id of this boot of this machine, shared by the processes that see each other's locks."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return boot.read_text().strip() if boot.exists() else f"{socket.gethostname()} {uuid.getnode()}"


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears under its name only when it is whole: temporary name, fsync, rename.

    Its mode is 0666 less the umask; that of a new folder is 0777 less the umask.

    Raises:
        StoreError: the folder cannot be written or the disk is full; what was there before is untouched.
    """
    draft = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = temporary(path)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(draft, path)  # before closing releases the lock
        draft = None
    except OSError as fault:
        raise StoreError(f"cannot write {path}: {fault.strerror or fault}") from fault
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def temporary(path: Path) -> tuple[int, Path]:
    """A new file beside `path`, locked until its handle is closed; orphans beside it are removed.

    Returns:
        Its handle and its name.

    Raises:
        OSError: the folder cannot be written.
    """
    while True:
        name = path.with_name(f".{path.name}.{_machine()}-{secrets.token_hex(4)}")
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if _locked(handle, fcntl.LOCK_EX) is not False and os.fstat(handle).st_nlink:
            with suppress(OSError):  # a folder that may be written but not listed
                remove_orphans(path.parent, os.listdir(path.parent), os.fstat(handle).st_mtime)
            return handle, name
        os.close(handle)  # another process removed it as an orphan before it was locked
        name.unlink(missing_ok=True)


def remove_orphans(folder: Path, names: Iterable[str], now: float = -math.inf) -> None:
    """Remove the files that killed writers left behind.

    Args:
        folder: to clear.
        names: of the files in it.
        now: the time by its file system's clock; without it, files of other machines are left alone.
    """
    for name in names:
        if name[0] == "." and (match := TEMPORARY.fullmatch(name)):
            with suppress(OSError):  # removed by another process, or no permission
                _remove_orphan(folder / name, match["machine"] == _machine(), now)


def _remove_orphan(path: Path, ours: bool, now: float) -> None:
    handle = os.open(path, READING | os.O_NOFOLLOW)
    try:
        free = _locked(handle, fcntl.LOCK_SH)
        if (free and ours) or (free is not False and now - os.fstat(handle).st_mtime > ORPHAN_S):
            path.unlink()
    finally:
        os.close(handle)


def _locked(handle: int, kind: int) -> bool | None:
    """Whether this process has the lock now; None on a file system without locks."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@cache
def _machine() -> str:
    return hashlib.blake2b(this_boot().encode(), digest_size=4).hexdigest()


def read_whole(path: Path | str, size: int = -1) -> bytes:
    """The bytes of a record; one system call if it has the expected size, in half the time of a file object.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, or larger than any record is.
    """
    file = os.open(path, READING)
    try:
        if size >= 0 and len(text := os.read(file, size + 1)) == size:
            return text
        status = os.fstat(file)
        check_regular(status, LARGEST_RECORD)
        os.lseek(file, 0, os.SEEK_SET)
        with os.fdopen(file, "rb", closefd=False) as opened:
            return opened.read(status.st_size)  # allocates the buffer once
    finally:
        os.close(file)


def check_regular(status: os.stat_result, largest: float = math.inf) -> None:
    """Raise a ValueError unless this is a regular file of at most `largest` bytes."""
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no regular file")
    if status.st_size > largest:
        raise ValueError(f"it has {status.st_size:,} bytes, more than {largest:,}")


def is_out_of_reach(fault: BaseException | None) -> bool:
    """Whether an error is one of access (no permission, a disk that does not answer), so that the file may be whole."""
    of_the_file = (errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ENXIO)
    return isinstance(fault, OSError) and fault.errno is not None and fault.errno not in of_the_file


def printable(text: str, longest: int = 500) -> str:
    """Text as one line that is safe in a terminal."""
    plain = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return plain if len(plain) <= longest else f"{plain[:longest]}..."


def remove(path: Path) -> None:
    """Remove a file, if there is one.

    Raises:
        StoreError: it cannot be removed; the message names it.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        raise StoreError(f"cannot remove {path}: {fault.strerror}") from fault


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, in UTF-8."""
    with writing(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with writing(path) as file:
        file.write(f"{text}\n".encode(errors="replace"))  # a lone surrogate, as in a file name, cannot be encoded


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        StoreError: missing, not JSON, or larger than any record; the message names the file.
    """
    try:
        return orjson.loads(read_whole(path))
    except (OSError, ValueError) as fault:
        raise StoreError(f"cannot read {path}: {fault}") from fault


def sha256_of(path: Path, hash_name: str = "sha256") -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, hash_name).hexdigest()


canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def digest(value: Any, length: int = 12) -> str:
    """A short hash of a JSON value, independent of key order."""
    return digest_of(canonical(value), length)


def digest_of(text: str, length: int = 12) -> str:
    """A short hash of text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def generator_of(value: Any) -> np.random.Generator:
    """Random numbers that are a function of a JSON value, on every machine.

    Example:
        >>> generator_of(["pool", "dsprites", 100]).integers(1000, size=3)
        array([112, 830, 801])
    """
    return np.random.default_rng(int(digest(value), 16))


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, str] | None = None) -> None:
    """Write named arrays and short notes whole, as safetensors."""
    from safetensors.numpy import save

    with writing(path) as file:
        file.write(save({n: np.asarray(a, order="C") for n, a in arrays.items()}, dict(notes or {})))


def read_arrays(
    path: Path, rows: NDArray[np.int64] | None = None, only: Collection[str] | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Named arrays and notes of a safetensors file.

    Args:
        path: of the file.
        rows: those of each array that are read; None: all.
        only: the names of the arrays that are read; None: all.

    Raises:
        StoreError: missing, truncated or not safetensors; the message names the file.
    """
    from safetensors import SafetensorError, safe_open

    def array(file: Any, name: str) -> NDArray[Any]:
        if rows is None:
            return np.asarray(file.get_tensor(name))
        parts = file.get_slice(name)
        return np.concatenate([parts[i : i + 1] for i in rows.tolist()])

    try:
        check_regular(path.stat())
        os.close(os.open(path, os.O_RDONLY))  # raises an OSError that names the reason, as safe_open does not
        with safe_open(path, framework="numpy") as file:
            return {n: array(file, n) for n in only or file.keys()}, file.metadata() or {}
    except (OSError, ValueError, TypeError, SafetensorError) as fault:  # TypeError: a number format that numpy lacks
        raise StoreError(f"cannot read {path}: {fault}") from fault
