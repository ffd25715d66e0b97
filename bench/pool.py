"""One process a core, one thread a process: how many independent tasks run on CPUs.

Measured on two cores, this trains small models faster than stacking them. Workers live as long as the pool, so
importing torch is paid once each. They keep the function they were sent last: what it carries, such as a table in a
partial, is sent once each. A worker that is killed costs the task it was at; another takes its place.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from bench.grid import ConfigError
from bench.terminal import deaf_children, ended_by_sigterm, streams

GRACE_S = 1.0  # in which a worker that is told to end removes its temporary files
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_told: Callable[[float, str], None] | None = None


def report(amount: float, note: str = "") -> None:
    """Called inside a task: tell the parent that some of its work is done, and how it stands."""
    if _told is not None:
        _told(amount, note)


def _unheard(amount: float, note: str) -> None:
    """What is told to nobody."""


class Pool:
    """Worker processes that run tasks; use as a context. `processes`: how many; None: as many as cores.

    Raises:
        ConfigError: it is no number of processes.
    """

    def __init__(self, processes: int | None = None) -> None:
        if processes is not None and (type(processes) is not int or processes < 1):
            raise ConfigError(f"processes must be a whole number from 1, or null for all cores, got {processes!r}")
        self.processes = processes or available_cores()
        self.idle: list[_Worker] = []
        self.busy: dict[Connection, tuple[_Worker, int]] = {}

    def __enter__(self) -> Self:
        for name in THREAD_VARIABLES:
            os.environ.setdefault(name, "1")
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        workers = [*self.idle, *(worker for worker, _ in self.busy.values())]
        for worker in workers:
            worker.line.close()  # an idle worker ends at this
            if kind is not None:
                worker.process.terminate()  # nothing is lost: files are written whole
        deadline = time.monotonic() + GRACE_S
        for worker in workers:
            if kind is not None:
                worker.process.join(max(0.0, deadline - time.monotonic()))
                worker.process.kill()
            worker.process.join()

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        on_report: Callable[[float, str], None] = _unheard,
        killed: Any = None,
    ) -> Iterator[tuple[int, Any]]:
        """Call `function(*task)` for each task; yield (position, result) as they finish.

        Args:
            function: what workers call.
            tasks: its arguments.
            on_report: is given what tasks `report`.
            killed: stands for the result of a task whose worker was killed.

        Raises:
            Exception: what a task raised.
            ChildProcessError: a worker was killed, and nothing stands for its result.
        """
        waiting = deque(enumerate(tasks))
        while waiting or self.busy:
            while waiting and len(self.busy) < self.processes:
                position, task = waiting.popleft()
                self._give(position, function, task)
            for line in wait(list(self.busy)):
                worker, position = self.busy[line]  # type: ignore[index]
                try:
                    kind, value = worker.line.recv()
                except (EOFError, OSError):
                    kind, value = "killed", killed
                    if killed is None:
                        raise ChildProcessError("a worker process was killed, by a lack of memory perhaps") from None
                if kind == "report":
                    on_report(*value)
                    continue
                del self.busy[worker.line]
                if kind == "raised":
                    self.idle.append(worker)
                    raise value
                if kind == "result":
                    self.idle.append(worker)
                yield position, value

    def _give(self, position: int, function: Callable[..., Any], task: tuple[Any, ...]) -> None:
        worker = self.idle.pop() if self.idle else _Worker()
        try:
            worker.give(function, task)
        except OSError:  # killed while it was idle
            worker = _Worker()
            worker.give(function, task)
        self.busy[worker.line] = worker, position


class _Worker:
    """A process and the line to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, far = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(far,))
        with deaf_children():
            self.process.start()
        far.close()  # so that the line ends when the process does
        self._function: Callable[..., Any] | None = None

    def give(self, function: Callable[..., Any], task: tuple[Any, ...]) -> None:
        """Send a task, and the function unless it was the last one sent."""
        self.line.send((None if function is self._function else function, task))
        self._function = function


class Here(Pool):
    """The same interface without worker processes: tasks run in this one, in turn."""

    def __init__(self) -> None:
        super().__init__(1)

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        on_report: Callable[[float, str], None] = _unheard,
        killed: Any = None,
    ) -> Iterator[tuple[int, Any]]:
        """Call `function(*task)` for each task; yield (position, result) as they finish."""
        global _told
        _told = on_report
        for position, task in enumerate(tasks):
            yield position, function(*task)
        _told = None


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@streams()
@ended_by_sigterm()
def _work(line: Connection) -> None:
    """Workers leave ctrl-C to the parent, which ends them, and end by themselves when the parent was killed."""
    global _told
    _told = lambda amount, note: _send(line, ("report", (amount, note)))  # noqa: E731
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    function: Callable[..., Any] = print  # never called: the first message has another
    while True:
        try:
            given, task = line.recv()
        except (EOFError, ConnectionError):
            return
        function = given or function
        try:
            answer = "result", function(*task)
        except Exception as fault:
            answer = "raised", fault
        _send(line, answer)


def _send(line: Connection, message: tuple[str, Any]) -> None:
    """Tell the parent; where it was killed, end at once: its runs are not failed, but left for the next command."""
    try:
        line.send(message)
    except ConnectionError:
        os._exit(1)


@cache
def end_with_parent() -> None:
    """From now on this process ends when the one that started it does."""
    threading.Thread(target=_outlive, args=(os.getppid(),), daemon=True).start()


def _outlive(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
