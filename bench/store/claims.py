"""Claims on runs: leases, so that any number of processes on any machines work on one store and do each run once.

A claim is a file in the run's folder. The first is named `claim-0`. A claim that has expired is not removed: its
successor is a file named after its token. Only one process can make each name (a hard link never replaces a file), so
one of several processes gets a free run or an expired claim. The last claim of the chain that starts at `claim-0` holds
the run; removing `claim-0` releases it.

A heartbeat thread touches the claims of its process every minute; a claim untouched for ten minutes has expired. The
file system stamps both the claim and the new file of another claimant, so the clocks of machines do not matter. On one
machine a holder's death is seen at once, because a process keeps a lock on its claim while it lives.

A damaged claim (no token, a token that is in the chain already, no regular file) expires by its age like any other. A
claim whose time of change is in the future was stamped by a wrong clock: the process that reads it sets that time to
now. A claim without read permission is left alone.
"""

import errno
import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.progress import say_once
from bench.store.files import StoreError, check_regular, read_whole, temporary, this_boot
from bench.store.folders import RunFolder
from bench.store.record_types import ClaimRecord, parsed

EXPIRES_S = 600.0
HEARTBEAT_S = 60.0


@dataclass(frozen=True)
class Claim:
    """A run that this process works on."""

    folder: RunFolder
    path: Path
    token: str

    def holds(self) -> bool:
        """False if the claim expired (no heartbeat for EXPIRES_S) and another process took the run."""
        chain = _chain(self.folder)
        return bool(chain) and chain[-1].token == self.token


@contextmanager
def claiming(folders: Sequence[RunFolder], *, required: bool = False) -> Iterator[list[Claim | None]]:
    """Claim runs for the time of a block.

    Args:
        folders: of the runs.
        required: raise an error for a folder that this process may not write, instead of leaving the run to its owner.

    Yields:
        A claim for each of them; None where another process has it.

    Raises:
        StoreError: a folder cannot be written.
    """
    with ExitStack() as stack:
        claims = [stack.enter_context(_claiming(folder, required)) for folder in folders]
        stack.enter_context(_heartbeat([claim.path for claim in claims if claim is not None]))
        yield claims


def is_claimed(folder: RunFolder) -> bool:
    """Whether some process works on a run, by this machine's clock."""
    chain = _chain(folder)
    return bool(chain) and not chain[-1].expired(time.time())


@contextmanager
def _claiming(folder: RunFolder, required: bool) -> Iterator[Claim | None]:
    token = uuid.uuid4().hex
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        handle, draft = temporary(folder.path / "claim")
    except OSError as fault:
        if isinstance(fault, PermissionError) and not required:  # concerns this run alone: the others go on
            say_once(f"cannot write {folder.path}: {fault.strerror}: the run is left to its owner")
            yield None
            return
        raise StoreError(f"cannot write {folder.path}: {fault.strerror}") from fault
    with os.fdopen(handle, "wb", buffering=0) as file:  # a buffer would be written again, and fail again, as it closes
        try:
            _write(file, folder, token)
            claim = _publish(folder, draft, token)
        finally:
            draft.unlink(missing_ok=True)
        try:
            yield claim
        finally:
            if claim is not None:
                _release(claim)


def _write(file: Any, folder: RunFolder, token: str) -> None:
    """Write the claimant of the run; the file is locked before others can see it and until this process ends."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        machine = this_boot()
    except OSError:  # a file system without locks: a death is seen when the claim expires
        machine = ""
    try:
        note = {"token": token, "machine": machine, "host": socket.gethostname(), "pid": os.getpid()}
        text = json.dumps(note).encode()
        if file.write(text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
    except OSError as fault:
        raise StoreError(f"cannot write {folder.path}: {fault.strerror}") from fault


def _publish(folder: RunFolder, draft: Path, token: str) -> Claim | None:
    now = draft.stat().st_mtime
    chain = _chain(folder)
    if chain and not chain[-1].expired(now):
        _date_back(chain[-1], now)
        return None
    claim = Claim(folder, folder.claim(chain[-1].token if chain else "0"), token)
    if not _linked(draft, claim.path):
        return None
    if claim.holds():
        return claim
    claim.path.unlink()  # the run was finished and released since the chain was read
    return None


def _date_back(link: "_Link", now: float) -> None:
    """Set the time of a claim that was touched in the future to now, so that it expires."""
    if link.touched - now > EXPIRES_S / 10:
        try:
            os.utime(link.path, (now, now), follow_symlinks=False)
        except OSError as fault:
            say_once(f"{link.path} was touched in the future and cannot be set to now ({fault.strerror}): remove it")
        else:
            say_once(f"{link.path} was touched in the future: it is free in {EXPIRES_S / 60:.0f} minutes of silence")


def _linked(draft: Path, path: Path) -> bool:
    """Whether the draft got the name; a network file system may make the link and still report that it exists."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return draft.stat().st_nlink == 2
    except OSError as fault:
        raise StoreError(f"cannot claim {path.parent}: hard links are needed: {fault.strerror}") from fault
    return True


def _release(claim: Claim) -> None:
    chain = _chain(claim.folder)
    if chain and chain[-1].token == claim.token:
        for link in chain:  # removing the first one releases the run
            with suppress(OSError):  # what cannot be removed stays expired
                link.path.unlink()


@dataclass(frozen=True)
class _Link:
    """A claim as others see it."""

    path: Path
    token: str
    machine: str
    touched: float
    closed: bool = False  # no permission to read it

    def expired(self, now: float) -> bool:
        if self.machine and self.machine == this_boot() and not _locked(self.path):
            return True
        return not self.closed and now - self.touched > EXPIRES_S


def _chain(folder: RunFolder) -> list[_Link]:
    """The claims on a run, each the successor of the one before; none if it is free."""
    chain: list[_Link] = []
    tokens = {"0"}
    while (link := _read(folder.claim(chain[-1].token if chain else "0"), tokens)) is not None:
        chain.append(link)
        tokens.add(link.token)
    return chain


def _read(path: Path, tokens: set[str]) -> _Link | None:
    """A claim, or None; a damaged one, such as one whose token is in `tokens`, gets a token made from its name."""
    token = f"{path.name}-damaged"
    try:
        status = path.lstat()
        check_regular(status)
        note = parsed(read_whole(path), ClaimRecord)
        if note["token"] not in tokens:
            return _Link(path, note["token"], note["machine"], status.st_mtime)
    except FileNotFoundError:
        return None
    except PermissionError as fault:
        say_once(f"cannot read {path}: {fault.strerror}: the run is left to whoever claimed it")
        return _Link(path, token, "", time.time(), closed=True)
    except ValueError:
        pass
    except OSError as fault:
        raise StoreError(f"cannot read {path}: {fault.strerror}") from fault
    return _Link(path, token, "", status.st_mtime)


def _locked(path: Path) -> bool:
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


@contextmanager
def _heartbeat(paths: Sequence[Path]) -> Iterator[None]:
    """Touch claims every minute, from a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(paths, stop.wait), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(paths: Sequence[Path], stopped: Callable[[float], bool]) -> None:
    while not stopped(HEARTBEAT_S):
        for path in paths:
            with suppress(OSError):  # a claim that cannot be touched expires: see `Claim.holds`
                os.utime(path)
