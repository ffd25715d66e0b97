"""Prints what a command would do and estimates its time, from finished runs and shipped times; writes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from bench.columns import coded
from bench.launch.costs import ShippedCosts, total
from bench.progress import results, show
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
        scoring: cell key -> computing the cell, without encoding.
        metrics: metric -> computing one of its cells; for group cells, whose keys change with their runs.
    """

    training: Mapping[tuple[str, str], float]
    scoring: Mapping[str, float]
    metrics: Mapping[str, float]

    def train(self, runs: Iterable[Run]) -> float | None:
        """Seconds to train runs one after another; None if no run of some model and schedule has finished."""
        return total(self.training.get((run.model, run.label)) for run in runs)

    def score(self, unscored: Unscored) -> float | None:
        """Seconds to compute cells one after another; None if some cell was never computed."""
        return total(self._score(cell) for _, cells in unscored for cell in cells)

    def _score(self, cell: Cell) -> float | None:
        return self.scoring.get(cell.key, self.metrics.get(cell.metric) if isinstance(cell, GroupCell) else None)


def prices(store: Store) -> Prices:
    """Mean times of the finished runs of a store."""
    rows = contents(store, ["run", "model", "schedule", "train_seconds", "cell", "metric", "seconds"]).rows
    (_, first_rows) = np.unique(coded(rows["run"])[0], return_index=True)
    runs = rows.select(["model", "schedule", "train_seconds"]).take(first_rows).to_pylist()
    seconds_of: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        if run["train_seconds"] is not None:
            seconds_of.setdefault((run["model"], run["schedule"]), []).append(run["train_seconds"])
    means = {k: float(np.mean(v)) for k, v in seconds_of.items()}
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
    """Print the jobs and the estimated time of each group of runs.

    Args:
        untrained: runs to train.
        unscored: runs with the cells that they lack, or will lack once they are trained.
        jobs: the runs of each job.
        store: its finished runs give the estimate named "here".
        protocol: name of the protocol whose shipped times of scoring are used.
        title: of the table; says who does the jobs.
    """
    measured, cpu_core, gpu = prices(store), ShippedCosts("cpu core", protocol), ShippedCosts("H200", protocol)
    columns = ("model", "data set", "jobs", "runs to train", "here", "CPU core", "H200", "scores", "here", "CPU core")
    table = Table(*columns, title=title)
    for group in [*dict.fromkeys(run.group for run in [*untrained, *(run for run, _ in unscored)]), None]:
        runs = [run for run in untrained if group in (run.group, None)]
        lacking = [(run, cells) for run, cells in unscored if group in (run.group, None)]
        training = (words(cost.train(runs)) for cost in (measured, cpu_core, gpu))
        scoring = (words(cost.score(lacking)) for cost in (measured, cpu_core))
        counts = (sum(group in (job[0].group, None) for job in jobs), len(runs), sum(len(c) for _, c in lacking))
        if group is None:
            table.add_section()
        cells = (f"{counts[0]:,}", f"{counts[1]:,}", *training, f"{counts[2]:,}", *scoring)
        table.add_row(*(group or ("all", "")), *cells)
    results.print(table)
    show(
        "Nothing was written. Times are of one run after another; here: by the means of finished runs of the same "
        f"model and schedule in {store.path}; CPU core, H200: by shipped times, not measured on this machine."
    )
    totals = {"train, CPU core": cpu_core.train(untrained), "train, H200": gpu.train(untrained)}
    totals |= {"score, CPU core": cpu_core.score(unscored)}
    show("Total by shipped times: " + "; ".join(f"{label} {hours(seconds)}" for label, seconds in totals.items()))


def words(seconds: float | None) -> str:
    """A time for people, or "unknown"."""
    if seconds is None:
        return "unknown"
    units = (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 0.0))
    name, size = next((name, size) for name, size in units if seconds >= 2 * size)
    return f"{seconds / (size or 1):,.0f} {name}"


def hours(seconds: float | None) -> str:
    """A time in hours if it is 10 hours or more, as applications for cluster time ask for it."""
    return words(seconds) if seconds is None or seconds < 10 * 3600 else f"{seconds / 3600:,.0f} h"
