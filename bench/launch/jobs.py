"""The runs of one job: the only place where runs are grouped, for this process, every launcher and dry runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.study.run import Run
from bench.values import ConfigError


def jobs_of(runs: Sequence[Run], launcher: Mapping[str, Any], on_gpu: bool) -> list[tuple[Run, ...]]:
    """Divide runs into jobs, each of one model, data set, rule of pairs, sampling and schedule.

    Args:
        runs: to be done.
        launcher: `conf/launcher/NAME.yaml`, as composed.
        on_gpu: a job is a fleet (`trainer.fleet`); else `runs` runs, or one for each of its `cpus`.
    """
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        groups.setdefault((*run.group, run.pairs, run.sampling, run.schedule), []).append(run)
    on_cpus = launcher.get("runs") or launcher.get("cpus") or 1
    jobs = []
    for group in groups.values():
        size = group[0].schedule.fleet if on_gpu else on_cpus
        jobs += [tuple(group[first : first + size]) for first in range(0, len(group), size)]
    return jobs


def device_of(settings: Mapping[str, Any]) -> str:
    """The device of a launcher's job: a GPU only if the job requests one.

    Raises:
        ConfigError: device=cuda, but jobs request no GPU.
    """
    gpus, device = settings["launcher"]["gpus"], str(settings["device"])
    if device == "cuda" and not gpus:
        raise ConfigError("device=cuda, but jobs ask for no GPU: launcher.gpus=1")
    return device if device != "auto" else "cuda" if gpus else "cpu"


def described(jobs: Sequence[Sequence[Run]], launcher: str, on_gpu: bool) -> str:
    """How many jobs of which size a launcher has, in words."""
    size = max(map(len, jobs), default=0)
    up_to = "up to " if any(len(job) < size for job in jobs) else ""
    counted = f"{len(jobs):,} job{'' if len(jobs) == 1 else 's'} of {up_to}{size:,} run{'' if size == 1 else 's'}"
    return f"launcher={launcher}: {counted}, on {'a GPU' if on_gpu else 'CPUs'}"
