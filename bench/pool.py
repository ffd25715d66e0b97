"""One process a core, one thread a process: how many independent tasks run on CPUs.

Measured on two cores, this trains small models faster than stacking them. Workers live as long as the pool, so
each imports torch once. A worker keeps the function that it was sent last, so that data bound to it, such as a table
in a partial, is sent to it once. If a worker's process ends, its current task is lost and a new worker replaces it.
"""

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from bench.terminal import deaf_children, ended_by_sigterm, streams
from bench.values import ConfigError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

LOOK_S = 1.0  # between two checks of silent processes
TOGETHER_S = 0.3  # within which processes that are killed together have all ended
GRACE_S = 10.0  # for idle workers to end by themselves
CLEANING_S = 1.0  # for terminated workers to remove the files they were writing

Message = tuple[str, Any]
_up: Callable[[Message], None] | None = None


def report(amount: float, note: str = "") -> None:
    """Called inside a task: report progress to the parent, an amount of work and a note."""
    _send_up(("report", (amount, note)))


def tell(value: Any) -> None:
    """Called inside a task: send the parent a partial result, which survives the end of this process."""
    _send_up(("told", value))


def limit(seconds: float | None) -> None:
    """Called inside a task: end this process after so many seconds; replaces the limit before, None lifts it."""
    _send_up(("limit", seconds))


def _send_up(message: Message) -> None:
    if _up is not None:
        _up(message)


def _drop(amount: float, note: str) -> None:
    """Drop a report."""


@dataclass(frozen=True)
class Ending:
    """How a worker's process ended before it had finished its task; `str` gives it in words.

    Attributes:
        code: its exit code; minus the signal that ended it.
        late: its time limit in seconds, if it was exceeded.
    """

    code: int
    late: float | None = None

    @property
    def requested(self) -> bool:
        """Whether a signal requested the end, as from a cluster that takes its node back: the task is not to blame."""
        return -self.code in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)

    def __str__(self) -> str:
        if self.late is not None:
            return f"it took longer than {self.late:g} s"
        if self.code >= 0:
            return f"its process ended itself with exit code {self.code}"
        named = {s.value: s.name for s in signal.Signals}.get(-self.code, f"signal {-self.code}")
        return f"its process was ended by {named}{', for a lack of memory perhaps' if named == 'SIGKILL' else ''}"


