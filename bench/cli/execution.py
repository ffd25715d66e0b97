"""Checks the settings that say how a study is carried out, before anything is written."""

from collections.abc import Callable, Mapping
from typing import Any

from bench import registry
from bench.launch import base as launchers
from bench.metrics.base import RANK_SETS
from bench.registry import PluginError
from bench.table.records import FINAL
from bench.values import ConfigError, flag, mapping, number, one_of, optional, positive, text, texts, whole

DEVICES = ("auto", "cpu", "cuda")
CRITERIA = (  # scores without factors, by which the leaderboard can pick a model's best setting
    "reconstruction", "kl", "elbo", "gaussian_total_correlation_sampled",
    "udr_lasso", "udr_spearman", "model_centrality",
)  # fmt: skip
LEVELS = ("model", "setting", "best", *CRITERIA)  # rows of the leaderboard: a model, a setting, a model at a picked one


LAUNCHER: Mapping[str, Callable[[str, Any], Any]] = {
    "at_once": optional(whole),
    "backend": text,
    "cpus": whole,
    "gpus": lambda key, value: number(key, value, 0),
    "runs": optional(whole),
    "address": text,
    "retries": lambda key, value: whole(key, value, 0),
    "minutes": whole,
    "memory_gb": positive,
    "partition": optional(text),
    "folder": optional(text),
    "sbatch": mapping,
    "setup": texts,
    "grace_seconds": lambda key, value: whole(key, value, 0),
    "wait": flag,
    "cancel": flag,
    "poll_seconds": lambda key, value: number(key, value, 0),
}


def check_execution(settings: Mapping[str, Any]) -> None:
    """Check device, processes, launcher, logger and the flags.

    Raises:
        ConfigError: a value of the wrong type or out of range.
        UnknownNameError: no such device or launcher; the message offers the nearest.
    """
    one_of("device", settings["device"], DEVICES)
    optional(whole)("processes", settings["processes"])
    for key in ("open", "retry_failed", "dry_run"):
        flag(key, settings[key])
    launcher = mapping("launcher", settings["launcher"])
    one_of("launcher", launcher.get("name"), ["local", *launchers.names()])
    for key, value in launcher.items():
        if key in LAUNCHER:
            LAUNCHER[key](f"launcher.{key}", value)
    logger = mapping("logger", settings["logger"])
    text("logger.name", logger.get("name"))
    optional(text)("logger.target", logger.get("target"))
    mapping("logger.arguments", logger.get("arguments"))


def check_board(rank_set: Any, level: Any) -> None:
    """Check the leaderboard's rank set and the level of its rows.

    Raises:
        UnknownNameError: no such rank set or level; the message offers the nearest.
    """
    one_of("rank set", rank_set, RANK_SETS)
    one_of("level", level, LEVELS)


def check_score(name: str) -> None:
    """Check that a metric declares a score, or that it is one of a run's losses.

    Raises:
        UnknownNameError: no such score; the message offers the nearest.
        ConfigError: it is the score of one factor.
    """
    if name in FINAL:
        return
    known = [*FINAL]
    for metric in registry.names("metrics"):
        try:
            declared = registry.load("metrics", metric).metric
        except PluginError:
            continue  # reported when the metrics of the plan are loaded
        known += declared.scores
        try:
            declared.score(name)
        except KeyError:
            continue
        if "/" in name:
            raise ConfigError(f"rank_by={name}: runs are ranked by a score of all factors, {name.partition('/')[0]}")
        return
    raise registry.unknown("score", name, known)
