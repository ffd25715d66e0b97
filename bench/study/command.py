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
    words, name = settings["given"], settings["study"]["name"]
    stored = None if name is None else read(store, name)
    has_grid = any(key in AXES or key.startswith(BELOW_AXES) for key in words) or settings["checkpoint"] is not None
    if stored is None:
        can_begin = (
            has_grid or name is None or settings["shipped"] or any(_group(k) in ("trainer", "scoring") for k in words)
        )
        if not can_begin or ("study" in words and not settings["shipped"]):
            raise _unknown_study(str(name), settings, store)
        plan = grid.plan(settings)
        return Study(plan, plan)
    metrics = grid.metric_names(settings["metric"]) if "metric" in words else stored.metrics
    every_metric = stored.every_metric or ("metric" in words and settings["metric"] == "all")
    stored = dataclasses.replace(
        stored,
        metrics=tuple(registry.names("metrics") if every_metric else dict.fromkeys((*stored.metrics, *metrics))),
        every_metric=every_metric,
    )
    completed = _completed(stored, settings)
    if settings["shipped"]:
        _report_other_schedule(stored, settings)
    if has_grid or (settings["shipped"] and settings["stage"] in ("run", "train")):
        addition = dataclasses.replace(grid.plan(completed), metrics=metrics)
        whole = union(stored, addition)
        return Study(whole, addition if has_grid else dataclasses.replace(whole, metrics=metrics))
    protocol, schedule = protocol_of(completed["scoring"]), grid.schedule_of(completed["trainer"])
    check_same(stored, schedule, protocol)
    if "trainer" in map(_group, words):
        stored = dataclasses.replace(stored, runs=tuple(_with_handling(stored.runs, schedule)))
    stored = dataclasses.replace(stored, protocol=protocol)
    return Study(stored, dataclasses.replace(stored, metrics=metrics))


def _report_other_schedule(stored: Plan, settings: Settings) -> None:
    """Report if a shipped study was begun in this store with another schedule than the shipped one, which it keeps."""
    if stored.schedule is None:
        return
    shipped = grid.schedule_of(settings["trainer"])
    if differing := differences("trainer", stored.schedule, shipped, OF_SCHEDULE):
        say(f"study {stored.name} was begun here with another schedule, and goes on so: {'; '.join(differing)}")


def with_codes(codes: GivenCodes, settings: Settings, store: Store) -> Study:
    """The study with codes added as a member; without a study's name, a plan of these codes alone.

    Raises:
        ConfigError: the command has another protocol than the study.
        UnknownNameError: there is no such study.
        StoreError: its record cannot be read.
    """
    name = settings["study"]["name"]
    stored = None if name is None else read(store, name)
    if stored is None and "study" in settings["given"] and not settings["shipped"]:
        raise _unknown_study(str(name), settings, store)
    completed = settings if stored is None else _completed(stored, settings)
    protocol, metrics = protocol_of(completed["scoring"]), grid.metric_names(completed["metric"])
    title = settings["study"]["title"] or f"Study {name}"
    every_metric = completed["metric"] == "all"
    part = Plan(name or "", title, (), metrics, protocol, codes=(codes,), every_metric=every_metric)
    return Study(part if stored is None else union(stored, part), part)


def _unknown_study(name: str, settings: Settings, store: Store) -> registry.UnknownNameError:
    fault = registry.unknown("study", name, names(settings, store))
    return registry.UnknownNameError(f"{fault} The store is {store}.")


def names(settings: Settings, store: Store) -> list[str]:
    """Studies that a command can name: shipped ones and those in the store."""
    return sorted({*settings.get("studies", ()), *store.studies()})


def axes(store: Store, name: str) -> dict[str, Any]:
    """The axes of a study, as defaults for a grid that is added to it.

    Returns:
        Key of the configuration -> value: model, seed, dataset, `strength_of` with the strengths of each model,
        `strength` for other models, and `sampling.each` unless all images are the only sampling. Empty for a study
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
    indices = sorted({s for strengths_of_model in strengths.values() for s in strengths_of_model if isinstance(s, int)})
    samplings = _distinct(run.sampling for run in plan.runs)
    other_samplings = {} if samplings == [ALL] else {"sampling.each": [sampling.entry() for sampling in samplings]}
    return (
        other_samplings
        | {
            "model": _distinct(run.model for run in plan.runs),
            "seed": _distinct(run.seed for run in plan.runs),
            "dataset": _distinct(run.dataset for run in plan.runs),
            "strength_of": {model: list(strengths_of_model) for model, strengths_of_model in strengths.items()},
        }
        | ({"strength": indices} if indices else {})
    )


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _group(key: str) -> str:
    return key.partition(".")[0]


def _completed(stored: Plan, settings: Settings) -> dict[str, Any]:
    """The settings, completed by the study's schedule, protocol and metrics if the command line lacks them."""
    completed = dict(settings)
    for group, of_study in (("trainer", stored.schedule), ("scoring", stored.protocol)):
        if of_study is not None and group not in settings["given"]:
            keys = {key.split(".")[1] for key in settings["given"] if _group(key) == group}
            keys |= {"sized_by_data"} if "image_size" in keys else set()
            completed[group] = dataclasses.asdict(of_study) | {key: settings[group][key] for key in keys}
    if "metric" not in settings["given"]:
        completed["metric"] = "all" if stored.every_metric else list(stored.metrics)
    return completed


def _with_handling(runs: Iterable[Run], schedule: Schedule) -> Iterator[Run]:
    """Runs whose schedules get the fields of another schedule that change no number."""
    identifying = (*Schedule.HASHED, "name")
    fields = {f.name: getattr(schedule, f.name) for f in dataclasses.fields(Schedule) if f.name not in identifying}
    for run in runs:
        yield dataclasses.replace(run, schedule=dataclasses.replace(run.schedule, **fields))
