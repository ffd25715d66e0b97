"""What a command would do and about how long it takes, judged by what is finished; nothing is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from bench.columns import coded
from bench.compact import contents
from bench.grid import Member, Run
from bench.progress import results
from bench.scoring import Cell
from bench.store import Store


@dataclass(frozen=True)
class Prices:
    """Mean seconds of finished work.

    Attributes:
        training: (model, schedule) -> a run's training.
        scoring: cell key -> the cell, without encoding.
    """

    training: Mapping[tuple[str, str], float]
    scoring: Mapping[str, float]

    def train(self, runs: Iterable[Run]) -> float | None:
        """Seconds to train runs one after another; None where none like one of them was ever finished."""
        return _sum(self.training.get((run.model, run.schedule.label)) for run in runs)

    def score(self, lacking: Iterable[Cell]) -> float | None:
        """Seconds to compute cells one after another; None where one of them never was."""
        return _sum(self.scoring.get(cell.key) for cell in lacking)


def prices(store: Store) -> Prices:
    """What the finished runs of a store cost."""
    rows = contents(store, ["run", "model", "schedule", "train_seconds", "cell", "seconds"]).rows
    cells, keys = coded(rows["cell"])
    times = np.bincount(cells, rows["seconds"].to_numpy()) / np.maximum(np.bincount(cells), 1)
    (_, first) = np.unique(coded(rows["run"])[0], return_index=True)
    runs = rows.select(["model", "schedule", "train_seconds"]).take(first).to_pylist()
    trained: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        if run["train_seconds"] is not None:
            trained.setdefault((run["model"], run["schedule"]), []).append(run["train_seconds"])
    return Prices({k: float(np.mean(v)) for k, v in trained.items()}, dict(zip(keys, times.tolist(), strict=False)))


def show_work(
    untrained: Sequence[Run],
    unscored: Sequence[tuple[Member, Sequence[Cell]]],
    store: Store,
    on_gpu: bool,
    command: str,
) -> None:
    """Print the jobs that are to be done, what they are estimated to cost, and the command of each.

    Args:
        untrained: runs to train.
        unscored: runs with the cells that they lack or will lack once they are trained.
        store: whose finished runs the estimates come from.
        on_gpu: whether runs train as fleets.
        command: what was asked for, without its choice of models and data sets.
    """
    known = prices(store)
    table = Table("model", "data set", "jobs", "runs to train", "time", "scores", "time")
    groups = list(dict.fromkeys(run.group for run in [*untrained, *(run for run, _ in unscored)]))
    for group in groups:
        runs = [run for run in untrained if run.group == group]
        lacking = [cell for run, cells in unscored if run.group == group for cell in cells]
        jobs = -(-len(runs) // runs[0].schedule.fleet) if on_gpu and runs else len(runs)
        times = words(known.train(runs)), words(known.score(lacking))
        table.add_row(*group, f"{jobs:,}", f"{len(runs):,}", times[0], f"{len(lacking):,}", times[1])
    table.add_section()
    lacking = [cell for _, cells in unscored for cell in cells]
    times = words(known.train(untrained)), words(known.score(lacking))
    table.add_row("all", "", "", f"{len(untrained):,}", times[0], f"{len(lacking):,}", times[1])
    table.title = "To do (times one after another, by the means of finished runs of the same model and schedule)"
    results.print(table)
    for model, dataset in groups:
        results.print(f"{command} model={model} dataset={dataset}", markup=False, soft_wrap=True)


def words(seconds: float | None) -> str:
    """A time for people, or "unknown"."""
    if seconds is None:
        return "unknown"
    units = (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 0.0))
    name, size = next((name, size) for name, size in units if seconds >= 2 * size)
    return f"{seconds / (size or 1):,.0f} {name}"


def _sum(parts: Iterable[float | None]) -> float | None:
    listed = list(parts)
    known = [part for part in listed if part is not None]
    return sum(known) if len(known) == len(listed) else None
