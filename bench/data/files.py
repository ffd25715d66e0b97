"""The files of data sets: fetched from the first source that has them, and verified against the card.

A file is hashed once, when it arrives. A record beside it then keeps its checksum, size and modification time, so that
opening 377 MB costs nothing; a file without a matching record is hashed again.
"""

import gzip
import hashlib
import http.client
import io
import logging
import os
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from bench.data.base import Card, DataError, File
from bench.store.files import StoreError, read_json, remove_orphans, sha256_of, write_json, write_text, writing

log = logging.getLogger(__name__)

State = Literal["ready", "not fetched", "damaged"]
Contents = Mapping[str, Iterable[bytes]]  # a file's name -> its bytes, in pieces
TIMEOUT_S = 5.0
LARGEST = 1 << 30  # most bytes of a file from a mirror, compressed and decompressed


class NoSourceError(DataError):
    """No source has a data set's files; the message lists the error of each attempt."""


@dataclass(frozen=True)
class Source:
    """A place to get files from. `give` returns their contents, or raises a DataError that says why it cannot."""

    title: str  # for messages, such as "downloading from HOST"
    give: Callable[[Sequence[File]], Contents]


def place(file: File, folder: Path) -> Path:
    """The path of a file: under its name, or else the first of its `unpacked` paths that exists."""
    original = folder / file.name
    stand_ins = [folder / p for p in file.unpacked if (folder / p).is_file() or (folder / p).is_dir()]
    return original if original.is_file() or not stand_ins else stand_ins[0]


def state_of(file: File, folder: Path, *, every_byte: bool = False) -> State:
    """Whether a file exists and matches its card; `every_byte` hashes it even if its record matches."""
    path = place(file, folder)
    if not path.exists():
        return "not fetched"
    recorded = _recorded(path)
    kind, expected = _expected(file, folder) or _pinned(recorded) or ("sha256", None)
    if not every_byte and recorded == _marks((kind, expected), path):
        return "ready"
    checksum = _digest(path, kind)
    if checksum != (expected or checksum):
        if _expected(file, folder):  # its record is invalid: without it the next `obtain` replaces the file
            with suppress(OSError):
                record_path(path).unlink(missing_ok=True)
        return "damaged"
    _record(path, _marks((kind, checksum), path))
    return "ready"


def accepted(card: Card, folder: Path, sha256: str) -> Path:
    """Record that the file with this checksum is accepted in place of the card's; returns its path.

    Raises:
        DataError: no file has it; the message names the checksums of all files.
        StoreError: the folder cannot be written.
    """
    digests = {folder / f.name: sha256_of(folder / f.name) for f in card.files if (folder / f.name).is_file()}
    for path, digest in digests.items():
        if digest == sha256.strip().lower():
            write_text(_accepted_path(path), f"{digest}\n")
            return path
    listing = "".join(f"\n  {path}: sha256 {digest}" for path, digest in digests.items())
    listing = listing or " none of its files is there"
    raise DataError(f"no file of {card.name} has the sha256 {sha256}:{listing}")


def _expected(file: File, folder: Path) -> tuple[str, str] | None:
    """The checksum that a file must have: accepted by the user, or the card's. None: the recorded first one."""
    path = place(file, folder)
    if path != folder / file.name:
        return None
    with suppress(OSError):
        return "sha256", _accepted_path(path).read_text(encoding="utf-8").strip()
    return file.checksum


def _digest(path: Path, kind: str = "sha256") -> str:
    """The digest of a file, or of the names and contents of a folder's files."""
    if path.is_file():
        return sha256_of(path, kind)
    hasher = hashlib.new(kind)
    for part in sorted(path.iterdir()):
        if part.is_file():
            hasher.update(f"{part.name} {sha256_of(part, kind)}\n".encode())
    return hasher.hexdigest()


def obtain(card: Card, folder: Path, sources: Iterable[Source]) -> None:
    """Put every missing or damaged file of a card in place, from the first source that has them.

    Raises:
        NoSourceError: no source has them; the message lists the attempts.
        StoreError: the folder cannot be written.
    """
    for parent in {(folder / file.name).parent for file in card.files}:
        with suppress(OSError):
            remove_orphans(parent, os.listdir(parent))
    states = {file: state_of(file, folder) for file in card.files}
    missing = [file for file in card.files if states[file] != "ready"]
    if not missing:
        return
    for file in missing:
        if states[file] == "damaged":
            log.warning("%s: %s is damaged, replacing it", card.name, folder / file.name)
    failures = []
    for source in sources:
        log.info("%s: %s", card.name, source.title)
        try:
            contents = source.give(missing)
            for file in missing:
                _save(file, folder, contents[file.name])
            return
        except DataError as fault:
            failures.append(f"\n  {source.title}: {fault}")
    names = ", ".join(str(folder / file.name) for file in missing)
    raise NoSourceError(f"{card.name} needs {names}; no source has them whole. Tried:{''.join(failures)}")


def require(name: str, files: Iterable[File], folder: Path) -> None:
    """Check that the files that a user downloads by hand are in place and undamaged.

    Raises:
        NoSourceError: some are not; the message says where each comes from and where it goes.
    """
    states = {file: state_of(file, folder) for file in files}
    faults = "".join(f"\n  {_mend(name, file, folder, state)}" for file, state in states.items() if state != "ready")
    if faults:
        raise NoSourceError(f"{name} is read from files that you download yourself:{faults}")


