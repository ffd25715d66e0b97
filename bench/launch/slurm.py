"""Jobs as arrays of a Slurm cluster, through submitit.

submitit keeps each job's call, log and result in the jobs folder. The states of jobs are read from `squeue`, which
works with and without accounting: a requeued job of a dead node is in the queue again. The outcome of a job that has
ended is read from its result, or else is the last state in the queue.

Calls and results are pickles, which jobs and this process load: whoever can write in the jobs folder can run code as
its owner. The folder is therefore created for its owner only, and refused if others can write in it.
"""

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from bench.launch.base import ENDED, Launcher, LaunchError, State, engine, environment
from bench.progress import say
from bench.values import counted

ARRAY = 1000  # Slurm's default limit for one array
TIMEOUTS = 1000  # how often a job may run out of time and resume
OVER = (
    "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED",
)  # fmt: skip


class Resumed:
    """A call that is requeued unchanged when its time is over or it is pre-empted: it then does the rest.

    Args:
        function: to call.
        task: its arguments.
        warning: the signal that Slurm sends before it ends a job.
    """

    def __init__(self, function: Callable[..., None], task: tuple[Any, ...], warning: signal.Signals) -> None:
        self.function, self.task, self.warning = function, task, warning

    def __call__(self) -> None:
        """Do the job; submitit has set a handler of the warning, which is wrapped."""
        requeue = signal.getsignal(self.warning)
        assert callable(requeue)
        signal.signal(self.warning, partial(_leave, requeue))
        self.function(*self.task)

    def checkpoint(self) -> Any:
        """The call for submitit to run when the job starts again: the same."""
        return engine("submitit.helpers", "slurm").DelayedSubmission(self)


def _leave(requeue: Callable[..., Any], *received: Any) -> None:
    """Requeue the job and end it; an error here must not become an error of the run that it works on.

    Requeueing can fail: Slurm ends all processes of the job, also the `scontrol` that requeues it, and a controller may
    not answer.
    """
    try:
        requeue(*received)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


