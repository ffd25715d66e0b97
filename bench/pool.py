"""One process a core, one thread a process: how many independent tasks run on CPUs.

Measured on two cores, this trains small models faster than stacking them. Workers live as long as the pool, so
importing torch is paid once each. They keep the function they were sent last: what it carries, such as a table in a
partial, is sent once each. A worker whose process ends costs the task it was at; another takes its place.
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

LOOK_S = 1.0  # between two looks at processes that say nothing
TOGETHER_S = 0.3  # in which processes end that are ended at once
GRACE_S = 10.0  # for idle workers to end by themselves
CLEANING_S = 1.0  # for workers that are told to end to remove what they were writing

Message = tuple[str, Any]
_up: Callable[[Message], None] | None = None


def report(amount: float, note: str = "") -> None:
    """Called inside a task: tell the parent that some of its work is done, and how it stands."""
    _send_up(("report", (amount, note)))


def tell(value: Any) -> None:
    """Called inside a task: tell the parent something that it keeps if this process ends."""
    _send_up(("told", value))


def limit(seconds: float | None) -> None:
    """Called inside a task: this process is to be ended in so many seconds, unless another limit (or none) comes."""
    _send_up(("limit", seconds))


def _send_up(message: Message) -> None:
    if _up is not None:
        _up(message)


def _unheard(amount: float, note: str) -> None:
    """What is told to nobody."""


@dataclass(frozen=True)
class Ending:
    """How a worker's process ended that had not finished its task; as text, in words.

    Attributes:
        code: its exit code; minus the signal that ended it.
        late: the seconds that it was given, where it took longer.
    """

    code: int
    late: float | None = None

    @property
    def asked(self) -> bool:
        """Whether somebody asked it to end, as a cluster does that wants its node: its task has no part in that."""
        return -self.code in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)

    def __str__(self) -> str:
        if self.late is not None:
            return f"it took longer than {self.late:g} s"
        if self.code >= 0:
            return f"its process ended itself with exit code {self.code}"
        named = {s.value: s.name for s in signal.Signals}.get(-self.code, f"signal {-self.code}")
        return f"its process was ended by {named}{', for a lack of memory perhaps' if named == 'SIGKILL' else ''}"


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
        patience = time.monotonic() + (GRACE_S if kind is None else CLEANING_S)
        for worker in workers:
            worker.process.join(max(0.0, patience - time.monotonic()))
            worker.process.kill()  # a task may have left a thread that never ends, or be in a long call
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
        """Call `function(*task)` in a worker for each task; yield all that becomes of it, as (position, kind, value).

        | kind | value |
        |---|---|
        | "report" | what it reports: (amount, note) |
        | "told" | what it tells |
        | "result" | what it returned |
        | "raised" | the exception that it raised |
        | "ended" | the `Ending` of its process: it has neither returned nor raised |

        One of the last three comes for each task, as its last. The tasks may grow meanwhile.
        """
        given = 0
        while given < len(tasks) or self.busy:
            while given < len(tasks) and len(self.busy) < self.processes:
                self._give(given, function, tasks[given])
                given += 1
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
        """Lines of workers that have sent something or whose process is over; it is, where its time was."""
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
    """A process and the line to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, far = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(far,))
        with deaf_children():
            self.process.start()
        far.close()  # so that the line ends when the process does
        self.deadline, self._limit = float("inf"), float("inf")
        self._function: Callable[..., Any] | None = None

    def limit(self, seconds: float | None) -> None:
        """Let the process be ended in so many seconds; None: not at all."""
        self._limit = float("inf") if seconds is None else seconds
        self.deadline = time.monotonic() + self._limit

    def late(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self.deadline

    def alive(self) -> bool:
        """Whether the process is there; children of its own may keep its line open."""
        return self.process.is_alive()

    def news(self) -> Message:
        """The next message of the process, or ("ended", how) where there is none and will be none."""
        try:
            if self.line.poll():
                message: Message = self.line.recv()
                return message
        except (EOFError, OSError):
            pass
        return "ended", self._end()

    def _end(self) -> "Ending":
        """Have the process be over; how it ended."""
        late = self.late()
        self.process.kill()
        self.process.join()
        self.line.close()
        if self.process.exitcode == -signal.SIGKILL and not late:
            time.sleep(TOGETHER_S)  # who ends all processes at once ends this one now, and has it say nothing
        return Ending(self.process.exitcode or 0, self._limit if late else None)

    def give(self, function: Callable[..., Any], task: tuple[Any, ...]) -> None:
        """Send a task, and the function unless it was the last one sent."""
        self.limit(None)
        self.line.send((None if function is self._function else function, task))
        self._function = function


class Here(Pool):
    """The same interface with `run` in this process, one task after the other; what is followed still has a worker."""

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
    """Workers leave ctrl-C to the parent, which ends them, and end by themselves when the parent was killed."""
    global _up
    _up = partial(_send, line)
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
            answer = "raised", _portable(fault)
        _send(line, answer)


def _portable(fault: Exception) -> Exception:
    """An exception that can be sent: itself, or its words."""
    try:
        pickle.loads(pickle.dumps(fault))
    except Exception:
        return RuntimeError(f"{type(fault).__name__}: {fault}")
    return fault


def _send(line: Connection, message: Message) -> None:
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
