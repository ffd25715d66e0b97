"""The plan of a study as a record in the store, which commands extend and never shrink.

A study has one schedule and one protocol.
"""

import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bench import registry
from bench.data.sampling import of_entry
from bench.progress import say
from bench.store.claims import claiming
from bench.store.files import StoreError, is_out_of_reach, read_json, write_json
from bench.store.folders import RunFolder, Store
from bench.store.record_types import PlanRecord, checked
from bench.study import grid
from bench.study.given import GivenCodes
from bench.study.grid import UNCOUNTED
from bench.study.plan import Plan
from bench.study.protocol import Protocol, protocol_of
from bench.study.run import Frozen, Run, Schedule
from bench.values import ConfigError, counted

FORMAT = 2
OF_SCHEDULE = (*Schedule.HASHED, "updates")  # equal for all runs of a study; the steps of a model follow from both
NAMED = 3  # the most differing settings that an error names
WAIT_S = 0.05


def check_same(stored: Plan, schedule: Schedule | None, protocol: Protocol) -> None:
    """Check that a schedule and a protocol are the study's.

    Raises:
        ConfigError: one is not; the message names the settings that differ.
    """
    differing = []
    if stored.schedule is not None and schedule is not None:
        differing += differences("trainer", stored.schedule, schedule, OF_SCHEDULE)
    compared = [f.name for f in dataclasses.fields(Protocol) if f.name not in UNCOUNTED]
    differing += differences("scoring", stored.protocol, protocol, compared)
    if differing:
        raise ConfigError(
            f"study {stored.name} has one schedule and one protocol, and this command asks for others: "
            f"{'; '.join(differing)}. Leave these out to go on with {stored.name}, or begin another study with "
            "study.name=OTHER, which takes the runs that it shares as done"
        )


def differences(group: str, stored: Any, other: Any, fields: Iterable[str]) -> list[str]:
    """The settings in which two schedules or protocols differ, in words; at most `NAMED` are named."""
    pairs = [(name, getattr(stored, name), getattr(other, name)) for name in fields]
    differing = [f"{group}.{name} is {old} in the study, {new} here" for name, old, new in pairs if old != new]
    more = len(differing) - NAMED
    return differing[:NAMED] + ([f"{more} more of {group}"] if more > 0 else [])


def union(stored: Plan, added: Plan) -> Plan:
    """A study with what a command adds to it; runs of an earlier version of a model or data set are superseded.

    Raises:
        ConfigError: the two have different schedules or protocols, or settings of one model that differ in more than
            its strength.
    """
    check_same(stored, added.schedule, added.protocol)
    runs = {_slot(run): run for run in stored.runs}
    superseded = [run for run in added.runs if _slot(run) in runs and runs[_slot(run)].id != run.id]
    runs |= {_slot(run): run for run in added.runs}
    _check_models(runs.values(), stored.name)
    if superseded:
        old = counted(len(superseded), "run")
        say(f"study {stored.name}: {old} of an earlier version of a model or data set superseded")
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
    """The place of a run in a study, which does not depend on the versions of its model and data set."""
    return run.model, run.hyper, run.pairs, run.sampling, run.seed, run.dataset, run.checkpoint


