"""Trains and scores the missing runs and cells of a study, as tasks for worker processes."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import registry
from bench.launch.jobs import jobs_of
from bench.metrics.base import OF_CODES
from bench.pool import Here, Pool, report
from bench.progress import Meter, say
from bench.scoring.codes import pool_size
from bench.scoring.device_codes import Encoding
from bench.scoring.foreign import of_codes
from bench.scoring.groups import Group, group_cells, groups_of
from bench.scoring.isolation import Scoring, score_all
from bench.scoring.run_readers import of_group, of_run
from bench.scoring.runs import Cell, GroupCell, cells, declaration
from bench.store.claims import EXPIRES_S, HEARTBEAT_S, is_claimed
from bench.store.folders import Store
from bench.study.plan import Member, Plan
from bench.study.run import Run
from bench.table.ledger import ledger
from bench.terminal import streams
from bench.values import ConfigError

Settings = Mapping[str, Any]


def train_and_score(name: str, plan: Plan, store: Store, pool: Pool, settings: Settings) -> None:
    """Train, score or both, as the stage ("run", "train" or "score") says."""
    if name in ("run", "train"):
        train(plan, store, pool, settings)
    if name in ("run", "score"):
        score(plan, store, pool, settings)


@streams()
def job(name: str, part: Plan, path: Path, settings: Settings) -> None:
    """The work of a launcher's job: finish its part of a study.

    This includes runs of a process whose machine died, once its claims have expired.
    """
    store, cpus = Store(path), settings["launcher"]["cpus"]
    with Here() if cpus <= 1 else Pool(cpus) as pool:
        train_and_score(name, part, store, pool, settings)
        patience = time.monotonic() + EXPIRES_S + HEARTBEAT_S
        while time.monotonic() < patience and any(
            is_claimed(store.run(run.id)) for run in missing_work(name, part, store, settings)
        ):
            time.sleep(HEARTBEAT_S / 4)
            train_and_score(name, part, store, pool, settings)


def missing_work(name: str, plan: Plan, store: Store, settings: Settings) -> list[Run]:
    """Runs that a stage still has to work on."""
    untrained = untrained_runs(plan, store, settings) if name != "score" else []
    unscored = unscored_cells(dataclasses.replace(plan, codes=()), store, settings) if name != "train" else []
    return untrained + [run for run, _ in unscored if isinstance(run, Run)]


def untrained_runs(plan: Plan, store: Store, settings: Settings) -> list[Run]:
    """The runs to train: missing ones, and with `retry_failed` also failed ones."""
    states = ("missing", "failed") if settings["retry_failed"] else ("missing",)
    listings = store.listings()
    return [r for r in plan.runs if (listings[r.id].state if r.id in listings else "missing") in states]


def unscored_cells(plan: Plan, store: Store, settings: Settings) -> list[tuple[Member, list[Cell]]]:
    """Trained runs and codes from elsewhere, each with its missing cells."""
    states = ("missing", "failed") if settings["retry_failed"] else ("missing",)
    all_cells, known = {cell.key: cell for cell in cells(plan.metrics, plan.protocol)}, ledger(store)
    trained = [member for member in plan.members if known.run(member) == "done"]
    todo = [
        (member, [cell for key, cell in all_cells.items() if known.cell(member, key) in states]) for member in trained
    ]
    return [(member, lacking) for member, lacking in todo if lacking]


def train(plan: Plan, store: Store, pool: Pool, settings: Settings) -> None:
    """Train what is missing: on a GPU as fleets, on CPUs as one run a process."""
    todo = untrained_runs(plan, store, settings)
    if not todo:
        return say("train: nothing is missing")
    if settings["checkpoint"] is not None:
        return _adopt(todo[0], store, Path(settings["checkpoint"]))
    accelerator, logger = accelerator_of(settings["device"]), settings["logger"]
    with Meter("train", sum(1 if r.fitted else r.schedule.steps for r in todo), "steps", len(todo)) as meter:
        for _ in range(2):  # the second time: runs of another process that has died since
            groups = jobs_of(todo, {}, on_gpu=accelerator == "cuda")
            tasks = [(group, store.path, accelerator, report, logger) for group in groups]
            if accelerator == "cuda":
                results: Iterator[tuple[int, Any]] = (
                    (i, _train_task(*task[:3], meter.advance, logger)) for i, task in enumerate(tasks)
                )
            else:
                results = pool.run(_train_task, tasks, meter.advance, killed=["KILLED"])
            todo = []
            for position, states in results:
                for run, outcome in zip(groups[position], states, strict=True):
                    todo += [run] if outcome == "elsewhere" else []
                    meter.advance(0, str(run) if outcome == "done" else f"{outcome.upper()} {run}")


def score(plan: Plan, store: Store, pool: Pool, settings: Settings) -> None:
    """Compute the missing scores of trained runs, those trained meanwhile too, and of codes from elsewhere."""
    attempted = set[tuple[str, str]]()
    while todo := [
        (member, untried)
        for member, lacking in unscored_cells(plan, store, settings)
        if (untried := [cell for cell in lacking if (member.id, cell.key) not in attempted])
    ]:
        attempted |= {(member.id, cell.key) for member, lacking in todo for cell in lacking}
        encoding = _encoding(todo, store, settings)
        with Meter("score", sum(len(c) for _, c in todo), "scores") as meter:
            score_all([_scoring(*pair) for pair in todo], store, pool, plan.protocol.timeout, meter.advance, encoding)
    if not attempted:
        say("score: nothing is missing")


def _encoding(todo: Sequence[tuple[Member, Sequence[Cell]]], store: Store, settings: Settings) -> Encoding | None:
    """Runs for a GPU to encode before they are scored; None: there are none, or no GPU is used."""
    lacking = [
        (run, images)
        for run, cells in todo
        if isinstance(run, Run) and not run.fitted
        for images in dict.fromkeys(cell.pool for cell in cells if declaration(cell.metric).reads in OF_CODES)
        if not store.run(run.id).codes(pool_size(run.dataset, images)).exists()
    ]
    if not lacking or accelerator_of(settings["device"]) != "cuda":
        return None
    return Encoding(tuple(lacking), "cuda")


def unscored_groups(
    part: Plan, whole: Plan, store: Store, settings: Settings, soon: Sequence[Run] = ()
) -> list[tuple[Group, list[GroupCell]]]:
    """Groups of trained runs that differ in their seed alone, each with the cells that one of its runs lacks.

    Args:
        part: each group has one of its runs; its metrics are scored.
        whole: the study, whose members form the groups.
        store: of the runs.
        settings: say whether failed cells are computed again.
        soon: runs that count as trained already.
    """
    states, known = ("missing", "failed") if settings["retry_failed"] else ("missing",), ledger(store)
    part_ids, trained = {member.id for member in part.members}, {run.id for run in soon}
    trained |= {member.id for member in whole.members if known.run(member) == "done"}
    todo = []
    for group in groups_of(member for member in whole.members if member.id in trained):
        if any(member.id in part_ids for member in group):
            all_cells = group_cells(part.metrics, part.protocol, group)
            lacking = [cell for cell in all_cells if any(known.cell(member, cell.key) in states for member in group)]
            todo += [(group, lacking)] if lacking else []
    return todo


def score_groups(part: Plan, whole: Plan, store: Store, pool: Pool, settings: Settings) -> None:
    """Compute the missing scores of groups; a run whose weights cannot be read is left out of its group.

    See `unscored_groups`.
    """
    attempted = set[str]()
    while todo := [
        (group, untried)
        for group, lacking in unscored_groups(part, whole, store, settings)
        if (untried := [cell for cell in lacking if cell.key not in attempted])
    ]:
        attempted |= {cell.key for _, lacking in todo for cell in lacking}
        with Meter("score groups", sum(len(c) for _, c in todo), "scores") as meter:
            score_all([of_group(*pair) for pair in todo], store, pool, part.protocol.timeout, meter.advance)


def _scoring(member: Member, lacking: Sequence[Cell]) -> Scoring:
    return of_run(member, lacking) if isinstance(member, Run) else of_codes(member, lacking)


def _adopt(run: Run, store: Store, checkpoint: Path) -> None:
    from bench.training.adopted import adopt

    if adopt(run, store, checkpoint):
        say(f"train: took the weights of {checkpoint} as {run}")
    else:
        say(f"train: {run} is claimed by another process, and left to it")


def _train_task(
    runs: Sequence[Run], path: Path, accelerator: str, progress: Callable[[float, str], None], logger: Mapping[str, Any]
) -> list[str]:
    from bench.training.loggers import LoggerSetting
    from bench.training.train import train as train_runs

    return train_runs(runs, Store(path), accelerator, progress, LoggerSetting(**logger))


def accelerator_of(device: str) -> str:
    if device not in ("auto", "cpu", "cuda"):
        raise registry.unknown("device", device, ["auto", "cpu", "cuda"])
    if device == "cpu":
        return "cpu"  # torch takes seconds to import
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda, but torch sees no CUDA device")
    return "cuda" if torch.cuda.is_available() else "cpu"
