"""Studies of a store: the plan of each is a record that commands extend and never shrink.

A study has one schedule and one protocol. A command that names a study acts on its plan; a grid that comes with the
command is added to it, and what the grid leaves open (models, strengths, seeds, data sets, schedule, protocol, metrics)
is as in the study. Codes from elsewhere are members like trained runs.
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
OF_SCHEDULE = (*Schedule.HASHED, "updates")  # the same of all runs of a study; of a model, steps follow from both
AXES = ("model", "strength", "strength_of", "seed", "dataset", "sampling")
BELOW_AXES = ("model.", "sampling.")  # keys that change a grid as well
NAMED = 3  # differing settings that an error names
WAIT_S = 0.05


@dataclass(frozen=True)
class Study:
    """What a command is about.

    Attributes:
        whole: the study, with what this command adds to it.
        part: what this command trains and scores: its own grid, or the whole where it gives none.
    """

    whole: Plan
    part: Plan


def study_of(settings: Settings, store: Store) -> Study:
    """The study that a command names, from its record in the store and from the command's own grid; writes nothing.

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
    known = None if name is None else read(store, name)
    has_grid = any(key in AXES or key.startswith(BELOW_AXES) for key in given) or settings["checkpoint"] is not None
    if known is None:
        begins = (
            has_grid or name is None or settings["shipped"] or any(_group(k) in ("trainer", "scoring") for k in given)
        )
        if not begins or ("study" in given and not settings["shipped"]):
            raise registry.unknown("study", str(name), names(settings, store))
        plan = grid.plan(settings)
        return Study(plan, plan)
    metrics = grid.metric_names(settings["metric"]) if "metric" in given else known.metrics
    every = known.every_metric or ("metric" in given and settings["metric"] == "all")
    known = dataclasses.replace(
        known,
        metrics=tuple(registry.names("metrics") if every else dict.fromkeys((*known.metrics, *metrics))),
        every_metric=every,
    )
    settled = _as_in(known, settings)
    if settings["shipped"]:
        _tell_of_other_beginnings(known, settings)
    if has_grid or (settings["shipped"] and settings["stage"] in ("run", "train")):
        added = dataclasses.replace(grid.plan(settled), metrics=metrics)
        whole = union(known, added)
        return Study(whole, added if has_grid else dataclasses.replace(whole, metrics=metrics))
    protocol, schedule = protocol_of(settled["scoring"]), grid.schedule_of(settled["trainer"])
    _check_same(known, schedule, protocol)
    if "trainer" in map(_group, given):
        known = dataclasses.replace(known, runs=tuple(_handled(known.runs, schedule)))
    known = dataclasses.replace(known, protocol=protocol)
    return Study(known, dataclasses.replace(known, metrics=metrics))


def _tell_of_other_beginnings(known: Plan, settings: Settings) -> None:
    """Say where a shipped study was begun here with another schedule than it comes with: it goes on as it was begun."""
    if known.schedule is None:
        return
    shipped = grid.schedule_of(settings["trainer"])
    if differing := _differences("trainer", known.schedule, shipped, OF_SCHEDULE):
        say(f"study {known.name} was begun here with another schedule, and goes on so: {'; '.join(differing)}")


def with_codes(codes: GivenCodes, settings: Settings, store: Store) -> Study:
    """The study that codes are to be a member of, with them; without a study's name, what is asked of them alone.

    Raises:
        ConfigError: another protocol is asked for than the study's.
        UnknownNameError: there is no such study.
        StoreError: its record cannot be read.
    """
    name = settings["study"]["name"]
    known = None if name is None else read(store, name)
    if known is None and "study" in settings["given"] and not settings["shipped"]:
        raise registry.unknown("study", str(name), names(settings, store))
    settled = settings if known is None else _as_in(known, settings)
    protocol, metrics = protocol_of(settled["scoring"]), grid.metric_names(settled["metric"])
    title = settings["study"]["title"] or f"Study {name}"
    every = settled["metric"] == "all"
    part = Plan(name or "", title, (), metrics, protocol, codes=(codes,), every_metric=every)
    return Study(part if known is None else union(known, part), part)


def names(settings: Settings, store: Store) -> list[str]:
    """Studies that a command can name: shipped ones, and those of the store."""
    return sorted({*settings.get("studies", ()), *store.studies()})


def axes(store: Store, name: str) -> dict[str, Any]:
    """What a grid that is added to a study has where the command line does not say: the study's own.

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


def _as_in(known: Plan, settings: Settings) -> dict[str, Any]:
    """The settings, with the study's schedule and protocol but for what the command line gives of them."""
    settled = dict(settings)
    for group, kept in (("trainer", known.schedule), ("scoring", known.protocol)):
        if kept is not None and group not in settings["given"]:
            words = {key.split(".")[1] for key in settings["given"] if _group(key) == group}
            settled[group] = dataclasses.asdict(kept) | {key: settings[group][key] for key in words}
    if "metric" not in settings["given"]:
        settled["metric"] = "all" if known.every_metric else list(known.metrics)
    return settled


