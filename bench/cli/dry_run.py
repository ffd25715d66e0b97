"""What a command would do and about how long it takes, by finished runs and by shipped times; nothing is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from bench.columns import coded
from bench.launch.costs import ShippedCosts, total
from bench.progress import results
from bench.scoring.runs import Cell, GroupCell
from bench.store.folders import Store
from bench.study.plan import Member
from bench.study.run import Run
from bench.table.compact import contents

if TYPE_CHECKING:
    import pyarrow as pa

Unscored = Sequence[tuple[Member, Sequence[Cell]]]


@dataclass(frozen=True)
class Prices:
    """Mean seconds of finished work.

    Attributes:
        training: (model, schedule) -> a run's training.
        scoring: cell key -> the cell, without encoding.
        metrics: metric -> any cell of it, for those of groups, whose keys change with their runs.
    """

    training: Mapping[tuple[str, str], float]
    scoring: Mapping[str, float]
    metrics: Mapping[str, float]

    def train(self, runs: Iterable[Run]) -> float | None:
        """Seconds to train runs one after another; None where none like one of them was ever finished."""
        return total(self.training.get((run.model, run.label)) for run in runs)

    def score(self, unscored: Unscored) -> float | None:
        """Seconds to compute cells one after another; None where one of them never was."""
        return total(self._score(cell) for _, cells in unscored for cell in cells)

    def _score(self, cell: Cell) -> float | None:
        return self.scoring.get(cell.key, self.metrics.get(cell.metric) if isinstance(cell, GroupCell) else None)


def prices(store: Store) -> Prices:
    """What the finished runs of a store cost."""
    rows = contents(store, ["run", "model", "schedule", "train_seconds", "cell", "metric", "seconds"]).rows
    (_, first) = np.unique(coded(rows["run"])[0], return_index=True)
    runs = rows.select(["model", "schedule", "train_seconds"]).take(first).to_pylist()
    trained: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        if run["train_seconds"] is not None:
            trained.setdefault((run["model"], run["schedule"]), []).append(run["train_seconds"])
    means = {k: float(np.mean(v)) for k, v in trained.items()}
    return Prices(means, _mean_seconds(rows, "cell"), _mean_seconds(rows, "metric"))


def _mean_seconds(rows: "pa.Table", column: str) -> dict[str, float]:
    numbers, words = coded(rows[column])
    times = np.bincount(numbers, rows["seconds"].to_numpy()) / np.maximum(np.bincount(numbers), 1)
    return dict(zip(words, times.tolist(), strict=False))


def show_work(
    untrained: Sequence[Run],
    unscored: Unscored,
    jobs: Sequence[Sequence[Run]],
    store: Store,
    protocol: str,
    title: str,
) -> None:
    """Print the jobs that are to be done and what they are estimated to cost.

    Args:
        untrained: runs to train.
        unscored: runs with the cells that they lack or will lack once they are trained.
        jobs: how their runs are divided.
        store: whose finished runs the first estimate comes from.
        protocol: of the scores, by which shipped times are chosen.
        title: who does the jobs.
    """
    here, core, card = prices(store), ShippedCosts("cpu core", protocol), ShippedCosts("H200", protocol)
    columns = ("model", "data set", "jobs", "runs to train", "here", "CPU core", "H200", "scores", "here", "CPU core")
    table = Table(*columns, title=title)
    for group in [*dict.fromkeys(run.group for run in [*untrained, *(run for run, _ in unscored)]), None]:
        runs = [run for run in untrained if group in (run.group, None)]
        lacking = [(run, cells) for run, cells in unscored if group in (run.group, None)]
        training = (words(cost.train(runs)) for cost in (here, core, card))
        scoring = (words(cost.score(lacking)) for cost in (here, core))
        counts = (sum(group in (job[0].group, None) for job in jobs), len(runs), sum(len(c) for _, c in lacking))
        if group is None:
            table.add_section()
        told = (f"{counts[0]:,}", f"{counts[1]:,}", *training, f"{counts[2]:,}", *scoring)
        table.add_row(*(group or ("all", "")), *told)
    results.print(table)
    _tell(
        "Nothing was written. Times are of one run after another; here: by the means of finished runs of the same "
        f"model and schedule in {store.path}; CPU core, H200: by shipped times, not measured on this machine."
    )
    in_all = {"train, CPU core": core.train(untrained), "train, H200": card.train(untrained)}
    in_all |= {"score, CPU core": core.score(unscored)}
    _tell("By shipped times in all: " + "; ".join(f"{what} {hours(seconds)}" for what, seconds in in_all.items()))


def _tell(text: str) -> None:
    results.print(text, markup=False, soft_wrap=True)


def words(seconds: float | None) -> str:
    """A time for people, or "unknown"."""
    if seconds is None:
        return "unknown"
    units = (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 0.0))
    name, size = next((name, size) for name, size in units if seconds >= 2 * size)
    return f"{seconds / (size or 1):,.0f} {name}"


def hours(seconds: float | None) -> str:
    """A time as a cluster's centre asks for it: in hours, unless there are few."""
    return words(seconds) if seconds is None or seconds < 10 * 3600 else f"{seconds / 3600:,.0f} h"
