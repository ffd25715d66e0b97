"""Where loss curves go beside losses.csv: any Lightning logger, named by a yaml."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.grid import Run
from bench.store import RunFolder


class LoggerError(RuntimeError):
    """A logger cannot be started: its package is missing or its arguments are wrong; the message says which."""


@dataclass(frozen=True)
class LoggerSetting:
    """A class of loggers, `target` (None: losses.csv alone), and its arguments; braces in them are filled in."""

    name: str = "csv"
    target: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def start(self, run: Run, folder: RunFolder) -> Any:
        """A logger of one run, or None.

        Raises:
            LoggerError: it cannot be started.
        """
        if self.target is None:
            return None
        names = {"folder": folder.path, "results": folder.path.parents[1], "run": run.id, "group": "_".join(run.group)}
        filled = {k: v.format(**names) if isinstance(v, str) else v for k, v in self.arguments.items()}
        module, _, cls = self.target.rpartition(".")
        try:
            logger = getattr(importlib.import_module(module), cls)(**filled)
            logger.log_hyperparams(run.record())
        except Exception as fault:
            raise LoggerError(f"the logger {self.name} cannot be started: {type(fault).__name__}: {fault}") from fault
        return logger
