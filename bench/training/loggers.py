"""Loggers of loss curves beside losses.csv: any Lightning logger that a yaml names.

Each run has a logger, in the process that trains it. The first logger of a store creates shared files, such as the
database of MLflow, so the loggers of one store start one after another.
"""

import fcntl
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.progress import say
from bench.store.folders import RunFolder
from bench.study.run import Run


class LoggerError(RuntimeError):
    """A logger cannot be started: its package is missing or its arguments are wrong; the message says which."""


@dataclass(frozen=True)
class LoggerSetting:
    """A class of loggers, `target` (None: only losses.csv), and its arguments; names in braces are replaced."""

    name: str = "csv"
    target: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def start(self, run: Run, folder: RunFolder) -> Any:
        """A logger of one run, or None.

        Raises:
            LoggerError: the logger cannot be started.
        """
        if self.target is None:
            return None
        results = folder.path.parents[1]
        names = {"folder": folder.path, "results": results, "run": run.id, "group": "_".join(run.group)}
        filled = {k: v.format(**names) if isinstance(v, str) else v for k, v in self.arguments.items()}
        module, _, cls = self.target.rpartition(".")
        try:
            with _locked(results / "logger.lock"):
                logger = getattr(importlib.import_module(module), cls)(**filled)
                logger.log_hyperparams(run.record())
        except Exception as fault:
            message = f"the logger {self.name} cannot be started: {type(fault).__name__}: {fault}"
            raise LoggerError("\n".join([message, *map(_mend, _databases(filled))])) from fault
        return Curves(self.name, logger)


class Curves:
    """A logger of one run that never stops training: its first failure is reported, and it is not called again."""

    def __init__(self, name: str, logger: Any) -> None:
        self.name, self.logger = name, logger

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Log the losses of a step."""
        self._try("log_metrics", metrics, step)

    def finalize(self, status: str) -> None:
        """Close the logger."""
        self._try("finalize", status)

    def _try(self, method: str, *arguments: Any) -> None:
        if self.logger is not None:
            try:
                getattr(self.logger, method)(*arguments)
            except Exception as fault:
                self.logger = None
                say(f"the logger {self.name} failed: {type(fault).__name__}: {fault}; losses.csv has every curve")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that one process at a time runs the block."""
    with path.open("a") as file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _databases(arguments: Mapping[str, Any]) -> list[Path]:
    """The existing SQLite files among a logger's arguments."""
    paths = [Path(v.removeprefix("sqlite:///")) for v in arguments.values() if str(v).startswith("sqlite:///")]
    return [path for path in paths if path.exists()]


def _mend(database: Path) -> str:
    return (
        f"if {database} is incomplete, perhaps because a process was killed, move it away and run the same command "
        "again: every loss curve is in a losses.csv too"
    )
