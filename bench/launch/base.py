"""The interface of every engine to the driver: submit jobs, poll their states, cancel them."""

import importlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import bench
from bench.pool import THREAD_VARIABLES
from bench.registry import unknown

ENDED = ("done", "failed")


class LaunchError(RuntimeError):
    """The engine cannot start jobs; the message says why and what to do."""


@dataclass(frozen=True)
class State:
    """The state of a job: "queued", "running", "open" (queued or running: unknown), "done" or "failed"."""

    word: str
    why: str = ""


class Launcher(ABC):
    """Runs jobs on one engine.

    Attributes:
        name: of the engine, as printed.
        outlives: whether jobs continue when the driver ends.
    """

    name: str
    outlives: bool = False

    @abstractmethod
    def submit(self, function: Callable[..., None], tasks: Sequence[tuple[Any, ...]]) -> list[str]:
        """Start a job that calls `function(*task)` for each task; return the ids of the jobs.

        Raises:
            LaunchError: the engine refuses.
        """

    @abstractmethod
    def poll(self) -> dict[str, State]:
        """Wait a moment, then return the state of each job."""

    def adopt(self, jobs: Sequence[str]) -> list[str]:
        """Take over jobs of an earlier process that have not ended; return their ids."""
        return []

    @abstractmethod
    def interrupt(self) -> str:
        """Handle ctrl-C for the jobs that have not ended; return what happened to them, in words."""


def engine(module: str, extra: str) -> ModuleType:
    """Import an optional package.

    Raises:
        LaunchError: it is not installed; the message names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as fault:
        raise LaunchError(f"launcher={extra} needs {module}: pip install 'disentanglement-bench[{extra}]'") from fault


def environment() -> dict[str, str]:
    """Environment variables of every job: the path of this package, its data, one thread a process."""
    root = str(Path(bench.__file__).resolve().parents[1])
    paths = [root, *(p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p)]
    threads = {name: os.environ.get(name, "1") for name in THREAD_VARIABLES}
    data = {name: str(Path(os.environ[name]).resolve()) for name in ("BENCH_DATA", "BENCH_CARDS") if name in os.environ}
    return threads | data | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(map(os.path.abspath, paths)))}


def names() -> list[str]:
    """Every launcher that starts jobs: the files of this folder that define `start`."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(f.stem for f in files if f.name != "base.py" and "\ndef start(" in f.read_text(encoding="utf-8"))


def start(settings: Mapping[str, Any], folder: Path) -> Launcher:
    """The launcher of a configuration.

    Args:
        settings: `conf/launcher/NAME.yaml`, as composed.
        folder: for the engine's files; on a cluster, shared by its nodes.

    Raises:
        UnknownNameError: no such launcher.
        LaunchError: the engine is not installed or cannot be reached.
    """
    name, available = settings["name"], names()
    if name not in available:
        raise unknown("launcher", name, available)
    launcher: Launcher = importlib.import_module(f"bench.launch.{name}").start(settings, folder)
    return launcher
