"""The study that a command acts on: its record in the store, with what the command adds to it.

A command that names a study acts on its plan and adds its own grid to it; what the grid does not give (models,
strengths, seeds, data sets, schedule, protocol, metrics) is taken from the study. Codes from elsewhere are members like
trained runs.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench import registry
from bench.data.sampling import ALL
from bench.progress import say
from bench.store.folders import Store
from bench.study import grid
from bench.study.given import GivenCodes
from bench.study.plan import Plan
from bench.study.protocol import protocol_of
from bench.study.record import OF_SCHEDULE, check_same, differences, read, union
from bench.study.run import Run, Schedule

Settings = Mapping[str, Any]

AXES = ("model", "strength", "strength_of", "seed", "dataset", "sampling")
BELOW_AXES = ("model.", "sampling.")  # keys that also change a grid


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
    check_same(stored, schedule, protocol)
    if "trainer" in map(_group, given):
        stored = dataclasses.replace(stored, runs=tuple(_handled(stored.runs, schedule)))
    stored = dataclasses.replace(stored, protocol=protocol)
    return Study(stored, dataclasses.replace(stored, metrics=metrics))


def _tell_of_other_beginnings(stored: Plan, settings: Settings) -> None:
    """Say that a shipped study was begun here with another schedule than the shipped one, and keeps that schedule."""
    if stored.schedule is None:
        return
    shipped = grid.schedule_of(settings["trainer"])
    if differing := differences("trainer", stored.schedule, shipped, OF_SCHEDULE):
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
            settled[group] = dataclasses.asdict(kept) | {key: settings[group][key] for key in words}
    if "metric" not in settings["given"]:
        settled["metric"] = "all" if stored.every_metric else list(stored.metrics)
    return settled


def _handled(runs: Iterable[Run], schedule: Schedule) -> Iterator[Run]:
    """Runs, their schedules with those fields of another schedule that change no number."""
    kept = (*Schedule.HASHED, "name")
    fields = {f.name: getattr(schedule, f.name) for f in dataclasses.fields(Schedule) if f.name not in kept}
    for run in runs:
        yield dataclasses.replace(run, schedule=dataclasses.replace(run.schedule, **fields))
