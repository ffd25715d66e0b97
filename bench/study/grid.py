"""From a composed configuration to a plan: which runs a study consists of.

`bench.__main__` composes the configuration; this module takes plain dictionaries.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import data, registry
from bench.data.base import Card
from bench.data.pooled import check_size, sizes_of
from bench.data.sampling import ALL, Sampling, of_card
from bench.metrics.base import OF_CODES
from bench.models.base import ModelError
from bench.models.parts.possible_pairs import check_moves, check_pairs
from bench.networks.base import sizes_taken
from bench.store import files
from bench.study.learner import Entry, entry_of
from bench.study.plan import Plan
from bench.study.protocol import Protocol, protocol_of
from bench.study.run import PAIRS, Frozen, Run, Schedule
from bench.values import ConfigError, build, check_name, counted, listed, mapping, number, one_of, shown, text

PUBLISHED_STEPS = 300_000  # the steps for which hyper-parameters counted in steps are given
UNCOUNTED = ("name", "timeout")  # fields of a protocol that change no number
MOST_RUNS = 1_000_000  # of a grid
LARGEST_SIZE = 128  # pixels a side at which a data set is seen where no size is told: a larger one is averaged
LARGEST_SEED = 2**31 - 1


def plan(config: Mapping[str, Any]) -> Plan:
    """The study that a composed configuration describes.

    Raises:
        ConfigError: a key is missing, of the wrong type, or out of range.
        UnknownNameError: no such data set, model or metric; the message offers the nearest.
    """
    study_name, study_title = config["study"]["name"], config["study"]["title"]
    name = None if study_name is None else check_name("study.name", study_name)
    schedule = schedule_of(config["trainer"])
    protocol = protocol_of(config["scoring"])
    metrics = metric_names(config["metric"])
    runs = tuple(dict.fromkeys(_runs(config, schedule)))
    if config["checkpoint"] is not None:
        runs = (_from_checkpoint(runs, Path(config["checkpoint"])),)
    name = name or _content_name(runs, protocol)
    title = f"Study {name}" if study_title is None else text("study.title", study_title)
    return Plan(name, title, runs, metrics, protocol, schedule, every_metric=config["metric"] == "all")


def metric_names(requested: Any) -> tuple[str, ...]:
    """The names of the requested metrics: "all", one, or a list.

    Raises:
        UnknownNameError: no such metric; the message offers the nearest.
    """
    registered, names = registry.names("metrics"), listed(requested)
    for name in names:
        if not isinstance(name, str) or name not in (*registered, "all"):
            raise registry.unknown_metric(name, [*registered, "all"])
    return tuple(registered if "all" in names else dict.fromkeys(names))


def usable(plan: Plan, requested: Any) -> tuple[Plan, list[registry.PluginError]]:
    """The plan without metrics that cannot be used, and their faults; one that was named is an error.

    Raises:
        registry.PluginError: a metric that was named cannot be used.
        UnknownNameError: the protocol gives a metric an option that it does not have.
        ConfigError: the protocol gives sampled codes to a metric that reads a group or a model.
    """
    broken = registry.faults("metrics", plan.metrics)
    if broken and requested != "all":
        raise next(iter(broken.values()))
    for name in plan.metrics:
        if name not in broken:
            _check_options(name, registry.load("metrics", name), plan.protocol)
            _check_sampled(name, plan.protocol)
    metrics = tuple(m for m in plan.metrics if m not in broken)
    return dataclasses.replace(plan, metrics=metrics), list(broken.values())


def _check_sampled(name: str, protocol: Protocol) -> None:
    reads = registry.load("metrics", name).metric.reads
    if name in protocol.also_sampled and reads not in OF_CODES:
        raise ConfigError(f"scoring.also_sampled holds {name}, which reads a {reads}, not a representation of one run")
    if name in protocol.also_held_out and reads == "group":
        raise ConfigError(f"scoring.also_held_out holds {name}, which reads a group, not one run")


def _check_options(name: str, function: Callable[..., Any], protocol: Protocol) -> None:
    parameters = inspect.signature(function).parameters.values()
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in ("seed", "values")]
        for option in protocol.options.get(name, {}):
            one_of(f"option of {name}", option, options)


def _from_checkpoint(runs: Sequence[Run], path: Path) -> Run:
    """The one run of a grid, with the weights of a file in place of training."""
    if len(runs) != 1:
        raise ConfigError(
            f"a checkpoint is one run's, the grid has {len(runs)}: give model, strength, seed and dataset"
        )
    try:
        if not path.is_file():
            raise ConfigError(f"there is no checkpoint {path}")
        return dataclasses.replace(runs[0], checkpoint=files.sha256_of(path))
    except OSError as fault:
        raise ConfigError(f"cannot read the checkpoint {path}: {fault.strerror or fault}") from fault


def _runs(config: Mapping[str, Any], schedule: Schedule) -> Iterator[Run]:
    networks = registry.load("networks", schedule.architecture).network
    models = {name: entry_of(name, entry) for name, entry in mapping("model", config.get("model", {})).items()}
    if not models:
        raise ConfigError("the grid has no model: give model=beta_vae, or model=[beta_vae,pca]")
    datasets = {name: data.card(name) for name in datasets_of(config["dataset"])}
    spans = spans_of(config["seed"])
    settings = {m: list(_settings(m, entry, _strengths(m, config))) for m, entry in models.items()}
    samplings = {name: samplings_of(config.get("sampling"), card) for name, card in datasets.items()}
    total = sum(map(len, samplings.values())) * sum(map(len, settings.values())) * sum(map(len, spans))
    if not 0 < total <= MOST_RUNS:
        raise ConfigError(f"the grid has {counted(total, 'run')}: give 1 to {MOST_RUNS:,}")
    trained = any(not entry.fitted for entry in models.values())
    schedules = {name: _schedule_on(card, schedule, trained) for name, card in datasets.items()}
    for name, card, sampling in ((n, c, s) for n, c in datasets.items() for s in samplings[n]):
        for model, entry in models.items():
            if entry.partners:
                _check_partners(model, card, sampling)
            share = entry.published_updates if schedule.updates == "published" else 1.0
            schedule_of_model = dataclasses.replace(schedules[name], steps=max(1, round(schedule.steps * share)))
            for index, value, hyper in settings[model]:
                if entry.of_pairs:
                    _check_pairs(model, entry.pairs, hyper, card)
                for key in entry.scaled:
                    hyper = hyper | {key: hyper[key] * (schedule_of_model.steps / PUBLISHED_STEPS)}
                    number(f"{key} of {model} at {schedule_of_model.steps:,} steps", hyper[key])
                for seed in (seed for span in spans for seed in span):
                    yield Run(
                        model=model,
                        version=entry.version,
                        fitted=entry.fitted,
                        hyper=Frozen(hyper),
                        sweeps=entry.sweeps,
                        strength_index=index,
                        value=value,
                        seed=seed,
                        dataset=name,
                        dataset_version=card.version,
                        schedule=schedule_of_model,
                        networks_version=1 if entry.fitted else networks.version,
                        pairs=entry.pairs,
                        sampling=sampling,
                    )


def _check_partners(model: str, card: Card, sampling: Sampling) -> None:
    """Raise ConfigError where a model that chooses images by their factors cannot be trained."""
    if not card.grid:
        raise ConfigError(
            f"{model} trains on images that share values of factors: {card.name} has no factor grid to find them in; "
            "leave one of the two out"
        )
    if sampling.leaves_out:
        raise ConfigError(
            f"{model} chooses images that share values of factors from all: with sampling={sampling.kind} some would "
            "be those that are held out"
        )


def _check_pairs(model: str, rule: str, hyper: Mapping[str, float], card: Card) -> None:
    """Raise ConfigError where a data set cannot provide the pairs that a model is trained on."""
    try:
        if (read := PAIRS[rule]) == "rate":
            check_moves(model, [hyper[read]], card.factor_sizes, card.without_order)
        else:
            check_pairs(model, [-1 if read is None else hyper[read]], card.factor_sizes)
    except ModelError as fault:
        raise ConfigError(f"{fault}; the data set is {card.name}: leave one of the two out") from fault


def _schedule_on(card: Card, schedule: Schedule, trained: bool) -> Schedule:
    """The schedule at the size that a data set is seen at: its own, up to LARGEST_SIZE, where that is not told.

    Args:
        card: of the data set.
        schedule: that of the study.
        trained: whether networks see the images, or fitted learners alone.

    Raises:
        ConfigError: the data set cannot be had at that size, or the networks do not take it.
    """
    size, sizes = schedule.image_size, sizes_of(card)
    if schedule.sized_by_data and sizes and (card.name in data.users_own() or size not in sizes):
        size = next(s for s in sizes if s <= LARGEST_SIZE)
    try:
        check_size(card, size)
    except ValueError as fault:
        raise ConfigError(str(fault)) from fault
    networks = registry.load("networks", schedule.architecture)
    if trained and not networks.takes(size):
        possible = [str(s) for s in sizes if networks.takes(s)]
        smaller = f"trainer.image_size={' or '.join(possible)}, or " if possible else ""
        raise ConfigError(
            f"architecture {schedule.architecture} does not take images of {card.name} at {size}x{size}: give {smaller}"
            f"another trainer.architecture ({sizes_taken()})"
        )
    return dataclasses.replace(schedule, image_size=size)


def datasets_of(requested: Any) -> list[str]:
    """The names of the requested data sets: one, or a list.

    Raises:
        UnknownNameError: no such data set; the message offers the nearest.
    """
    return [one_of("data set", name, data.names()) for name in listed(requested)]


def samplings_of(requested: Any, card: Card) -> list[Sampling]:
    """The samplings of a data set that models are trained with: that of `sampling`, or those of its `each`.

    Raises:
        ConfigError: the data set does not have one of them.
        UnknownNameError: no such kind, key or factor; the message offers the nearest.
    """
    if requested is None:  # configurations older than samplings
        return [ALL]
    single = {key: value for key, value in mapping("sampling", requested).items() if key != "each"}
    each = requested.get("each")
    if each == []:
        raise ConfigError("sampling.each is empty: give a list of samplings, or null")
    return list(dict.fromkeys(of_card(entry, card) for entry in ([single] if each is None else listed(each))))


def spans_of(requested: Any) -> list[Sequence[int]]:
    """The requested seeds: one, a span, or a list of both.

    Raises:
        ConfigError: one of them is no seed, or too large.
    """
    return [_span(entry) for entry in listed(requested)]


def _span(entry: Any) -> Sequence[int]:
    """The seeds of one entry: an integer is itself, "0..49" is fifty."""
    if isinstance(entry, int) and not isinstance(entry, bool) and 0 <= entry <= LARGEST_SEED:
        return [entry]
    ends = re.fullmatch(r"([0-9]{1,10})\.\.([0-9]{1,10})", entry) if isinstance(entry, str) else None
    if ends and int(ends[1]) <= int(ends[2]) <= LARGEST_SEED:
        return range(int(ends[1]), int(ends[2]) + 1)
    raise ConfigError(f"seed must be integers from 0 to {LARGEST_SEED:,}, or spans such as 0..49, got {shown(entry)}")


def _strengths(model: str, config: Mapping[str, Any]) -> list[Any]:
    """The strengths of one model: its list in `strength_of`, else those of all models."""
    strength_of = mapping("strength_of", config["strength_of"] or {})
    for name in strength_of.keys() - config["model"].keys():
        one_of("model", name, [*config["model"], *registry.names("models")])
    return listed(strength_of.get(model, config["strength"]))


def _settings(
    model: str, entry: Entry, strengths: Sequence[Any]
) -> Iterator[tuple[int | None, float | None, dict[str, float]]]:
    """(strength index, value, hyper-parameters) of each strength: integers index the list, floats are values."""
    if entry.sweeps is None:
        yield None, None, dict(entry.hyper)
        return
    for strength in strengths:
        try:
            number("strength", strength)
        except ConfigError:
            raise ConfigError(f"strength must be indices or values, got {shown(strength)}") from None
        if isinstance(strength, int) and not 0 <= strength < len(entry.values):
            choices = ", ".join(f"{v:g}" for v in entry.values)
            raise ConfigError(
                f"strength {shown(strength)} of {model} is out of range: 0..{len(entry.values) - 1} choose "
                f"{entry.sweeps} from {choices}; for {entry.sweeps} = {strength:g} itself write strength={strength:.1f}"
            )
        value = float(entry.values[strength]) if isinstance(strength, int) else strength
        index = next((i for i, v in enumerate(entry.values) if v == value), None)
        yield index, value, dict(entry.hyper) | {entry.sweeps: value}


def _content_name(runs: Sequence[Run], protocol: Protocol) -> str:
    """A name for a grid without one: the same for the same runs and protocol."""
    counted = {k: v for k, v in dataclasses.asdict(protocol).items() if k not in UNCOUNTED}
    for later in ("also_held_out", "pool_of"):  # names are older than these
        if not counted[later]:
            del counted[later]
    return f"grid-{files.digest([[run.id for run in runs], counted], 8)}"


def schedule_of(entry: Mapping[str, Any]) -> Schedule:
    """The schedule that a configuration's `trainer` describes.

    Raises:
        ConfigError: a key is missing, of the wrong type or out of range.
        UnknownNameError: no such key, precision, architecture or way to convolve.
    """
    schedule: Schedule = build(Schedule, "trainer", entry)
    return schedule
