"""The plans of a store's studies, as records that commands extend and never shrink.

A study has one schedule and one protocol. A command that names a study acts on its plan and adds its own grid to it;
what the grid does not give (models, strengths, seeds, data sets, schedule, protocol, metrics) is taken from the study.
Codes from elsewhere are members like trained runs.
"""

import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench import registry
from bench.data.sampling import ALL, of_entry
from bench.progress import say
from bench.store.claims import claiming
from bench.store.files import StoreError, read_json, write_json
from bench.store.folders import RunFolder, Store
from bench.study import grid
from bench.study.given import GivenCodes
from bench.study.grid import UNCOUNTED
from bench.study.plan import Plan
from bench.study.protocol import Protocol, protocol_of
from bench.study.run import Frozen, Run, Schedule
from bench.values import ConfigError

Settings = Mapping[str, Any]

FORMAT = 2
OF_SCHEDULE = (*Schedule.HASHED, "updates")  # equal for all runs of a study; the steps of a model follow from both
AXES = ("model", "strength", "strength_of", "seed", "dataset", "sampling")
BELOW_AXES = ("model.", "sampling.")  # keys that also change a grid
NAMED = 3  # the most differing settings that an error names
WAIT_S = 0.05


@dataclass(frozen=True)
class Study:
    """The study of a command.

    Attributes:
        whole: the study, with what this command adds to it.
        part: what this command trains and scores: its grid, or the whole if it gives none.
    """

    whole: Plan
    part: Plan


def study_of(settings: Settings, store: Store) -> Study:
    """The study that a command names, from its record in the store and from the command's grid; writes nothing.

    Args:
        settings: the composed configuration; `given` holds the words of the command line, and `shipped` tells whether
            the study is one of the configuration's.
        store: where the record is.

    Raises:
        ConfigError: the grid has another schedule or protocol than the study.
        UnknownNameError: there is no such study, and no grid to begin it with.
        StoreError: its record cannot be read.
    """
    given, name = settings["given"], settings["study"]["name"]
    stored = None if name is None else read(store, name)
    has_grid = any(key in AXES or key.startswith(BELOW_AXES) for key in given) or settings["checkpoint"] is not None
    if stored is None:
        begins = (
            has_grid or name is None or settings["shipped"] or any(_group(k) in ("trainer", "scoring") for k in given)
        )
        if not begins or ("study" in given and not settings["shipped"]):
            raise registry.unknown("study", str(name), names(settings, store))
        plan = grid.plan(settings)
        return Study(plan, plan)
    metrics = grid.metric_names(settings["metric"]) if "metric" in given else stored.metrics
    every = stored.every_metric or ("metric" in given and settings["metric"] == "all")
    stored = dataclasses.replace(
        stored,
        metrics=tuple(registry.names("metrics") if every else dict.fromkeys((*stored.metrics, *metrics))),
        every_metric=every,
    )
    settled = _as_in(stored, settings)
    if settings["shipped"]:
        _tell_of_other_beginnings(stored, settings)
    if has_grid or (settings["shipped"] and settings["stage"] in ("run", "train")):
        added = dataclasses.replace(grid.plan(settled), metrics=metrics)
        whole = union(stored, added)
        return Study(whole, added if has_grid else dataclasses.replace(whole, metrics=metrics))
    protocol, schedule = protocol_of(settled["scoring"]), grid.schedule_of(settled["trainer"])
    _check_same(stored, schedule, protocol)
    if "trainer" in map(_group, given):
        stored = dataclasses.replace(stored, runs=tuple(_handled(stored.runs, schedule)))
    stored = dataclasses.replace(stored, protocol=protocol)
    return Study(stored, dataclasses.replace(stored, metrics=metrics))


def _tell_of_other_beginnings(stored: Plan, settings: Settings) -> None:
    """Say that a shipped study was begun here with another schedule than the shipped one, and keeps that schedule."""
    if stored.schedule is None:
        return
    shipped = grid.schedule_of(settings["trainer"])
    if differing := _differences("trainer", stored.schedule, shipped, OF_SCHEDULE):
        say(f"study {stored.name} was begun here with another schedule, and goes on so: {'; '.join(differing)}")