def _check_models(runs: Iterable[Run], study: str) -> None:
    """Check that each model is trained in one way: only strengths, seeds and data sets may differ."""
    first: dict[tuple[Any, ...], tuple[Run, dict[str, Any]]] = {}
    for run in runs:
        for key, fields in (
            ((run.model,), {f"steps of {run.model}": run.schedule.steps} if not run.fitted else {}),
            ((run.model, "pairs"), {f"{run.model}.pairs": run.pairs}),
            ((run.dataset, run.dataset_version), {f"image_size of {run.dataset}": run.schedule.image_size}),
            ((run.model, run.value), {f"{run.model}.hyper.{k}": v for k, v in run.hyper.items()}),
        ):
            known = first.setdefault(key, (run, fields))[1]
            for name, value in fields.items():
                if known.get(name) != value:
                    raise ConfigError(
                        f"study {study} has {known.get(name)} as {name}, and this command asks for {value}: give the "
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
    mend = "move it away and give the study's grid once more: its runs are kept and are not trained again"
    try:
        entry = read_json(path)
    except StoreError as fault:
        if isinstance(fault.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        raise fault if is_out_of_reach(fault.__cause__) else StoreError(f"{fault}; {mend}") from fault
    if isinstance(entry, dict) and "format" not in entry:
        raise StoreError(f"{path} was written by an earlier version: {mend}")
    try:
        if entry["format"] != FORMAT:
            raise ValueError(f"format {entry['format']!r} is not {FORMAT}")
        checked(entry, PlanRecord)
        return _plan({**entry, "name": name})  # of a copied folder, not of the one that it was copied from
    except (LookupError, TypeError, AttributeError, ValueError) as fault:
        kind = "" if type(fault) is ValueError else f"{type(fault).__name__}: "
        raise StoreError(f"cannot read {path}: {kind}{fault}; {mend}") from fault


def _record(plan: Plan) -> dict[str, Any]:
    """A plan as JSON: runs that differ in their seed alone are one entry."""
    schedules = list(dict.fromkeys(run.schedule for run in plan.runs))
    settings: dict[tuple[Any, ...], list[int]] = {}
    for run in plan.runs:
        fields_of_setting = tuple(getattr(run, name) for name in OF_SETTING)
        settings.setdefault((*fields_of_setting, schedules.index(run.schedule)), []).append(run.seed)
    return {
        "format": FORMAT,
        "name": plan.name,
        "title": plan.title,
        "metrics": "all" if plan.every_metric else list(plan.metrics),
        "protocol": _protocol(plan.protocol),
        "schedule": None if plan.schedule is None else dataclasses.asdict(plan.schedule),
        "schedules": [dataclasses.asdict(schedule) for schedule in schedules],
        "runs": [_setting(dict(zip((*KEYS, "schedule", "seeds"), (*k, v), strict=True))) for k, v in settings.items()],
        "codes": [{_key(name): value for name, value in dataclasses.asdict(c).items()} for c in plan.codes],
    }


def _protocol(protocol: Protocol) -> dict[str, Any]:
    """An entry of a record; without `pool_of` where it is empty, so that earlier versions read it."""
    entry = dataclasses.asdict(protocol)
    return {key: value for key, value in entry.items() if key != "pool_of" or value}


def _setting(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of a record, of plain values."""
    return entry | {"sampling": entry["sampling"].entry()}


def _key(field: str) -> str:
    """The name of a field of a run or of given codes in a record."""
    return {"strength_index": "strength"}.get(field, field)


OF_SETTING = tuple(f.name for f in dataclasses.fields(Run) if f.name not in ("seed", "schedule"))


LATER = ("networks_version", "pairs", "sampling")  # missing in older records, which mean the default
KEYS = tuple(map(_key, OF_SETTING))


OF_CODES = tuple(f.name for f in dataclasses.fields(GivenCodes))


def _plan(entry: Mapping[str, Any]) -> Plan:
    schedules = [_schedule_of(schedule) for schedule in entry["schedules"]]
    every_metric = entry["metrics"] == "all"
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
    chosen = registered if every_metric else entry["metrics"]
    for name in sorted(set(chosen) - set(registered)):
        say(f"study {entry['name']}: the metric {name} is no longer there and is left out")
    return Plan(
        name=entry["name"],
        title=entry["title"],
        runs=tuple(runs),
        metrics=tuple(m for m in chosen if m in registered),
        protocol=protocol_of(entry["protocol"]),
        schedule=None if entry["schedule"] is None else _schedule_of(entry["schedule"]),
        codes=tuple(
            GivenCodes(**{f: codes[_key(f)] for f in OF_CODES if _key(f) in codes}) for codes in entry["codes"]
        ),
        every_metric=every_metric,
    )


def _schedule_of(entry: Mapping[str, Any]) -> Schedule:
    """A schedule from its record; in records without `updates` they are the published ones."""
    return grid.schedule_of({"updates": "published"} | dict(entry))
