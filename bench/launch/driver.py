"""The driving process: it splits the missing work of a study into jobs, submits them, and follows them to their end.

Jobs of an engine that outlives this process are recorded in the store, so that the same command finds those that still
run, leaves their runs to them, and follows them beside new ones.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.launch.base import ENDED, Launcher, State, start
from bench.launch.jobs import device_of, jobs_of
from bench.progress import say, say_once
from bench.store.files import StoreError, remove, write_json
from bench.store.folders import Store
from bench.store.record_types import JobsRecord, read_record
from bench.study.plan import Plan
from bench.study.run import Run
from bench.terminal import Interrupted
from bench.values import ConfigError, counted

EVERY_S = 15.0  # between two lines of progress
Settings = Mapping[str, Any]
Jobs = dict[str, list[str]]  # job id -> the ids of its runs


@dataclass(frozen=True)
class Work:
    """A stage of a study, to be done by jobs.

    Attributes:
        stage: "run", "train" or "score".
        plan: the study.
        settings: its configuration.
        store: shared by all jobs.
        missing: returns the runs that still need the stage.
        job: called in each job as `job(stage, its part of the plan, path of the store, settings)`.
    """

    stage: str
    plan: Plan
    settings: Settings
    store: Store
    missing: Callable[[], Sequence[Run]]
    job: Callable[[str, Plan, Path, Settings], None]

    @property
    def folder(self) -> Path:
        """The folder of records and files of jobs: as the launcher is configured, else in the store."""
        chosen = self.settings["launcher"].get("folder")
        return self.store.jobs if chosen is None else Path(str(chosen)).expanduser().resolve()


def distribute(work: Work) -> dict[str, str] | None:
    """Do the missing work by jobs.

    Returns:
        Run id -> the error of its job, for runs that are still missing; None if jobs are not waited for.

    Raises:
        LaunchError: the engine is not installed, cannot be reached or refuses the jobs.
        ConfigError: the settings contradict each other.
    """
    launcher = start(work.settings["launcher"], work.folder)
    waits = work.settings["launcher"].get("wait", True)
    if not waits and not launcher.outlives:
        raise ConfigError(f"launcher.wait=false, but the jobs of {launcher.name} end with this process")
    jobs, attempted, errors = _going_on(launcher, work.folder), set[str](), dict[str, str]()
    followed = bool(jobs)
    while True:
        assigned = attempted.union(*jobs.values())
        submitted = _submit(launcher, [r for r in work.missing() if r.id not in assigned], work)
        attempted.update(*submitted.values())  # jobs of an earlier command may have had another stage, or other metrics
        jobs |= submitted
        if not jobs:
            break
        if not waits:
            under_way = f"{counted(len(jobs), 'job')} under way"
            say(f"{launcher.name}: {under_way}: the same command with launcher.wait=true follows")
            return None
        errors |= _follow(launcher, jobs, work)
        _forget(jobs, work.folder)
        jobs = {}
    if not attempted and not followed:
        say(f"{work.stage}: nothing is missing")
    missing = {run.id for run in work.missing()} if errors else set()
    return {run: error for run, error in errors.items() if run in missing}


def _submit(launcher: Launcher, runs: Sequence[Run], work: Work) -> Jobs:
    """Start jobs for runs that no job does yet."""
    if not runs:
        return {}
    settings = dict(work.settings) | {"device": device_of(work.settings)}
    parts = jobs_of(runs, work.settings["launcher"], on_gpu=settings["device"] == "cuda")
    plans = [dataclasses.replace(work.plan, runs=part, codes=()) for part in parts]
    ids = launcher.submit(work.job, [(work.stage, plan, work.store.path, settings) for plan in plans])
    jobs = {i: [r.id for r in part] for i, part in zip(ids, parts, strict=True)}
    say(f"{launcher.name}: {counted(len(jobs), 'job')} for {counted(len(runs), 'model')}")
    if launcher.outlives:
        write_json(work.folder / f"{ids[0]}.json", {"launcher": launcher.name, "jobs": jobs})
    return jobs


def _going_on(launcher: Launcher, folder: Path) -> Jobs:
    """Jobs that an earlier command submitted and that have not ended."""
    jobs: Jobs = {}
    for record, content in _records(folder) if launcher.outlives else ():
        if content["launcher"] == launcher.name:
            alive = {i: content["jobs"][i] for i in launcher.adopt(list(content["jobs"]))}
            jobs |= alive
            if not alive:
                remove(record)
            elif len(alive) < len(content["jobs"]):  # ended jobs need not be followed any more
                write_json(record, content | {"jobs": alive})
    if jobs:
        say(f"{launcher.name}: {counted(len(jobs), 'job')} of an earlier command under way: {', '.join(jobs)}")
    return jobs


def _records(folder: Path) -> Iterator[tuple[Path, JobsRecord]]:
    """The records of jobs; one that cannot be read is reported and left out."""
    for path in sorted(folder.glob("*.json")):
        try:
            yield path, read_record(path, JobsRecord)
        except StoreError as fault:
            say_once(str(fault))


def _forget(jobs: Jobs, folder: Path) -> None:
    """Remove the records of jobs that have ended."""
    for record, content in _records(folder):
        if content["jobs"].keys() <= jobs.keys():
            remove(record)


def _follow(launcher: Launcher, jobs: Jobs, work: Work) -> dict[str, str]:
    """Report the states of jobs until all have ended; return the runs of those that failed, with their job's error."""
    errors: dict[str, str] = {}
    ended: set[str] = set()
    reported, last = -EVERY_S, ""
    try:
        while len(ended) < len(jobs):
            states = {i: s for i, s in launcher.poll().items() if i in jobs}
            for i in [i for i, s in states.items() if s.word in ENDED and i not in ended]:
                ended.add(i)
                if states[i].word == "failed":
                    errors[i] = states[i].why
                    say(f"{launcher.name}: job {i} FAILED: {errors[i]}")
            line = ", ".join(f"{n} {word}" for word, n in sorted(Counter(map(_described, states.values())).items()))
            if len(ended) == len(jobs) or (line != last and time.monotonic() - reported > EVERY_S):
                reported, last = time.monotonic(), line
                say(f"{launcher.name}: jobs: {line}; models to do: {len(work.missing())}")
    except (KeyboardInterrupt, Interrupted):
        say(f"{launcher.name}: {launcher.interrupt()}")
        raise
    return {run: f"job {i}: {why}" for i, why in errors.items() for run in jobs[i]}


def _described(state: State) -> str:
    """A state in words, with the reason if the job waits."""
    return f"{state.word} ({state.why})" if state.why and state.word not in ENDED else state.word