def with_codes(codes: GivenCodes, settings: Settings, store: Store) -> Study:
    """The study with codes added as a member; without a study's name, a plan of these codes alone.

    Raises:
        ConfigError: another protocol is asked for than the study's.
        UnknownNameError: there is no such study.
        StoreError: its record cannot be read.
    """
    name = settings["study"]["name"]
    stored = None if name is None else read(store, name)
    if stored is None and "study" in settings["given"] and not settings["shipped"]:
        raise registry.unknown("study", str(name), names(settings, store))
    settled = settings if stored is None else _as_in(stored, settings)
    protocol, metrics = protocol_of(settled["scoring"]), grid.metric_names(settled["metric"])
    title = settings["study"]["title"] or f"Study {name}"
    every = settled["metric"] == "all"
    part = Plan(name or "", title, (), metrics, protocol, codes=(codes,), every_metric=every)
    return Study(part if stored is None else union(stored, part), part)


def names(settings: Settings, store: Store) -> list[str]:
    """Studies that a command can name: shipped ones, and those of the store."""
    return sorted({*settings.get("studies", ()), *store.studies()})


def axes(store: Store, name: str) -> dict[str, Any]:
    """The axes of a study, for a grid that is added to it: defaults of what the command line does not give.

    Returns:
        Key of the configuration -> value: model, seed, dataset, and the strengths of each model as `strength_of`, of
        others as `strength`; samplings as `sampling.each`, where there is another than all images. Empty for a study
        without runs.

    Raises:
        StoreError: the record cannot be read.
    """
    plan = read(store, name)
    if plan is None or not plan.runs:
        return {}
    strengths: dict[str, dict[Any, None]] = {}
    for run in plan.runs:
        if run.sweeps is not None:
            index = run.strength_index
            strengths.setdefault(run.model, {})[run.value if index is None else index] = None
    indices = sorted({s for of_model in strengths.values() for s in of_model if isinstance(s, int)})
    samplings = _distinct(run.sampling for run in plan.runs)
    several = {} if samplings == [ALL] else {"sampling.each": [sampling.entry() for sampling in samplings]}
    return (
        several
        | {
            "model": _distinct(run.model for run in plan.runs),
            "seed": _distinct(run.seed for run in plan.runs),
            "dataset": _distinct(run.dataset for run in plan.runs),
            "strength_of": {model: list(of_model) for model, of_model in strengths.items()},
        }
        | ({"strength": indices} if indices else {})
    )


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _group(key: str) -> str:
    return key.partition(".")[0]


def _as_in(stored: Plan, settings: Settings) -> dict[str, Any]:
    """The settings, with the study's schedule and protocol where the command line does not give them."""
    settled = dict(settings)
    for group, kept in (("trainer", stored.schedule), ("scoring", stored.protocol)):
        if kept is not None and group not in settings["given"]:
            words = {key.split(".")[1] for key in settings["given"] if _group(key) == group}
            words |= {"sized_by_data"} if "image_size" in words else set()
            settled[group] = dataclasses.asdict(kept) | {key: settings[group][key] for key in words}
    if "metric" not in settings["given"]:
        settled["metric"] = "all" if stored.every_metric else list(stored.metrics)
    return settled


def _check_same(stored: Plan, schedule: Schedule | None, protocol: Protocol) -> None:
    """Refuse another schedule or protocol than the study's."""
    differing = []
    if stored.schedule is not None and schedule is not None:
        differing += _differences("trainer", stored.schedule, schedule, OF_SCHEDULE)
    compared = [f.name for f in dataclasses.fields(Protocol) if f.name not in UNCOUNTED]
    differing += _differences("scoring", stored.protocol, protocol, compared)
    if differing:
        raise ConfigError(
            f"study {stored.name} has one schedule and one protocol, and this command asks for others: "
            f"{'; '.join(differing)}. Leave these out to go on with {stored.name}, or begin another study with "
            "study.name=OTHER, which takes the runs that it shares as done"
        )


