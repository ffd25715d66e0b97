"""One process a core, one thread a process: how many independent tasks run on CPUs.

Measured on two cores, this trains small models faster than stacking them. Workers live as long as the pool, so
importing torch is paid once each. A task that raises is that task's result, never the pool's end.
"""

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from types import TracebackType
from typing import Any, Self

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_reports: Any = None


class WorkerDiedError(RuntimeError):
    """A worker process was killed (often for lack of memory); finished work is kept, the same command continues."""


def report(amount: float, note: str = "") -> None:
    """Called inside a task: tell the parent that some of its work is done, and how it stands."""
    if _reports is not None:
        _reports.put((amount, note))


class Pool:
    """Worker processes that run tasks; use as a context."""

    reports: Any

    def __init__(self, processes: int | None = None) -> None:
        self.processes = processes or available_cores()

    def __enter__(self) -> Self:
        for name in THREAD_VARIABLES:
            os.environ.setdefault(name, "1")
        context = multiprocessing.get_context("spawn")
        self.reports = context.Queue()
        self.executor = ProcessPoolExecutor(self.processes, context, _start, (self.reports,))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        if kind is not None:
            for process in list((self.executor._processes or {}).values()):
                process.kill()  # nothing is lost: files are written whole
        self.executor.shutdown(wait=True, cancel_futures=True)

    def run(
        self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], on_report: Callable[[float, str], None]
    ) -> Iterator[tuple[int, Any]]:
        """Call `function(*task)` for each task; yield (position, result) as they finish.

        Raises:
            WorkerDiedError: a worker process was killed from outside.
        """
        waiting: dict[Future[Any], int] = {self.executor.submit(function, *t): i for i, t in enumerate(tasks)}
        while waiting:
            finished, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            self._drain(on_report)
            for future in finished:
                position = waiting.pop(future)
                try:
                    yield position, future.result()
                except BrokenProcessPool as fault:
                    raise WorkerDiedError("a worker process was killed; the same command continues") from fault
        self._drain(on_report)

    def _drain(self, on_report: Callable[[float, str], None]) -> None:
        while True:
            try:
                on_report(*self.reports.get_nowait())
            except queue.Empty:
                return


class Here(Pool):
    """The same interface without worker processes: tasks run in this one, in turn."""

    def __init__(self) -> None:
        self.reports = queue.SimpleQueue()

    def __enter__(self) -> Self:
        global _reports
        _reports = self.reports
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        global _reports
        _reports = None

    def run(
        self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], on_report: Callable[[float, str], None]
    ) -> Iterator[tuple[int, Any]]:
        """Call `function(*task)` for each task; yield (position, result) as they finish."""
        for position, task in enumerate(tasks):
            result = function(*task)
            self._drain(on_report)
            yield position, result


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(reports: Any) -> None:
    """Workers leave ctrl-C to the parent, which ends them, and end by themselves when the parent was killed."""
    global _reports
    _reports = reports
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


@cache
def end_with_parent() -> None:
    """From now on this process ends when the one that started it does."""
    threading.Thread(target=_outlive, args=(os.getppid(),), daemon=True).start()


def _outlive(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
