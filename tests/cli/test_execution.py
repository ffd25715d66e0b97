"""How a study is carried out is checked before anything is written."""

from typing import Any

import pytest
import yaml

from bench.cli.execution import LAUNCHER, check_execution, check_score
from bench.registry import UnknownNameError
from bench.store import shipped
from bench.table.records import FINAL
from bench.values import ConfigError

LAUNCHERS = sorted((shipped.conf_dir() / "launcher").glob("*.yaml"))
LOGGERS = sorted((shipped.conf_dir() / "logger").glob("*.yaml"))
PLAIN = {"device": "auto", "processes": None, "open": False, "retry_failed": False, "dry_run": False}


def settings(**changed: Any) -> dict[str, Any]:
    return PLAIN | {"launcher": {"name": "local"}, "logger": {"name": "csv", "target": None, "arguments": {}}} | changed


def test_every_shipped_launcher_and_logger_is_as_it_should_be() -> None:
    for file in LAUNCHERS:
        launcher = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert launcher.keys() - {"name"} <= LAUNCHER.keys()
        check_execution(settings(launcher=launcher))
    for file in LOGGERS:
        check_execution(settings(logger=yaml.safe_load(file.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"processes": 0}, "processes must be a whole number from 1, got 0"),
        ({"processes": [2]}, r"processes must be a whole number from 1, got \[2\]"),
        ({"open": "yes"}, "open must be true or false, got 'yes'"),
        ({"launcher": "slurm"}, "launcher must be names with values"),
        ({"launcher": {"name": "slurm", "gpus": -1}}, "launcher.gpus must be a number from 0, got -1"),
        ({"launcher": {"name": "slurm", "memory_gb": 0}}, "launcher.memory_gb must be a positive number"),
        ({"launcher": {"name": "slurm", "partition": 3}}, "launcher.partition must be text, got 3"),
        ({"launcher": {"name": "slurm", "setup": [3]}}, "launcher.setup must be text, got 3"),
        ({"launcher": {"name": "slurm", "sbatch": "-A x"}}, "launcher.sbatch must be names with values"),
        ({"logger": {"name": "own", "target": 3, "arguments": {}}}, "logger.target must be text, got 3"),
        ({"logger": {"name": "own", "target": None}}, "logger.arguments must be names with values"),
    ],
)
def test_a_value_of_the_wrong_type_or_out_of_range_is_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_execution(settings(**changed))


def test_devices_and_launchers_that_are_not_there_are_offered_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cuda'"):
        check_execution(settings(device="cud"))
    with pytest.raises(UnknownNameError, match="Did you mean 'slurm'"):
        check_execution(settings(launcher={"name": "slrm"}))


def test_runs_are_ranked_by_any_score_that_they_have() -> None:
    for name in (*FINAL, "udr_lasso", "elbo", "mig", "gbt_1000", "dci_completeness"):
        check_score(name)
    with pytest.raises(UnknownNameError, match="unknown score 'gbt'"):
        check_score("gbt")