def _differences(group: str, stored: Any, other: Any, fields: Iterable[str]) -> list[str]:
    pairs = [(name, getattr(stored, name), getattr(other, name)) for name in fields]
    differing = [f"{group}.{name} is {old} in the study, {new} here" for name, old, new in pairs if old != new]
    more = len(differing) - NAMED
    return differing[:NAMED] + ([f"{more} more of {group}"] if more > 0 else [])


def _handled(runs: Iterable[Run], schedule: Schedule) -> Iterator[Run]:
    """Runs, their schedules with those fields of another schedule that change no number."""
    kept = (*Schedule.HASHED, "name")
    fields = {f.name: getattr(schedule, f.name) for f in dataclasses.fields(Schedule) if f.name not in kept}
    for run in runs:
        yield dataclasses.replace(run, schedule=dataclasses.replace(run.schedule, **fields))


def union(stored: Plan, added: Plan) -> Plan:
    """A study with what a command adds to it; runs of an earlier version of a model or data set are superseded.

    Raises:
        ConfigError: the two have different schedules or protocols, or settings of one model that differ in more than
            its strength.
    """
    _check_same(stored, added.schedule, added.protocol)
    runs = {_slot(run): run for run in stored.runs}
    superseded = [run for run in added.runs if _slot(run) in runs and runs[_slot(run)].id != run.id]
    runs |= {_slot(run): run for run in added.runs}
    _check_models(runs.values(), stored.name)
    if superseded:
        say(f"study {stored.name}: {len(superseded)} runs of an earlier version of a model or data set are superseded")
    return dataclasses.replace(
        stored,
        runs=tuple(runs.values()),
        codes=tuple({codes.id: codes for codes in (*stored.codes, *added.codes)}.values()),
        metrics=tuple(dict.fromkeys((*stored.metrics, *added.metrics))),
        every_metric=stored.every_metric or added.every_metric,
        schedule=stored.schedule or added.schedule,
        title=stored.title if stored.runs or not added.runs else added.title,
    )


def _slot(run: Run) -> tuple[Any, ...]:
    """What one run of a study is, whatever the version of its model and data set."""
    return run.model, run.hyper, run.pairs, run.sampling, run.seed, run.dataset, run.checkpoint


def _check_models(runs: Iterable[Run], study: str) -> None:
    """Refuse a model that is trained in two ways: only its strengths, seeds and data sets may differ."""
    first: dict[tuple[Any, ...], tuple[Run, dict[str, Any]]] = {}
    for run in runs:
        for key, fields in (
            ((run.model,), {f"steps of {run.model}": run.schedule.steps} if not run.fitted else {}),
            ((run.model, "pairs"), {f"{run.model}.pairs": run.pairs}),
            ((run.dataset, run.dataset_version), {f"image_size of {run.dataset}": run.schedule.image_size}),
            ((run.model, run.value), {f"{run.model}.hyper.{k}": v for k, v in run.hyper.items()}),
        ):
            before = first.setdefault(key, (run, fields))[1]
            for name, value in fields.items():
                if before.get(name) != value:
                    raise ConfigError(
                        f"study {study} has {before.get(name)} as {name}, and this command asks for {value}: give the "
                        f"settings of {run.model} with which the study was begun, or another study.name"
                    )


def extend(plan: Plan, store: Store) -> Plan:
    """Add a plan to the record of its study, one command at a time; return the whole study.

    Raises:
        ConfigError: the study has another schedule or protocol.
        StoreError: the record cannot be read or written.
    """
    with _locked(plan.name, store):
        stored = read(store, plan.name)
        whole = plan if stored is None else union(stored, plan)
        if whole != stored:
            write_json(store.study_plan(plan.name), _record(whole))
    return whole


@contextmanager
def _locked(name: str, store: Store) -> Iterator[None]:
    """Hold the claim on a study's folder, like a claim on a run: it expires if the process dies."""
    folder, started, reported = RunFolder(store.study(name)), time.monotonic(), False
    while True:
        with claiming([folder], required=True) as (claim,):
            if claim is not None:
                yield
                return
        if not reported and time.monotonic() - started > 5:
            reported = True
            say(f"waiting for another command that extends study {name} ({folder.path})")
        time.sleep(WAIT_S)


