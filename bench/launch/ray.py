"""Jobs as tasks of a running Ray cluster: Ray schedules them, and repeats those whose worker or node died."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.launch.base import Launcher, LaunchError, State, engine, environment
from bench.values import counted


class Ray(Launcher):
    """Tasks of this process on a cluster, which end with the process."""

    name = "ray"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.ray, self.settings = engine("ray", "ray"), settings
        self.states: dict[str, State] = {}
        self.open: dict[Any, str] = {}  # Ray's reference to a result -> job
        try:
            self.ray.init(settings["address"], log_to_driver=False, logging_level=logging.WARNING)
        except (ConnectionError, ValueError) as fault:
            raise LaunchError(
                f"no Ray cluster at {settings['address']} (ray start --head begins one): {fault}"
            ) from fault

    def submit(self, function: Callable[..., None], tasks: Sequence[tuple[Any, ...]]) -> list[str]:
        """Start a task for each job, each in a new worker process."""
        remote = self.ray.remote(
            num_cpus=self.settings["cpus"],
            num_gpus=self.settings["gpus"],
            max_retries=self.settings["retries"],
            max_calls=1,
            runtime_env={"env_vars": environment()},
        )(function)
        ids = [str(len(self.states) + i) for i in range(len(tasks))]
        self.states |= dict.fromkeys(ids, State("open"))
        self.open |= {remote.remote(*task): i for i, task in zip(ids, tasks, strict=True)}
        return ids

    def poll(self) -> dict[str, State]:
        """Wait up to a second for a job to end."""
        ended, _ = self.ray.wait(list(self.open), num_returns=1, timeout=1) if self.open else ([], [])
        for reference in ended:
            self.states[self.open.pop(reference)] = self._outcome(reference)
        return dict(self.states)

    def _outcome(self, reference: Any) -> State:
        try:
            self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as fault:
            return State("failed", f"{type(fault.cause).__name__}: {fault.cause}")
        except self.ray.exceptions.RayError as fault:
            return State("failed", f"{type(fault).__name__}: {str(fault).strip().splitlines()[0]}")
        return State("done")

    def interrupt(self) -> str:
        """Cancel the tasks: files are written atomically, so nothing is lost."""
        for reference in self.open:
            self.ray.cancel(reference, force=True)
        return f"ended {counted(len(self.open), 'job')}"


def start(settings: Mapping[str, Any], folder: Path) -> Launcher:
    """The launcher of `conf/launcher/ray.yaml`."""
    return Ray(settings)
