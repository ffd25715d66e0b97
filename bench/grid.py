"""From a composed configuration to runs: what a study consists of, and each run's identity.

A run is one (model, strength, seed, data set, schedule). Its id is a hash of what changes its numbers and of
nothing else, so the same run asked for by two studies is trained once, and a changed hyper-parameter never
overwrites. Composing the configuration is `bench.__main__`'s work; this module takes plain dictionaries.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import data, registry, store
from bench.given import LABEL, GivenCodes

PUBLISHED_STEPS = 300_000  # what hyper-parameters counted in steps are given for
LOSSES = ("loss", "reconstruction", "kl", "regulariser", "total_correlation")
PRECISIONS = ("float32", "tf32", "bfloat16")


class ConfigError(ValueError):
    """A configuration that does not describe a study; the message names the key."""


@dataclass(frozen=True)
class Schedule:
    """How gradient-trained models are trained. The first group of fields changes numbers and is hashed."""

    steps: int
    batch_size: int
    learning_rate: float
    image_size: int
    architecture: str
    latent_dim: int
    threads: int
    name: str
    checkpoint_every: int
    log_every: int
    precision: str = "float32"
    convolution: str = "grouped"
    stack: int = 1
    compile: bool = True
    fleet: int = 32

    HASHED = (
        "steps", "batch_size", "learning_rate", "image_size", "architecture", "latent_dim", "threads", "precision",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise registry.unknown("precision", self.precision, PRECISIONS)

    @property
    def label(self) -> str:
        """The budget, as printed beside every result that rests on it."""
        reduced = "" if self.precision == "float32" else f", {self.precision}"
        return f"{self.name}: {self.steps:,} steps, {self.image_size}x{self.image_size} px{reduced}"


@dataclass(frozen=True)
class Run:
    """One run of the grid, resolved: everything that decides its numbers.

    `sweeps` names the hyper-parameter that strength chooses, `value` is what it is, `strength` its index among the
    model's published values (None for a value outside the list). All are None for a model that sweeps nothing.
    """

    model: str
    version: int
    fitted: bool
    hyper: Mapping[str, float]
    sweeps: str | None
    strength: int | None
    value: float | None
    seed: int
    dataset: str
    dataset_version: int
    schedule: Schedule
    checkpoint: str | None = None  # sha256 of the weights that were taken instead of training

    def config(self) -> dict[str, Any]:
        """What the id is the hash of. A fitted learner does not depend on the steps it does not take."""
        hashed = ("image_size",) if self.fitted else Schedule.HASHED
        taken = {} if self.checkpoint is None else {"checkpoint": self.checkpoint}
        return taken | {
            "model": {"name": self.model, "version": self.version, "hyper": dict(self.hyper)},
            "seed": self.seed,
            "dataset": {"name": self.dataset, "version": self.dataset_version},
            "schedule": {k: getattr(self.schedule, k) for k in hashed},
        }

    def record(self) -> dict[str, Any]:
        """What a run's folder keeps: the configuration and what a reader wants to see beside its scores."""
        shown = {"id": self.id, "strength": self.strength, "value": self.value, "schedule_label": self.schedule.label}
        return self.config() | shown

    @cached_property
    def id(self) -> str:
        """Twelve hex digits: the hash of `config()`."""
        return store.digest(self.config())

    @property
    def group(self) -> tuple[str, str]:
        """Runs that can train together as a fleet share this: (model, data set)."""
        return self.model, self.dataset

    def __str__(self) -> str:
        return f"{self.setting}, seed {self.seed}, on {self.dataset} [{self.id}]"

    @property
    def setting(self) -> str:
        """The model and what is swept, in words."""
        return self.model if self.value is None else f"{self.model}, {self.sweeps} {self.value:g}"


@dataclass(frozen=True)
class Protocol:
    """How runs are scored: sample sizes, representations, and options of single metrics.

    `pool` images are encoded for each data set (None: all of them), the same ones for every run; a metric's sizes
    are its published ones unless given here. The metrics of `also_sampled` read sampled codes besides.
    """

    name: str
    pool: int | None
    num_points: int | None
    num_train: int | None
    num_test: int | None
    representations: tuple[str, ...]
    also_sampled: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]]


Member = Run | GivenCodes


