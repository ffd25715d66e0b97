"""How runs are scored: the checked content of `conf/scoring/NAME.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from bench import registry
from bench.store.shipped import conf_dir
from bench.values import ConfigError, build, listed, mapping, one_of, optional, plain, whole

REPRESENTATIONS = ("mean", "sampled")


@dataclass(frozen=True)
class Protocol:
    """How runs are scored: sample sizes, representations, and options of single metrics.

    `pool` images are encoded for each data set (None: all of them), the same ones for every run, and for the metrics
    of `pool_of` as many as it gives them; a metric's sizes are its published ones unless given here. The metrics of
    `also_sampled` also read sampled codes; those of `also_held_out` also score the images that training never draws,
    with predictors fitted to the others. A cell that takes longer than `timeout` seconds (None: no limit) fails; it
    changes no number, so no key depends on it.
    """

    name: str
    pool: int | None
    num_points: int | None
    num_train: int | None
    num_test: int | None
    representations: tuple[str, ...]
    also_sampled: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]]
    timeout: float | None = None
    also_held_out: tuple[str, ...] = ()
    pool_of: Mapping[str, int | None] = field(default_factory=dict)

    def images(self, metric: str) -> int | None:
        """The number of images that are encoded for a metric; None: all of a data set."""
        return self.pool_of.get(metric, self.pool)


def protocol_of(entry: Mapping[str, Any]) -> Protocol:
    """The protocol that a configuration's `scoring` describes.

    Raises:
        ConfigError: a key is missing or of the wrong type.
        UnknownNameError: no such key, representation or metric.
    """
    metrics = registry.names("metrics")
    choices = {"representations": REPRESENTATIONS, "also_sampled": metrics, "also_held_out": metrics}
    kinds = {"representations": "representation", "also_sampled": "metric", "also_held_out": "metric"}
    lists = {
        key: tuple(dict.fromkeys(one_of(kinds[key], name, names) for name in listed(entry[key])))
        for key, names in choices.items()
        if key in entry
    }
    protocol: Protocol = build(Protocol, "scoring", dict(entry) | lists)
    if not protocol.representations:
        raise ConfigError("scoring.representations is empty: give mean, sampled or both")
    for name, options in mapping("scoring.options", protocol.options).items():
        key = f"scoring.options.{one_of('metric', name, metrics)}"
        plain(key, mapping(key, options))
    pools = {
        one_of("metric", name, metrics): optional(whole)(f"scoring.pool_of.{name}", size)
        for name, size in mapping("scoring.pool_of", protocol.pool_of).items()
    }
    return replace(protocol, pool_of=pools)


def shipped_protocols() -> dict[str, Protocol]:
    """The protocols that come with the package, by name: those of `conf/scoring/`."""
    files = sorted((conf_dir() / "scoring").glob("*.yaml"))
    return {file.stem: protocol_of(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files}
