"""Scoring in worker processes, so that a metric that crashes or hangs loses only its own cell.

A worker reports each cell that it begins, and the records (one a run) of each cell that it finishes. If its process
ends (a crash, `os._exit`, out of memory) or a cell exceeds its time limit, the parent writes the finished records, and
the current cell as failed; another worker continues with the rest. Otherwise the worker writes all its records as one
file a run.
"""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.pool import Ending, Pool, limit, tell
from bench.scoring.device_codes import Encoded, Encoding, encode_runs
from bench.scoring.runs import Cell, Subject, by_pool, cell_records, described, failure, records_of, state
from bench.store.claims import claiming
from bench.store.files import StoreError, digest, write_json
from bench.store.folders import RunFolder, Store

Record = Mapping[str, Any]
Task = tuple["Scoring | Encoding", Path, float | None]
Read = Callable[[Sequence[RunFolder], Sequence[Cell]], Subject]
DONE, ELSEWHERE = "done", "elsewhere"


class LostWeightsError(RuntimeError):
    """The weights of a trained run cannot be read; damaged, not merely inaccessible ones make the run a failed one."""


@dataclass(frozen=True)
class Scoring:
    """Cells to score for a run or a group of runs.

    Attributes:
        runs: ids of the runs whose folders get the scores: one, or a group's.
        title: for messages.
        cells: to compute, under one protocol.
        read: called in the worker as read(folders of the runs, cells of one pool); returns the subject to score.
        factors: the names of the data set's factors, recorded with the scores: a user's own set may change or go.
    """

    runs: tuple[str, ...]
    title: str
    cells: tuple[Cell, ...]
    read: Read
    factors: tuple[str, ...] = ()


def score_all(
    scorings: Sequence[Scoring],
    store: Store,
    pool: Pool,
    seconds: float | None,
    on_progress: Callable[[float, str], None],
    encoding: Encoding | None = None,
) -> None:
    """Compute cells and write their records.

    Runs that another process has claimed are tried once more at the end, in case that process died.

    Args:
        scorings: what to compute.
        store: where the runs are.
        pool: of workers.
        seconds: time limit of one cell; None: no limit.
        on_progress: called with (number of cells done, note).
        encoding: runs that one worker encodes on a GPU while the others score encoded runs. Runs that it cannot
            encode are encoded by the worker that scores them.

    Raises:
        StoreError: a file cannot be written.
    """
    for _ in range(2):
        unencoded = {(run.id, images) for run, images in encoding.runs} if encoding is not None else set()
        ready, deferred = _parted(scorings, unencoded)
        watched: list[_WatchedTask | None] = [_WatchedTask(s) for s in ready]
        tasks: list[Task] = [(s, store.path, seconds) for s in ready]
        if encoding is not None:
            watched.insert(0, None)
            tasks.insert(0, (encoding, store.path, None))
        encoding, claimed = None, []
        for position, kind, value in pool.follow(_work, tasks):
            if (task := watched[position]) is None:
                unencoded = _still_waiting(unencoded, kind, value, on_progress)
                ready, deferred = _parted(deferred, unencoded)
                watched += [_WatchedTask(s) for s in ready]
                tasks += [(s, store.path, seconds) for s in ready]
            elif kind == "told":
                on_progress(*task.receive(value))
            elif kind == "raised":
                raise value
            elif kind == "result" and value == ELSEWHERE:
                claimed.append(task.scoring)
            elif kind == "result" and value != DONE:
                on_progress(len(task.scoring.cells), f"FAILED {task.scoring.title}: {value}")
            elif kind == "ended":
                remaining = task.close(value, store)
                num_lost = len(task.scoring.cells) - len(task.finished) - len(remaining.cells)
                on_progress(num_lost, f"FAILED {task.scoring.title}: {task.words(value)}")
                if remaining.cells:
                    watched.append(_WatchedTask(remaining))
                    tasks.append((remaining, store.path, seconds))
        scorings = claimed


def _work(task: Scoring | Encoding, path: Path, seconds: float | None) -> str:
    """In a worker: carry out a task."""
    if isinstance(task, Scoring):
        return score_cells(task, path, seconds)
    encode_runs(task, path)
    return DONE


def _parted(scorings: Sequence[Scoring], unencoded: set[Encoded]) -> tuple[list[Scoring], list[Scoring]]:
    """Scorings that can begin, and those that wait for codes."""
    waiting = {run for run, _ in unencoded}
    ready = [scoring for scoring in scorings if not waiting.intersection(scoring.runs)]
    return ready, [scoring for scoring in scorings if waiting.intersection(scoring.runs)]