@dataclass(frozen=True)
class Plan:
    """A study made concrete.

    Attributes:
        name: of its folder in the store.
        title: in words.
        runs: what is trained.
        metrics: names of what scores them.
        protocol: how.
        schedule: what the runs' schedules come from; None where nothing is trained.
        codes: its members from elsewhere, which are scored but not trained.
        every_metric: whether metrics that are added later are the study's as well.
    """

    name: str
    title: str
    runs: tuple[Run, ...]
    metrics: tuple[str, ...]
    protocol: Protocol
    schedule: Schedule | None = None
    codes: tuple[GivenCodes, ...] = ()
    every_metric: bool = False

    @property
    def members(self) -> tuple[Member, ...]:
        """All that is scored."""
        return (*self.runs, *self.codes)

    @property
    def budget(self) -> str:
        """The schedules behind the runs, in words: the most common one, then who has another."""
        if not self.runs:
            return LABEL
        models: dict[str, list[str]] = {}
        for run in self.runs:
            models.setdefault(run.schedule.label, []).append(run.model)
        common, *others = sorted(models, key=lambda label: -len(models[label]))
        exceptions = [f"{', '.join(dict.fromkeys(models[label]))}: {label.partition(': ')[2]}" for label in others]
        return f"{common} ({'; '.join(exceptions)})" if exceptions else common


def plan(config: Mapping[str, Any]) -> Plan:
    """The study that a composed configuration describes.

    Raises:
        ConfigError: a key is missing, of the wrong type, or out of range.
        UnknownNameError: no such data set, model or metric; the message offers the nearest.
    """
    schedule = schedule_of(config["trainer"])
    protocol = protocol_of(config["scoring"])
    metrics = metric_names(config["metric"])
    runs = tuple(dict.fromkeys(_runs(config, schedule)))
    if config["checkpoint"] is not None:
        runs = (_from_checkpoint(runs, Path(config["checkpoint"])),)
    name = config["study"]["name"] or f"grid-{store.digest([[r.id for r in runs], dataclasses.asdict(protocol)], 8)}"
    title = config["study"]["title"] or f"Study {name}"
    return Plan(name, title, runs, metrics, protocol, schedule, every_metric=config["metric"] == "all")


def metric_names(asked: Any) -> tuple[str, ...]:
    """The metrics asked for: "all", one, or a list.

    Raises:
        UnknownNameError: no such metric; the message offers the nearest.
    """
    known = registry.names("metrics")
    names = tuple(known if asked == "all" else _listed(asked))
    for name in names:
        if name not in known:
            raise registry.unknown("metric", name, [*known, "all"])
    return names


def usable(plan: Plan, asked: Any) -> tuple[Plan, list[registry.PluginError]]:
    """The plan without metrics that cannot be imported, and why; one that was asked for by name is an error.

    Raises:
        registry.PluginError: a metric that was named cannot be imported.
    """
    broken: dict[str, registry.PluginError] = {}
    for name in plan.metrics:
        try:
            registry.load("metrics", name)
        except registry.PluginError as fault:
            if asked != "all":
                raise
            broken[name] = fault
    metrics = tuple(m for m in plan.metrics if m not in broken)
    return dataclasses.replace(plan, metrics=metrics), list(broken.values())


def _from_checkpoint(runs: Sequence[Run], path: Path) -> Run:
    """The one run of a grid, as one whose weights are those of a file."""
    if len(runs) != 1:
        raise ConfigError(
            f"a checkpoint is one run's, the grid has {len(runs)}: give model, strength, seed and dataset"
        )
    if not path.is_file():
        raise ConfigError(f"there is no checkpoint {path}")
    return dataclasses.replace(runs[0], checkpoint=store.sha256_of(path))


def _runs(config: Mapping[str, Any], schedule: Schedule) -> Iterator[Run]:
    if not config["model"]:
        raise ConfigError("the grid has no model: give model=beta_vae, or model=[beta_vae,pca]")
    seeds = [seed for entry in _listed(config["seed"]) for seed in _span(entry)]
    for name in _listed(config["dataset"]):
        card = data.card(name)
        for model, entry in config["model"].items():
            own = _own_schedule(model, entry, schedule)
            for strength, value, hyper in _settings(model, entry, _strengths(model, config)):
                for key in entry.get("scaled", ()):
                    hyper[key] *= own.steps / PUBLISHED_STEPS
                for seed in seeds:
                    yield Run(
                        model=model,
                        version=entry["version"],
                        fitted=entry["fitted"],
                        hyper=Frozen(hyper),
                        sweeps=entry["sweeps"],
                        strength=strength,
                        value=value,
                        seed=seed,
                        dataset=name,
                        dataset_version=card.version,
                        schedule=own,
                    )


