"""Jobs as tasks of joblib: processes of this machine, or of a registered backend such as dask."""

import multiprocessing
import os
import queue
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

from bench.launch.base import Launcher, State, engine, environment
from bench.pool import available_cores, end_with_parent
from bench.progress import console
from bench.terminal import deaf_children

SHUTDOWN_S = 10.0  # for joblib to notice that its workers are gone


class Joblib(Launcher):
    """Jobs in worker processes that end with this one."""

    name = "joblib"

    def __init__(self, at_once: int, backend: str) -> None:
        self.at_once, self.backend = at_once, backend
        self.states: dict[str, State] = {}
        self.outcomes: queue.Queue[tuple[str, State]] = queue.Queue()

    def submit(self, function: Callable[..., None], tasks: Sequence[tuple[Any, ...]]) -> list[str]:
        """Give the tasks to joblib; a thread collects its results."""
        os.environ |= environment()
        ids = [str(len(self.states) + i) for i in range(len(tasks))]
        self.states |= dict.fromkeys(ids, State("open"))
        work = [(i, function, task) for i, task in zip(ids, tasks, strict=True)]
        self.collecting = threading.Thread(target=self._collect, args=(work,), daemon=True)
        self.collecting.start()
        return ids

    def _collect(self, work: Sequence[tuple[str, Callable[..., None], tuple[Any, ...]]]) -> None:
        joblib = engine("joblib", "joblib")
        try:
            parallel = joblib.Parallel(self.at_once, backend=self.backend, return_as="generator_unordered")
            with deaf_children():
                for outcome in parallel(joblib.delayed(_attempt)(*item, os.getpid()) for item in work):
                    self.outcomes.put(outcome)
        except Exception as fault:  # joblib's own: of a job it is a result
            killed = isinstance(fault, BrokenExecutor)  # after which joblib ends the other workers too
            reason = "a worker process was killed" if killed else str(fault)
            for i, *_ in work:
                self.outcomes.put((i, State("failed", f"{type(fault).__name__}: {reason}")))

    def poll(self) -> dict[str, State]:
        """Wait up to half a second for a job to end."""
        try:
            job, state = self.outcomes.get(timeout=0.5)
            if self.states[job].word == "open":
                self.states[job] = state
        except queue.Empty:
            pass
        return dict(self.states)

    def interrupt(self) -> str:
        """Kill the workers: files are written atomically, so nothing is lost."""
        engine("joblib.externals.loky", "joblib").get_reusable_executor(reuse=True).shutdown(kill_workers=True)
        self.collecting.join(SHUTDOWN_S)  # joblib removes its files in this thread or at exit: never in both at once
        return "the jobs were ended"


def _attempt(job: str, function: Callable[..., None], task: tuple[Any, ...], parent: int) -> tuple[str, State]:
    """One job, in a worker. An exception is its result: raised, it would make joblib end every other job."""
    if os.getppid() == parent:
        end_with_parent()
        multiprocessing.set_start_method("spawn", force=True)  # loky's method is lacking in a worker's workers
    console.quiet = os.getpid() != parent  # the driver reports the states of jobs
    try:
        function(*task)
    except Exception as fault:
        traceback.print_exc()
        return job, State("failed", f"{type(fault).__name__}: {fault}")
    return job, State("done")


def start(settings: Mapping[str, Any], folder: Path) -> Launcher:
    """The launcher of `conf/launcher/joblib.yaml`."""
    engine("joblib", "joblib")
    return Joblib(settings["at_once"] or max(1, available_cores() // settings["cpus"]), settings["backend"])