def _still_waiting(
    unencoded: set[Encoded], kind: str, value: Any, on_progress: Callable[[float, str], None]
) -> set[Encoded]:
    """The codes to wait for after a message of the encoding worker; none after it has ended."""
    if kind == "told":
        return unencoded - {value}
    if kind == "report":
        on_progress(*value)
        return unencoded
    if kind != "result":
        on_progress(0, f"FAILED encoding on the GPU, the CPU goes on: {value}")
    return set()


@dataclass
class _WatchedTask:
    """The state of a task, from the messages of its worker."""

    scoring: Scoring
    finished: list[Sequence[Record]] = field(default_factory=list)
    current: Cell | None = None
    since: float = 0.0

    def receive(self, news: Cell | Sequence[Record]) -> tuple[float, str]:
        """Take a message, a cell that begins or the records of one; returns it as progress (cells, note)."""
        if isinstance(news, Cell):
            self.current, self.since = news, time.monotonic()
            return 0, f"{self.scoring.title}: {news.metric}"
        self.current = None
        self.finished.append(news)
        failed = f"FAILED {self.scoring.title}: {news[0]['metric']}" if "failed" in news[0] else self.scoring.title
        return 1, failed

    def words(self, ending: Ending) -> str:
        """How the worker's process ended, and at which metric."""
        return f"{self.current.metric}: {ending}" if self.current is not None else str(ending)

    def close(self, ending: Ending, store: Store) -> Scoring:
        """After the worker's process ended, write its records, and the current cell as failed; returns what remains.

        If it was at no cell or was asked to end, no metric is to blame, and nothing remains for another worker.
        """
        computed, blamed, runs = list(self.finished), None if ending.requested else self.current, self.scoring.runs
        if blamed is not None:
            seconds = round((time.monotonic() - self.since) / len(runs), 4)
            failed = described(blamed) | {"failed": self.words(ending), "traceback": "", "seconds": seconds}
            computed.append([failed] * len(runs))
        write_records(store, self.scoring, computed)
        keys = {records[0]["key"] for records in computed}
        remaining = tuple(cell for cell in self.scoring.cells if cell.key not in keys) if blamed is not None else ()
        return replace(self.scoring, cells=remaining)


def score_cells(scoring: Scoring, path: Path, seconds: float | None) -> str:
    """In a worker: compute the cells that are missing and write their records, those of one pool of images at a time.

    If codes cannot be read or encoded, every cell of theirs fails with the reason; unreadable weights are set aside.

    Returns:
        DONE; ELSEWHERE if another process has claimed the run; or what is wrong with the run's weights.

    Raises:
        StoreError: a file cannot be written.
    """
    store, runs = Store(path), scoring.runs
    folders = [store.run(run) for run in runs]
    with claiming(folders) as claims:
        if None in claims:
            return ELSEWHERE
        known = [cell_records(folder) for folder in folders]  # another process may have scored some
        todo = [c for c in scoring.cells if any(state(k.get(c.key)) in ("missing", "failed") for k in known)]
        if not todo:
            return DONE
        for of_one_pool in by_pool(todo):
            try:
                subject = scoring.read(folders, of_one_pool)
            except LostWeightsError as fault:
                return str(fault)
            except StoreError:
                raise
            except Exception as fault:
                failed = [described(cell) | failure(fault) | {"seconds": 0.0} for cell in of_one_pool]
                written: list[Sequence[Record]] = [[record] * len(runs) for record in failed]
                for records in written:
                    tell(records)
            else:
                written = [_watched_records(cell, subject, seconds) for cell in of_one_pool]
            write_records(store, scoring, written)
    return DONE


def _watched_records(cell: Cell, subject: Subject, seconds: float | None) -> Sequence[Record]:
    """The records of a cell; reports its begin and its end to the parent.

    Meanwhile SIGTERM has its default handler, which ends the process at once: another would raise within the metric.
    """
    tell(cell)
    limit(seconds)
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    records = records_of(cell, subject)
    signal.signal(signal.SIGTERM, handler)
    limit(None)
    tell(records)
    return records


def write_records(store: Store, scoring: Scoring, computed: Sequence[Sequence[Record]]) -> None:
    """Write the records of cells as one file a run; none if there are no records.

    `computed` holds for each cell one record a run, in the order of the runs of `scoring`.
    """
    if not computed:
        return
    name = digest([records[0]["key"] for records in computed])
    factors = {"factors": list(scoring.factors)} if scoring.factors else {}
    for run, records in zip(scoring.runs, zip(*computed, strict=True), strict=True):
        write_json(store.run(run).scores(name), {"run": run, "cells": list(records)} | factors)