def converted(card: Card, folder: Path, pieces: Callable[[], Iterable[bytes]], name: str = "images.npy") -> Path:
    """NAME/images.npy or another file, written once from a card's files, and again after any of them changed.

    Raises:
        StoreError: the folder cannot be written.
    """
    path = folder / card.name / name
    made_of = {"version": card.version, "files": [origin(file, folder) for file in card.files]}
    if not (path.is_file() and _recorded(path) == made_of | _size_and_time(path)):
        log.info("%s: converting its files into %s (once)", card.name, path)
        with writing(path) as out:
            for piece in pieces():
                out.write(piece)
        _record(path, made_of | _size_and_time(path))
    return path


def origin(file: File, folder: Path) -> list[str]:
    """The kind and value of the checksum of a file that another is converted from; empty if none is known."""
    unpacked = place(file, folder) != folder / file.name
    known = _pinned(_recorded(place(file, folder))) if unpacked else _expected(file, folder)
    return list(known or ())


def beside(folder: Path) -> Source:
    """A source: compressed files NAME.gz that the user put into the folder."""

    def give(files: Sequence[File]) -> Contents:
        return {f.name: _decompressed(_read(folder / f"{f.name}.gz")) for f in files}

    return Source(f"looking for .gz files in {folder}", give)


def mirrors(card: Card) -> list[Source]:
    """A source for each mirror; the n-th consists of the n-th addresses of the card's files."""

    def give(mirror: int, files: Sequence[File]) -> Contents:
        return {f.name: _decompressed(_download(f.urls[mirror])) for f in files}

    addresses = card.files[0].urls
    return [Source(f"downloading from {urlsplit(url).hostname}", partial(give, i)) for i, url in enumerate(addresses)]


def _save(file: File, folder: Path, pieces: Iterable[bytes]) -> None:
    """Write a file, and keep it only if its checksum is the card's."""
    if file.checksum is None:
        raise DataError(f"{file.name} is a file of your choice: nothing else is put in its place")
    path = folder / file.name
    kind, expected = file.checksum
    hasher = hashlib.new(kind)
    with writing(path) as out:
        for piece in pieces:
            hasher.update(piece)
            out.write(piece)
        if hasher.hexdigest() != expected:
            raise DataError(f"wrong checksum of {file.name}: {kind} {hasher.hexdigest()}, not {expected}")
    _accepted_path(path).unlink(missing_ok=True)  # a file that was accepted in its place is replaced now
    _record(path, _marks(file.checksum, path))


def _mend(name: str, file: File, folder: Path, state: State) -> str:
    path, url = place(file, folder), " or ".join(file.urls)
    if expected := _expected(file, folder):
        checksum = " ".join(expected)
        if state == "not fetched":
            unpacked = f", or unpack it to {folder / file.unpacked[0]}" if file.unpacked else ""
            return f"{path} is not fetched: save {url} there ({checksum}){unpacked}"
        sha256 = sha256_of(path)
        return (
            f"{path} is damaged: save {url} there ({checksum}). The file there has the sha256 {sha256}: if its makers "
            f"replaced the file and this is the new one, `python -m bench data dataset={name} accept={sha256}` takes it"
        )
    if state == "not fetched":
        return f"{path} is not fetched: save one of your choice there; the study's is {url}"
    record = record_path(path).name
    return f"{path} is not the one first used: put that back, or delete {record} and every result made with it"


def _marks(checksum: tuple[str, str | None], path: Path) -> dict[str, Any]:
    return {"checksum": list(checksum)} | _size_and_time(path)


def _size_and_time(path: Path) -> dict[str, Any]:
    """Total size and last modification of a file, or of all files of a folder."""
    stats = [part.stat() for part in (path.iterdir() if path.is_dir() else (path,)) if part.is_file()]
    return {"size": sum(s.st_size for s in stats), "changed_ns": max((s.st_mtime_ns for s in stats), default=0)}


def _accepted_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.accepted")


def _pinned(recorded: Any) -> tuple[str, str] | None:
    """The checksum in a record, if it is one of sha256."""
    match recorded:
        case {"checksum": ["sha256", str(value)]}:
            return "sha256", value
    return None


def record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified.json")


def _recorded(path: Path) -> Any:
    try:
        return read_json(record_path(path))
    except StoreError:
        return None


def _record(path: Path, marks: Mapping[str, Any]) -> None:
    with suppress(StoreError):  # a read-only folder: the file is hashed each time instead
        write_json(record_path(path), marks)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise DataError(f"{path.name}: {fault.strerror}") from fault


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            packed = bytes(answer.read(LARGEST + 1))
    except (OSError, http.client.HTTPException) as fault:
        raise DataError(f"{url}: {fault}") from fault
    if len(packed) > LARGEST:
        raise DataError(f"{url} gives more than {LARGEST >> 20:,} MB")
    return packed


def _decompressed(packed: bytes) -> Iterator[bytes]:
    """The decompressed bytes of a gzip file, in pieces, up to `LARGEST`: they are verified only after the last one."""
    size = 0
    try:
        with gzip.open(io.BytesIO(packed)) as file:
            while piece := file.read(1 << 20):
                size += len(piece)
                if size > LARGEST:
                    raise DataError(f"it unpacks to more than {LARGEST >> 20:,} MB")
                yield piece
    except (OSError, EOFError, zlib.error) as fault:
        raise DataError(f"not a whole gzip file: {fault}") from fault