class Pool:
    """Worker processes that run tasks; use as a context. `processes`: how many; None: one a core.

    Raises:
        ConfigError: `processes` is not a whole number from 1.
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
        patience = time.monotonic() + (GRACE_S if kind is None else CLEANING_S)
        for worker in workers:
            worker.process.join(max(0.0, patience - time.monotonic()))
            worker.process.kill()  # a task may have left a thread that never ends, or be in a long call
            worker.process.join()

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        on_report: Callable[[float, str], None] = _drop,
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
        for position, kind, value in self.follow(function, tasks):
            if kind == "report":
                on_report(*value)
            elif kind == "raised":
                raise value
            elif kind == "ended" and killed is None:
                raise ChildProcessError(f"a worker process was killed: {value}")
            elif kind in ("ended", "result"):
                yield position, value if kind == "result" else killed

    def follow(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, str, Any]]:
        """Call `function(*task)` in a worker for each task; yield its messages as (position, kind, value).

        | kind | value |
        |---|---|
        | "report" | progress: (amount, note) |
        | "told" | a partial result |
        | "result" | what it returned |
        | "raised" | the exception that it raised |
        | "ended" | the `Ending` of its process: it has neither returned nor raised |

        The last message of each task is one of the last three. The sequence of tasks may grow meanwhile.
        """
        started = 0
        while started < len(tasks) or self.busy:
            while started < len(tasks) and len(self.busy) < self.processes:
                self._give(started, function, tasks[started])
                started += 1
            for line in self._with_news():
                worker, position = self.busy[line]
                kind, value = worker.news()
                if kind == "limit":
                    worker.limit(value)
                    continue
                if kind in ("result", "raised", "ended"):
                    del self.busy[line]
                if kind in ("result", "raised"):
                    self.idle.append(worker)
                yield position, kind, value

    def _with_news(self) -> list[Connection]:
        """Connections of workers that have sent a message, have ended or have exceeded their time limit."""
        soonest = min(worker.deadline for worker, _ in self.busy.values())
        news = wait(list(self.busy), min(LOOK_S, max(0.0, soonest - time.monotonic())))
        silent = [worker for line, (worker, _) in self.busy.items() if line not in news]
        return [line for line in self.busy if line in news] + [w.line for w in silent if w.late() or not w.alive()]

    def _give(self, position: int, function: Callable[..., Any], task: tuple[Any, ...]) -> None:
        worker = self.idle.pop() if self.idle else _Worker()
        try:
            worker.give(function, task)
        except OSError:  # killed while it was idle
            worker = _Worker()
            worker.give(function, task)
        self.busy[worker.line] = worker, position


class _Worker:
    """A process and the connection to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, far = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(far,))
        with deaf_children():
            self.process.start()
        far.close()  # so that the connection closes when the process ends
        self.deadline, self._limit = float("inf"), float("inf")
        self._function: Callable[..., Any] | None = None

    def limit(self, seconds: float | None) -> None:
        """Set the time limit of the process, in seconds from now; None lifts it."""
        self._limit = float("inf") if seconds is None else seconds
        self.deadline = time.monotonic() + self._limit

    def late(self) -> bool:
        """Whether the time limit has passed."""
        return time.monotonic() > self.deadline

    def alive(self) -> bool:
        """Whether the process runs; an open connection does not tell, its children may hold it."""
        return self.process.is_alive()

    def news(self) -> Message:
        """The next message of the process, or ("ended", `Ending`) if it has ended and sent no more."""
        try:
            if self.line.poll():
                message: Message = self.line.recv()
                return message
        except (EOFError, OSError):
            pass
        return "ended", self._end()

    def _end(self) -> "Ending":
        """Kill the process if it still runs; returns how it ended."""
        late = self.late()
        self.process.kill()
        self.process.join()
        self.line.close()
        if self.process.exitcode == -signal.SIGKILL and not late:
            time.sleep(TOGETHER_S)  # a kill of the whole group reaches this process now, before it reports a failure
        return Ending(self.process.exitcode or 0, self._limit if late else None)

    def give(self, function: Callable[..., Any], task: tuple[Any, ...]) -> None:
        """Send a task, and the function unless it was the last one sent."""
        self.limit(None)
        self.line.send((None if function is self._function else function, task))
        self._function = function


class Here(Pool):
    """A pool whose `run` calls the tasks in this process, one after another; `follow` still starts a worker."""

    def __init__(self) -> None:
        super().__init__(1)

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        on_report: Callable[[float, str], None] = _drop,
        killed: Any = None,
    ) -> Iterator[tuple[int, Any]]:
        """Call `function(*task)` for each task; yield (position, result) as they finish."""
        global _up
        _up = lambda message: on_report(*message[1]) if message[0] == "report" else None  # noqa: E731
        for position, task in enumerate(tasks):
            yield position, function(*task)
        _up = None


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@ended_by_sigterm()
@streams()
def _work(line: Connection) -> None:
    """The loop of a worker: it ignores ctrl-C, on which the parent ends it, and ends when the parent was killed."""
    global _up
    _up = partial(_send, line)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    function: Callable[..., Any] = print  # never called: the first message brings a function
    while True:
        try:
            new_function, task = line.recv()
        except (EOFError, ConnectionError):
            return
        function = new_function or function
        try:
            answer = "result", function(*task)
        except Exception as fault:
            answer = "raised", _portable(fault)
        _send(line, answer)


def _portable(fault: Exception) -> Exception:
    """The exception if it can be pickled, else a RuntimeError of its text."""
    try:
        pickle.loads(pickle.dumps(fault))
    except Exception:
        return RuntimeError(f"{type(fault).__name__}: {fault}")
    return fault


def _send(line: Connection, message: Message) -> None:
    """Send a message; if the parent was killed, exit at once, so that its runs stay missing instead of failed."""
    try:
        line.send(message)
    except ConnectionError:
        os._exit(1)


@cache
def end_with_parent() -> None:
    """From now on this process ends when its parent does."""
    threading.Thread(target=_exit_with, args=(os.getppid(),), daemon=True).start()


def _exit_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
