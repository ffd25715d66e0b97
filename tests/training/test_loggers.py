"""Loggers of one store start one after another, end no training, and name the database that they cannot use."""

import fcntl
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.store.folders import Store
from bench.study.run import Frozen, Run, Schedule
from bench.training.loggers import LoggerError, LoggerSetting

SCHEDULE = Schedule(20, 4, 1e-3, 32, "small", 4, 1, "tiny", 10, 5)
RUN = Run("beta_vae", 1, False, Frozen(beta=1.0), "beta", 0, 1.0, 0, "dsprites", 1, SCHEDULE)


class Logger:
    """Stands for a Lightning logger."""

    def __init__(self, tracking_uri: str) -> None:
        self.path = Path(tracking_uri.removeprefix("sqlite:///"))
        with (self.path.parent / "logger.lock").open("a") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if self.path.exists():
            raise RuntimeError("duplicate column name: step")

    def log_hyperparams(self, params: Mapping[str, Any]) -> None:
        assert params["id"] == RUN.id

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        raise OSError("database is locked")

    def finalize(self, status: str) -> None:
        raise OSError("database is locked")


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> LoggerSetting:
    monkeypatch.setitem(sys.modules, "some_logger", SimpleNamespace(Logger=Logger))  # type: ignore[arg-type]
    return LoggerSetting("some", "some_logger.Logger", {"tracking_uri": "sqlite:///{results}/some.db"})


def start(setting: LoggerSetting, results: Path) -> Any:
    folder = Store(results, writable=True).run(RUN.id)
    return setting.start(RUN, folder)


def test_a_logger_starts_while_no_other_of_the_store_does(setting: LoggerSetting, tmp_path: Path) -> None:
    assert start(setting, tmp_path) is not None
    with (tmp_path / "logger.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the next one can start


def test_a_database_that_was_left_half_made_is_named_with_the_mend(setting: LoggerSetting, tmp_path: Path) -> None:
    (tmp_path / "some.db").touch()
    with pytest.raises(LoggerError, match=rf"(?s)duplicate column.*{tmp_path}/some.db is incomplete.*move it away"):
        start(setting, tmp_path)


def test_a_logger_that_fails_later_says_so_once_and_ends_no_training(
    setting: LoggerSetting, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curves = start(setting, tmp_path)
    curves.log_metrics({"loss": 1.0}, 1)
    curves.log_metrics({"loss": 1.0}, 2)
    curves.finalize("success")
    told = capsys.readouterr().err
    assert told == "the logger some failed: OSError: database is locked; losses.csv has every curve\n"