def _span(entry: Any) -> Sequence[int]:
    """The seeds that one entry stands for: an integer is itself, "0..49" is fifty.

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(entry, int) and not isinstance(entry, bool) and entry >= 0:
        return [entry]
    if isinstance(entry, str) and (ends := re.fullmatch(r"(\d+)\.\.(\d+)", entry)) and int(ends[1]) <= int(ends[2]):
        return range(int(ends[1]), int(ends[2]) + 1)
    raise ConfigError(f"seed must be integers from 0, or spans such as 0..49, got {entry!r}")


def _strengths(model: str, config: Mapping[str, Any]) -> list[Any]:
    """The strengths of one model: its own list where the study gives it one, else everybody's."""
    return _listed((config["strength_of"] or {}).get(model, config["strength"]))


def _own_schedule(model: str, entry: Mapping[str, Any], schedule: Schedule) -> Schedule:
    """The trainer's schedule, with the share of its updates that the model's own `schedule` gives it."""
    if "updates" not in entry:
        return schedule
    if entry["schedule"] not in entry["updates"]:
        raise registry.unknown(f"schedule of {model}", entry["schedule"], entry["updates"])
    steps = round(schedule.steps * entry["updates"][entry["schedule"]])
    return dataclasses.replace(schedule, steps=max(1, steps))


def _settings(
    model: str, entry: Mapping[str, Any], strengths: Sequence[Any]
) -> Iterator[tuple[int | None, float | None, dict[str, float]]]:
    """(strength, value, hyper-parameters) of each asked strength: integers index the list, floats are values."""
    fixed = {k: v for k, v in entry["hyper"].items() if v is not None}
    swept, values = entry.get("sweeps"), entry.get("values") or []
    if swept is None:
        yield None, None, fixed
        return
    for strength in strengths:
        if isinstance(strength, bool) or not isinstance(strength, int | float):
            raise ConfigError(f"strength must be indices or values, got {strength!r}")
        if isinstance(strength, int) and not 0 <= strength < len(values):
            listed = ", ".join(f"{v:g}" for v in values)
            raise ConfigError(
                f"strength {strength} of {model} is out of range: 0..{len(values) - 1} choose {swept} from {listed}; "
                f"for {swept} = {strength} itself write strength={strength:.1f}"
            )
        value = float(values[strength]) if isinstance(strength, int) else strength
        index = next((i for i, v in enumerate(values) if v == value), None)
        yield index, value, fixed | {swept: value}


def schedule_of(entry: Mapping[str, Any]) -> Schedule:
    """The schedule that a configuration's `trainer` describes.

    Raises:
        ConfigError: a key is missing, of the wrong type or out of range.
        UnknownNameError: no such key or precision.
    """
    schedule: Schedule = _build(Schedule, "trainer", entry)
    return schedule


def protocol_of(entry: Mapping[str, Any]) -> Protocol:
    """The protocol that a configuration's `scoring` describes.

    Raises:
        ConfigError: a key is missing or of the wrong type.
        UnknownNameError: no such key, representation or metric.
    """
    lists = {k: tuple(_listed(entry[k])) for k in ("representations", "also_sampled") if k in entry}
    protocol: Protocol = _build(Protocol, "scoring", dict(entry) | lists)
    for kind in protocol.representations:
        if kind not in ("mean", "sampled"):
            raise registry.unknown("representation", kind, ["mean", "sampled"])
    for name in (*protocol.options, *protocol.also_sampled):
        if name not in registry.names("metrics"):
            raise registry.unknown("metric", name, registry.names("metrics"))
    return protocol


def _build(cls: Any, group: str, entry: Mapping[str, Any]) -> Any:
    wanted = {f.name: f.type for f in dataclasses.fields(cls)}
    if missing := wanted.keys() - entry.keys():
        raise ConfigError(f"{group} lacks {', '.join(sorted(missing))}")
    if extra := sorted(entry.keys() - wanted.keys()):
        raise registry.unknown(f"{group} key", extra[0], wanted)
    for name, kind in wanted.items():
        if kind in (int, float) and not (isinstance(entry[name], int | float) and entry[name] > 0):
            raise ConfigError(f"{group}.{name} must be a positive number, got {entry[name]!r}")
        if kind is int and entry[name] != int(entry[name]):
            raise ConfigError(f"{group}.{name} must be an integer, got {entry[name]!r}")
    return cls(**entry)


def _listed(value: Any) -> list[Any]:
    """A scalar as a list of one."""
    return list(value) if isinstance(value, list | tuple) else [value]


class Frozen(dict[str, float]):
    """Hyper-parameters that can be part of a hashable run."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))