class Slurm(Launcher):
    """Jobs of this user on the cluster that this machine submits to; they continue when this process ends."""

    name = "slurm"
    outlives = True

    def __init__(self, settings: Mapping[str, Any], folder: Path) -> None:
        self.submitit = engine("submitit", "slurm")
        self.settings, self.folder = settings, folder / "%j"
        self.states: dict[str, State] = {}
        try:
            self.executor = self.submitit.SlurmExecutor(self.folder, max_num_timeout=TIMEOUTS)
        except RuntimeError as fault:
            raise LaunchError("launcher=slurm, but there is no srun here: run it where jobs are submitted") from fault
        self.executor.update_parameters(**_options(settings))

    def submit(self, function: Callable[..., None], tasks: Sequence[tuple[Any, ...]]) -> list[str]:
        """Submit arrays of jobs."""
        os.environ |= environment()  # sbatch passes it on
        warning = signal.Signals[f"SIG{self.submitit.JobEnvironment.USR_SIG}"]
        calls = [Resumed(function, task, warning) for task in tasks]
        ids: list[str] = []
        for first in range(0, len(calls), ARRAY):
            try:
                ids += [j.job_id for j in self.executor.submit_array(calls[first : first + ARRAY])]
            except self.submitit.core.utils.FailedJobError as fault:
                begun = f"; {counted(len(ids), 'job')} submitted before: scancel {_arrays(ids)}" if ids else ""
                raise LaunchError(f"sbatch refused the jobs: {fault}{begun}") from fault
        self.states |= dict.fromkeys(ids, State("queued"))
        return ids

    def adopt(self, jobs: Sequence[str]) -> list[str]:
        """Take over jobs of an earlier command that have not ended."""
        queue = self._queue()
        alive = [i for i in jobs if queue is None or queue.get(i, (OVER[0], ""))[0] not in OVER]
        self.states |= dict.fromkeys(alive, State("queued"))
        return alive

    def poll(self) -> dict[str, State]:
        """Read the queue, after a pause that spares the controller; if it does not answer, nothing changes."""
        time.sleep(self.settings["poll_seconds"])
        if (queue := self._queue()) is not None:
            open_jobs = [i for i, s in self.states.items() if s.word not in ENDED]
            self.states |= {i: self._state(i, *queue.get(i, ("", ""))) for i in open_jobs}
        return dict(self.states)

    def _state(self, job: str, word: str, reason: str) -> State:
        if word and word not in OVER:
            return State("running") if word == "RUNNING" else State("queued", "" if reason == "None" else reason)
        paths = self.submitit.core.utils.JobPaths(self.folder, job)
        with suppress(OSError):
            os.listdir(paths.folder)  # makes a network file system refresh the folder
        if not paths.result_pickle.exists():
            return State("failed", f"{word or 'it left the queue without a result'}; its log is {paths.stdout}")
        try:
            outcome, trace = self.submitit.core.utils.pickle_load(paths.result_pickle)
            return State("done") if outcome == "success" else State("failed", trace.strip().splitlines()[-1])
        except Exception as fault:  # a damaged pickle raises any type, and other jobs are followed on
            why = f"cannot read {paths.result_pickle}: {type(fault).__name__}: {fault}; its log is {paths.stdout}"
            return State("failed", why)

    def _queue(self) -> dict[str, tuple[str, str]] | None:
        """Job -> Slurm's word for its state, and the reason why it waits; None if the controller does not answer."""
        command = ["squeue", "--me", "--noheader", "--array", "--states=all", "--format=%i|%T|%r"]
        failed, printed = _called(command)
        lines = [line for line in printed.splitlines() if line.strip()]
        rows = [row for line in lines if len(row := line.strip().split("|", 2)) == 3]  # a site may print more lines
        if failed or (lines and not rows):
            say(f"squeue does not answer: {printed.strip()}")
            return None
        return {job: (word, reason) for job, word, reason in rows}

    def interrupt(self) -> str:
        """Let the jobs continue, or cancel them if `launcher.cancel` is set."""
        open_jobs = [i for i, s in self.states.items() if s.word not in ENDED]
        command = ["scancel", *_arrays(open_jobs).split()]
        if self.settings["cancel"]:
            failed, printed = _called(command)
            count = counted(len(open_jobs), "job")
            return f"cannot cancel {count}: {printed.strip()}; they go on" if failed else f"cancelled {count}"
        return (
            f"{counted(len(open_jobs), 'job')} under way, the same command follows; `{' '.join(command)}` cancels them"
        )


def _called(command: Sequence[str]) -> tuple[bool, str]:
    """Whether a command of Slurm failed, and what it printed, or why it failed."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as fault:
        return True, str(fault)
    return bool(answer.returncode), answer.stderr if answer.returncode else answer.stdout


def _arrays(jobs: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(j.partition("_")[0] for j in jobs))


def _options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as submitit's parameters."""
    optional = {"partition": settings["partition"], "gpus_per_node": settings["gpus"] or None}
    return {k: v for k, v in optional.items() if v is not None} | {
        "job_name": "bench",
        "cpus_per_task": settings["cpus"],
        "mem": f"{round(1024 * settings['memory_gb'])}M",
        "time": settings["minutes"],
        "array_parallelism": settings["at_once"],
        "signal_delay_s": settings["grace_seconds"],
        "setup": settings["setup"],
        "stderr_to_stdout": True,
        "additional_parameters": {"requeue": True} | settings["sbatch"],
    }


def start(settings: Mapping[str, Any], folder: Path) -> Launcher:
    """The launcher of `conf/launcher/slurm.yaml`.

    Raises:
        LaunchError: submitit or srun is not here, or the jobs folder is not this user's alone.
    """
    launcher = Slurm(settings, folder)
    _make_private(folder)
    return launcher


def _make_private(folder: Path) -> None:
    """Create the jobs folder for this user only, or check that nobody else can write in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as fault:
        raise LaunchError(f"cannot use {folder} for jobs: {fault.strerror}") from fault
    why = "jobs are pickles, so whoever can write there runs code as you"
    if status.st_uid != os.geteuid():
        raise LaunchError(f"{folder} is another user's, and {why}: give one of your own, launcher.folder=FOLDER")
    if status.st_mode & 0o022:
        raise LaunchError(f"others can write in {folder}, and {why}: chmod go-w {folder}")
