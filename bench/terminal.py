"""How a command treats its terminal: streams that cannot be written do not end it, ctrl-C ends it cleanly."""

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any, TextIO

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READER_GONE = (errno.EPIPE, errno.EIO, errno.EBADF)  # a closed pipe, a terminal that went away


class Interrupted(SystemExit):
    """A signal asked this process to end; the exit code is 128 + its number, as in shells."""


class _Lenient(io.FileIO):
    """A file to write to whose errors are not raised; `fault` is the first of them."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.fault: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as fault:
            self.fault = self.fault or fault
            return memoryview(data).nbytes


@contextmanager
def streams() -> Iterator[None]:
    """In this block, writing to standard output and error never raises.

    A closed stream becomes the null device, letters that cannot be encoded are escaped, and text that cannot be written
    is dropped, so that work continues though nobody reads its messages. A reader that closed its end is no error; any
    other error of standard output, such as a full disk, ends the block with exit code 1.
    """
    for descriptor in range(3):
        _open(descriptor)
    original = sys.stdout, sys.stderr
    sys.stdout, output = _lenient(sys.stdout, 1)
    sys.stderr, _ = _lenient(sys.stderr, 2)
    ended: SystemExit | None = None
    try:
        yield
    except SystemExit as end:
        ended = end
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = original
    fault = output.fault if output is not None else None
    if fault is not None and fault.errno not in READER_GONE and not (ended is not None and ended.code):
        ended = SystemExit(f"standard output cannot be written: {fault.strerror}")
    if ended is not None:
        raise ended


def _open(descriptor: int) -> None:
    """Open the null device at a closed descriptor: else the next opened file would get its number."""
    try:
        os.fstat(descriptor)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, descriptor)  # children inherit it
        if null != descriptor:
            os.close(null)
        os.set_inheritable(descriptor, True)


def _lenient(stream: TextIO | None, descriptor: int) -> tuple[TextIO, _Lenient | None]:
    """A lenient stream in place of one, and its file; a stream without a descriptor is returned unchanged."""
    if stream is not None:
        try:
            stream.flush()
            descriptor = stream.fileno()
        except (AttributeError, OSError, ValueError):  # a notebook's, or one that is closed
            return stream, None
    raw = _Lenient(descriptor)
    encoding, lines = getattr(stream, "encoding", "utf-8"), getattr(stream, "line_buffering", True)
    through = getattr(stream, "write_through", False)
    buffer = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffer, encoding, "backslashreplace", None, lines, through), raw


@contextmanager
def interruptible() -> Iterator[None]:
    """In this block ctrl-C, SIGTERM and SIGHUP end the command with one line, after open contexts have cleaned up.

    A second signal ends it at once. Signals that were ignored before, as under nohup, stay ignored.
    """
    received: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)
        for other in handlers:
            signal.signal(other, signal.SIG_DFL)
        raise Interrupted(128 + number)

    handlers = {s: h for s in ENDING if (h := signal.getsignal(s)) not in (signal.SIG_IGN, None)}
    for number in handlers:
        signal.signal(number, end)
    try:
        yield
    except BaseException:
        if not received:  # else it is the interruption, perhaps converted by a library
            raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if received:
        print("interrupted: what is finished is kept, the same command continues", file=sys.stderr)
        sys.exit(128 + received[0])


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes started in this block never receive ctrl-C, not even while they start: this process ends them."""
    resource_tracker.ensure_running()  # its start would unblock the signal
    original = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, original)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """In this block SIGTERM is an exception, so that temporary files are removed and claims released."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    except Interrupted:
        signal.raise_signal(signal.SIGTERM)  # by its default handler: the parent sees which signal ended this process
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _leave(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise Interrupted(128 + number)