def _check_same(known: Plan, schedule: Schedule | None, protocol: Protocol) -> None:
    """Refuse another schedule or protocol than the study's."""
    differing = []
    if known.schedule is not None and schedule is not None:
        differing += _differences("trainer", known.schedule, schedule, OF_SCHEDULE)
    compared = [f.name for f in dataclasses.fields(Protocol) if f.name not in UNCOUNTED]
    differing += _differences("scoring", known.protocol, protocol, compared)
    if differing:
        raise ConfigError(
            f"study {known.name} has one schedule and one protocol, and this command asks for others: "
            f"{'; '.join(differing)}. Leave these out to go on with {known.name}, or begin another study with "
            "study.name=OTHER, which takes the runs that it shares as done"
        )


def _differences(group: str, known: Any, other: Any, fields: Iterable[str]) -> list[str]:
    pairs = [(name, getattr(known, name), getattr(other, name)) for name in fields]
    differing = [f"{group}.{name} is {old} in the study, {new} here" for name, old, new in pairs if old != new]
    more = len(differing) - NAMED
    return differing[:NAMED] + ([f"{more} more of {group}"] if more > 0 else [])


def _handled(runs: Iterable[Run], schedule: Schedule) -> Iterator[Run]:
    """Runs whose schedules have the fields of another that change no number."""
    kept = (*Schedule.HASHED, "name")
    fields = {f.name: getattr(schedule, f.name) for f in dataclasses.fields(Schedule) if f.name not in kept}
    for run in runs:
        yield dataclasses.replace(run, schedule=dataclasses.replace(run.schedule, **fields))


def union(known: Plan, added: Plan) -> Plan:
    """A study with what a command adds to it; runs of an earlier version of a model or data set are superseded.

    Raises:
        ConfigError: the two have different schedules or protocols, or settings of one model that differ in more than
            its strength.
    """
    _check_same(known, added.schedule, added.protocol)
    runs = {_slot(run): run for run in known.runs}
    superseded = [run for run in added.runs if _slot(run) in runs and runs[_slot(run)].id != run.id]
    runs |= {_slot(run): run for run in added.runs}
    _check_models(runs.values(), known.name)
    if superseded:
        say(f"study {known.name}: {len(superseded)} runs of an earlier version of a model or data set are superseded")
    return dataclasses.replace(
        known,
        runs=tuple(runs.values()),
        codes=tuple({codes.id: codes for codes in (*known.codes, *added.codes)}.values()),
        metrics=tuple(dict.fromkeys((*known.metrics, *added.metrics))),
        every_metric=known.every_metric or added.every_metric,
        schedule=known.schedule or added.schedule,
        title=known.title if known.runs or not added.runs else added.title,
    )


def _slot(run: Run) -> tuple[Any, ...]:
    """What one run of a study is, whatever the version of its model and data set."""
    return run.model, run.hyper, run.pairs, run.sampling, run.seed, run.dataset, run.checkpoint


def _check_models(runs: Iterable[Run], study: str) -> None:
    """Refuse a model that is trained in two ways: its strengths, seeds and data sets alone may differ."""
    first: dict[tuple[Any, ...], tuple[Run, dict[str, Any]]] = {}
    for run in runs:
        for key, fields in (
            ((run.model,), {f"steps of {run.model}": run.schedule.steps} if not run.fitted else {}),
            ((run.model, "pairs"), {f"{run.model}.pairs": run.pairs}),
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
    """Add a plan to the record of its study, one command at a time; the study as it stands then.

    Raises:
        ConfigError: the study has another schedule or protocol.
        StoreError: the record cannot be read or written.
    """
    with _locked(plan.name, store):
        known = read(store, plan.name)
        whole = plan if known is None else union(known, plan)
        if whole != known:
            write_json(store.study_plan(plan.name), _record(whole))
    return whole


@contextmanager
def _locked(name: str, store: Store) -> Iterator[None]:
    """Hold the claim on a study's folder, as one is held on a run: that of a dead process is free."""
    folder, started, told = RunFolder(store.study(name)), time.monotonic(), False
    while True:
        with claiming([folder], required=True) as (claim,):
            if claim is not None:
                yield
                return
        if not told and time.monotonic() - started > 5:
            told = True
            say(f"waiting for another command that extends study {name} ({folder.path})")
        time.sleep(WAIT_S)


def read(store: Store, name: str) -> Plan | None:
    """The plan of a study as its record says; None where the store has no such study.

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
        "codes": [{_key(name): told for name, told in dataclasses.asdict(c).items()} for c in plan.codes],
    }


def _setting(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of a record, of plain values."""
    return entry | {"sampling": entry["sampling"].entry()}


def _key(field: str) -> str:
    """What a field of a run or of given codes is called in a record."""
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
    known = registry.names("metrics")
    for gone in [] if every else sorted(set(entry["metrics"]) - set(known)):
        say(f"study {entry['name']}: the metric {gone} is no longer there and is left out")
    return Plan(
        name=entry["name"],
        title=entry["title"],
        runs=tuple(runs),
        metrics=tuple(known if every else (m for m in entry["metrics"] if m in known)),
        protocol=protocol_of(entry["protocol"]),
        schedule=None if entry["schedule"] is None else _schedule_of(entry["schedule"]),
        codes=tuple(
            GivenCodes(**{f: codes[_key(f)] for f in OF_CODES if _key(f) in codes}) for codes in entry["codes"]
        ),
        every_metric=every,
    )


def _schedule_of(entry: Mapping[str, Any]) -> Schedule:
    """A schedule as it was written; records that do not tell of updates are of a time when they were the published."""
    return grid.schedule_of({"updates": "published"} | dict(entry))