def read(store: Store, name: str) -> Plan | None:
    """The plan of a study from its record; None if the store has no such study.

    Raises:
        StoreError: the record cannot be read; the message says how to go on.
    """
    path = store.study_plan(name)
    if not path.exists():
        return None
    entry = read_json(path)
    mend = "move it away and give the study's grid once more: its runs are kept and are not trained again"
    if isinstance(entry, dict) and "format" not in entry:
        raise StoreError(f"{path} was written by an earlier version: {mend}")
    try:
        if entry["format"] != FORMAT:
            raise ValueError(f"format {entry['format']!r} is not {FORMAT}")
        return _plan(entry)
    except (LookupError, TypeError, AttributeError, ValueError) as fault:
        raise StoreError(f"cannot read {path}: {type(fault).__name__}: {fault}; {mend}") from fault


def _record(plan: Plan) -> dict[str, Any]:
    """A plan as JSON: runs that differ in their seed alone are one entry."""
    schedules = list(dict.fromkeys(run.schedule for run in plan.runs))
    settings: dict[tuple[Any, ...], list[int]] = {}
    for run in plan.runs:
        described = tuple(getattr(run, name) for name in OF_SETTING)
        settings.setdefault((*described, schedules.index(run.schedule)), []).append(run.seed)
    return {
        "format": FORMAT,
        "name": plan.name,
        "title": plan.title,
        "metrics": "all" if plan.every_metric else list(plan.metrics),
        "protocol": dataclasses.asdict(plan.protocol),
        "schedule": None if plan.schedule is None else dataclasses.asdict(plan.schedule),
        "schedules": [dataclasses.asdict(schedule) for schedule in schedules],
        "runs": [_setting(dict(zip((*KEYS, "schedule", "seeds"), (*k, v), strict=True))) for k, v in settings.items()],
        "codes": [{_key(name): value for name, value in dataclasses.asdict(c).items()} for c in plan.codes],
    }


def _setting(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of a record, of plain values."""
    return entry | {"sampling": entry["sampling"].entry()}


def _key(field: str) -> str:
    """The name of a field of a run or of given codes in a record."""
    return {"strength_index": "strength"}.get(field, field)


OF_SETTING = tuple(f.name for f in dataclasses.fields(Run) if f.name not in ("seed", "schedule"))
LATER = ("networks_version", "pairs", "sampling")  # that records written before lack: they mean its default
KEYS = tuple(map(_key, OF_SETTING))
OF_CODES = tuple(f.name for f in dataclasses.fields(GivenCodes))


def _plan(entry: Mapping[str, Any]) -> Plan:
    schedules = [_schedule_of(schedule) for schedule in entry["schedules"]]
    every = entry["metrics"] == "all"
    runs = [
        Run(
            **{name: setting[_key(name)] for name in OF_SETTING if name in setting or name not in LATER}
            | {"hyper": Frozen(setting["hyper"])}
            | ({"sampling": of_entry(setting["sampling"])} if "sampling" in setting else {}),
            schedule=schedules[setting["schedule"]],
            seed=seed,
        )
        for setting in entry["runs"]
        for seed in setting["seeds"]
    ]
    registered = registry.names("metrics")
    for gone in [] if every else sorted(set(entry["metrics"]) - set(registered)):
        say(f"study {entry['name']}: the metric {gone} is no longer there and is left out")
    return Plan(
        name=entry["name"],
        title=entry["title"],
        runs=tuple(runs),
        metrics=tuple(registered if every else (m for m in entry["metrics"] if m in registered)),
        protocol=protocol_of(entry["protocol"]),
        schedule=None if entry["schedule"] is None else _schedule_of(entry["schedule"]),
        codes=tuple(
            GivenCodes(**{f: codes[_key(f)] for f in OF_CODES if _key(f) in codes}) for codes in entry["codes"]
        ),
        every_metric=every,
    )


def _schedule_of(entry: Mapping[str, Any]) -> Schedule:
    """A schedule from its record; in records without `updates` they are the published ones."""
    return grid.schedule_of({"updates": "published"} | dict(entry))
