"""Files that stand under their name whole or not at all, and that are read back with a limit.

A file is written as `.NAME.MACHINE-RANDOM`, synced, and renamed. Its writer holds a lock on it until it has its name,
so what a killed writer left behind can be told from what another is writing: a file of this machine is an orphan when
its lock is free, one of another machine when it was not touched for a day by the file system's clock. Whoever writes
into a folder removes the orphans there.
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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

LARGEST_RECORD = 64 * 2**20  # bytes; the losses of 300,000 steps, each logged, have half as many
READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe without a writer, too, has an end
ORPHAN_S = 86_400.0  # how long a file of another machine is untouched before it counts as an orphan
TEMPORARY = re.compile(
    r"\..+\.(?P<machine>[0-9a-f]{8})-[0-9a-f]{8}"
    r"|\..+\.(?:json|csv|gz|yaml|parquet|safetensors|np[yz]|md|html|pdf|png|gif)\.[a-z0-9_]{8}"  # of earlier versions
)


class StoreError(RuntimeError):
    """A file of the store cannot be read or written; the message names it."""


@cache
def this_boot() -> str:
    """What processes that can see each other's locks share: this boot of this machine."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return boot.read_text().strip() if boot.exists() else f"{socket.gethostname()} {uuid.getnode()}"


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears under its name only when it is whole: temporary name, fsync, rename.

    Its mode is what the umask leaves of 0666, as that of a folder is what it leaves of 0777.

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
            os.replace(draft, path)  # before it is closed, which gives up the lock
        draft = None
    except OSError as fault:
        raise StoreError(f"cannot write {path}: {fault.strerror or fault}") from fault
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def temporary(path: Path) -> tuple[int, Path]:
    """A new file beside `path`, locked until its handle is closed; what killed writers left beside it is removed.

    Returns:
        Its handle and its name.

    Raises:
        OSError: the folder cannot be written.
    """
    while True:
        name = path.with_name(f".{path.name}.{_machine()}-{secrets.token_hex(4)}")
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if _locked(handle, fcntl.LOCK_EX) is not False and os.fstat(handle).st_nlink:
            with suppress(OSError):  # a folder that may be written and not be listed
                remove_orphans(path.parent, os.listdir(path.parent), os.fstat(handle).st_mtime)
            return handle, name
        os.close(handle)  # taken for an orphan before it was locked
        name.unlink(missing_ok=True)


def remove_orphans(folder: Path, names: Iterable[str], now: float = -math.inf) -> None:
    """Remove what writers that are gone left behind.

    Args:
        folder: where.
        names: what it holds.
        now: by the clock of its file system; without it, files of other machines are left alone.
    """
    for name in names:
        if name[0] == "." and (match := TEMPORARY.fullmatch(name)):
            with suppress(OSError):  # another has removed it, or may and this process may not
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
    """A record whole; in one call if it has the expected size, which is half of a file object's time.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, or larger than any record is.
    """
    file = os.open(path, READING)
    try:
        if size >= 0 and len(text := os.read(file, size + 1)) == size:
            return text
        about = os.fstat(file)
        check_regular(about, LARGEST_RECORD)
        os.lseek(file, 0, os.SEEK_SET)
        with os.fdopen(file, "rb", closefd=False) as whole:
            return whole.read(about.st_size)  # room is made for as much at once
    finally:
        os.close(file)


def check_regular(about: os.stat_result, largest: float = math.inf) -> None:
    """Raise a ValueError unless this is a regular file of so many bytes at most."""
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is no regular file")
    if about.st_size > largest:
        raise ValueError(f"it has {about.st_size / 2**20:,.0f} MB, more than any record")


def is_out_of_reach(fault: BaseException | None) -> bool:
    """Whether an error is one of access (no permission, a disk that does not answer), which says nothing of a file."""
    of_the_file = (errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ENXIO)
    return isinstance(fault, OSError) and fault.errno is not None and fault.errno not in of_the_file


def printable(text: str, longest: int = 500) -> str:
    """Text that is safe in a terminal and one line long, whatever a file or its name holds."""
    plain = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return plain if len(plain) <= longest else f"{plain[:longest]}..."


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with writing(path) as file:
        file.write(f"{text}\n".encode(errors="replace"))  # half a surrogate pair, as in the name of a file, is no text


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


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, str] | None = None) -> None:
    """Write named arrays and short notes whole, as safetensors."""
    from safetensors.numpy import save

    with writing(path) as file:
        file.write(save({n: np.asarray(a, order="C") for n, a in arrays.items()}, dict(notes or {})))


def read_arrays(path: Path, rows: NDArray[np.int64] | None = None) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Named arrays and notes of a safetensors file; with `rows`, those rows of each array, and nothing else is read.

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
        os.close(os.open(path, os.O_RDONLY))  # says by itself what keeps it from being read
        with safe_open(path, framework="numpy") as file:
            return {n: array(file, n) for n in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, ValueError, TypeError, SafetensorError) as fault:  # TypeError: a number format numpy has not
        raise StoreError(f"cannot read {path}: {fault}") from fault
