"""The settings of a learner: the checked content of `conf/model/NAME.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from bench.registry import unknown
from bench.store import shipped
from bench.store.files import StoreError
from bench.study.run import FIRST_PAIRS, PAIRS
from bench.values import ConfigError, flag, listed, mapping, number, one_of, positive, text, whole

REQUIRED = ("version", "fitted", "sweeps", "hyper")
OPTIONAL = ("title", "values", "scaled", "published_updates", "pairs", "partners")


@dataclass(frozen=True)
class Entry:
    """A learner of the grid.

    Attributes:
        version: raised when a change moves its numbers.
        fitted: whether it is fitted directly, not trained by gradient steps.
        sweeps: the hyper-parameter whose value strength chooses.
        values: its published values, which strength indexes.
        hyper: the other hyper-parameters.
        scaled: hyper-parameters that are given for the published number of steps.
        published_updates: the share of the schedule's steps that it took in its study.
        pairs: of a model of pairs of images: the rule that draws them, of `bench.study.run.PAIRS`.
        of_pairs: whether it trains on pairs of images.
        partners: whether it chooses further images by their factors, as models of pairs do.
    """

    version: int
    fitted: bool
    sweeps: str | None
    values: tuple[float, ...]
    hyper: Mapping[str, float]
    scaled: tuple[str, ...]
    published_updates: float
    pairs: str
    of_pairs: bool
    partners: bool


def entry_of(model: str, settings: Any) -> Entry:
    """The entry that plain values describe.

    Raises:
        ConfigError: a key is missing or of the wrong type; the message names it.
        UnknownNameError: no such key or hyper-parameter; the message offers the nearest.
    """
    group = f"model.{model}"
    entry = mapping(group, settings)
    if missing := [key for key in REQUIRED if key not in entry]:
        raise ConfigError(f"{group} lacks {', '.join(missing)}")
    if extra := [key for key in entry if key not in (*REQUIRED, *OPTIONAL)]:
        raise unknown(f"{group} key", extra[0], (*REQUIRED, *OPTIONAL))
    text(f"{group}.title", entry.get("title", model))  # read by `bench.analysis.names`
    sweeps = None if entry["sweeps"] is None else text(f"{group}.sweeps", entry["sweeps"])
    hyper = dict(mapping(f"{group}.hyper", entry["hyper"]))
    if sweeps is not None and hyper.pop(sweeps, None) is not None:
        raise ConfigError(
            f"{group}.hyper.{sweeps} is what a grid sweeps: leave it null and give strength=, places in {group}.values "
            "([0,3]) or values of your own ([3.0])"
        )
    scaled = [one_of(f"hyper-parameter of {model}", key, hyper) for key in listed(entry.get("scaled") or [])]
    values = [number(f"{group}.values", value) for value in listed(entry.get("values") or [])]
    return Entry(
        whole(f"{group}.version", entry["version"]),
        flag(f"{group}.fitted", entry["fitted"]),
        sweeps,
        tuple(values),
        {key: number(f"{group}.hyper.{key}", value) for key, value in hyper.items()},
        tuple(scaled),
        positive(f"{group}.published_updates", entry.get("published_updates", 1.0)),
        _rule_of(model, entry["pairs"], hyper) if "pairs" in entry else FIRST_PAIRS,
        "pairs" in entry,
        flag(f"{group}.partners", entry.get("partners", "pairs" in entry)),
    )


def _rule_of(model: str, rule: Any, hyper: Mapping[str, Any]) -> str:
    """The rule of a model's pairs, which needs a hyper-parameter."""
    needed = PAIRS[one_of(f"rule of pairs ({model}.pairs)", rule, PAIRS)]
    if needed is not None and needed not in hyper:
        raise ConfigError(f"model.{model}.pairs={rule} reads a hyper-parameter: give +model.{model}.hyper.{needed}=1")
    return str(rule)


def swept(model: str) -> str | None:
    """The name of the hyper-parameter that a model sweeps; None: it sweeps nothing, or is not one of the suite."""
    name = shipped_settings(model).get("sweeps")
    return None if name is None else str(name)


@cache
def shipped_settings(model: str) -> Mapping[str, object]:
    """The content of a model's `conf/model/NAME.yaml`, a plug-in's too; empty for a representation from elsewhere.

    Raises:
        StoreError: the file is not yaml of keys and values.
    """
    files = [file for folder in shipped.conf_dirs() for file in (folder / "model").glob("*.yaml") if file.stem == model]
    if not files:
        return {}
    file = files[0]
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as fault:
        raise StoreError(f"{file} is not yaml: {fault}") from fault
    if not isinstance(settings, dict):
        raise StoreError(f"{file} must hold keys and values")
    return settings
