"""Scoring in worker processes, so that a metric that misbehaves costs its own cell and nothing else.

A worker tells which cell it begins and each one that it finishes, as a record for each run that the cell is of. Where
its process ends (a crash, `os._exit`, the kernel's want of memory) or a cell takes longer than its limit, the parent
writes down what was finished, and the cell that the worker was at as failed; another worker goes on with the rest.
Otherwise the worker writes all its records as one file a run.
"""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.pool import Ending, Pool, limit, tell
from bench.scoring.device_codes import Encoding, encode_runs
from bench.scoring.runs import Cell, Subject, cell_records, described, failure, records_of, state
from bench.store.claims import claiming
from bench.store.files import StoreError, digest, write_json
from bench.store.folders import RunFolder, Store

Record = Mapping[str, Any]
Task = tuple["Scoring | Encoding", Path, float | None]
Read = Callable[[Sequence[RunFolder], Sequence[Cell]], Subject]
DONE, ELSEWHERE = "done", "elsewhere"


class LostWeightsError(RuntimeError):
    """The weights of a trained run cannot be read: unless they may be whole, the run counts as failed."""


@dataclass(frozen=True)
class Scoring:
    """What is to be scored.

    Attributes:
        runs: ids of the runs whose folders take the scores: one, or a group's.
        title: what messages call it.
        cells: to compute, of one protocol.
        read: called as read(folders of the runs, cells to compute) in the worker, to which it is sent: what is scored.
    """

    runs: tuple[str, ...]
    title: str
    cells: tuple[Cell, ...]
    read: Read


def score_all(
    scorings: Sequence[Scoring],
    store: Store,
    pool: Pool,
    seconds: float | None,
    told: Callable[[float, str], None],
    encoding: Encoding | None = None,
) -> None:
    """Compute cells and write their records.

    What another process works on is tried once more at the end, in case that process died, and else left to it.

    Args:
        scorings: what to compute.
        store: where the runs are.
        pool: of workers.
        seconds: that one cell may take; None: any.
        told: hears of progress, (cells, note).
        encoding: runs that one worker encodes on a GPU, while the others score what is encoded. Runs that it cannot
            encode are encoded by who scores them.

    Raises:
        StoreError: a file cannot be written.
    """
    for _ in range(2):
        waiting = {run.id for run in encoding.runs} if encoding is not None else set()
        watched: list[_Watched | None] = [_Watched(s) for s in scorings if not waiting.intersection(s.runs)]
        held = [s for s in scorings if waiting.intersection(s.runs)]
        tasks: list[Task] = [(s, store.path, seconds) for s in scorings if not waiting.intersection(s.runs)]
        if encoding is not None:
            watched.insert(0, None)
            tasks.insert(0, (encoding, store.path, None))
        encoding, left = None, []
        for position, kind, value in pool.follow(_work, tasks):
            if (now := watched[position]) is None:
                waiting = _still_waiting(waiting, kind, value, told)
                ready = [s for s in held if not waiting.intersection(s.runs)]
                held = [s for s in held if waiting.intersection(s.runs)]
                watched += [_Watched(s) for s in ready]
                tasks += [(s, store.path, seconds) for s in ready]
            elif kind == "told":
                told(*now.hear(value))
            elif kind == "raised":
                raise value
            elif kind == "result" and value == ELSEWHERE:
                left.append(now.scoring)
            elif kind == "result" and value != DONE:
                told(len(now.scoring.cells), f"FAILED {now.scoring.title}: {value}")
            elif kind == "ended":
                rest = now.bury(value, store)
                over = len(now.scoring.cells) - len(now.finished) - len(rest.cells)
                told(over, f"FAILED {now.scoring.title}: {now.words(value)}")
                if rest.cells:
                    watched.append(_Watched(rest))
                    tasks.append((rest, store.path, seconds))
        scorings = left


def _work(task: Scoring | Encoding, path: Path, seconds: float | None) -> str:
    """What a worker does with a task."""
    if isinstance(task, Scoring):
        return score_cells(task, path, seconds)
    encode_runs(task, path)
    return DONE


def _still_waiting(runs: set[str], kind: str, value: Any, told: Callable[[float, str], None]) -> set[str]:
    """The runs that are not encoded yet, after news of the worker that encodes them: none where it is at its end."""
    if kind == "told":
        return runs - {value}
    if kind == "report":
        told(*value)
        return runs
    if kind != "result":
        told(0, f"FAILED encoding on the GPU, the CPU goes on: {value}")
    return set()


@dataclass
class _Watched:
    """What a worker has told of its work."""

    scoring: Scoring
    finished: list[Sequence[Record]] = field(default_factory=list)
    at: Cell | None = None
    since: float = 0.0

    def hear(self, news: Cell | Sequence[Record]) -> tuple[float, str]:
        """Take in what a worker tells: a cell that it begins, or its records; what of that is progress."""
        if isinstance(news, Cell):
            self.at, self.since = news, time.monotonic()
            return 0, f"{self.scoring.title}: {news.metric}"
        self.at = None
        self.finished.append(news)
        failed = f"FAILED {self.scoring.title}: {news[0]['metric']}" if "failed" in news[0] else self.scoring.title
        return 1, failed

    def words(self, how: Ending) -> str:
        """How its process ended, and at what."""
        return f"{self.at.metric}: {how}" if self.at is not None else str(how)

    def bury(self, how: Ending, store: Store) -> Scoring:
        """Write down what a worker did whose process ended, and the cell it was at as failed; what is left to do.

        Nothing is left where it was at no cell, or was asked to end: no metric is at fault then.
        """
        computed, tried, runs = list(self.finished), None if how.asked else self.at, self.scoring.runs
        if tried is not None:
            seconds = round((time.monotonic() - self.since) / len(runs), 4)
            failed = described(tried) | {"failed": self.words(how), "traceback": "", "seconds": seconds}
            computed.append([failed] * len(runs))
        write_records(store, runs, computed)
        over = {records[0]["key"] for records in computed}
        left = tuple(cell for cell in self.scoring.cells if cell.key not in over) if tried is not None else ()
        return replace(self.scoring, cells=left)


def score_cells(scoring: Scoring, path: Path, seconds: float | None) -> str:
    """In a worker: compute the cells that are missing and write their records.

    Codes that cannot be had leave the reason in every cell; weights that cannot be read are set aside.

    Returns:
        DONE; ELSEWHERE where another process works on the run; or what is wrong with the run's weights.

    Raises:
        StoreError: a file cannot be written.
    """
    store, runs = Store(path), scoring.runs
    folders = [store.run(run) for run in runs]
    with claiming(folders) as claims:
        if None in claims:
            return ELSEWHERE
        known = [cell_records(folder) for folder in folders]  # another process may have been here
        todo = [c for c in scoring.cells if any(state(k.get(c.key)) in ("missing", "failed") for k in known)]
        if not todo:
            return DONE
        try:
            subject = scoring.read(folders, todo)
        except LostWeightsError as fault:
            return str(fault)
        except StoreError:
            raise
        except Exception as fault:
            failed = [described(cell) | failure(fault) | {"seconds": 0.0} for cell in todo]
            written: list[Sequence[Record]] = [[record] * len(runs) for record in failed]
            for records in written:
                tell(records)
        else:
            written = [_watched_records(cell, subject, seconds) for cell in todo]
        write_records(store, runs, written)
    return DONE


def _watched_records(cell: Cell, subject: Subject, seconds: float | None) -> Sequence[Record]:
    """The records of a cell, and the parent told before and after.

    Meanwhile SIGTERM ends the process at once, as if no handler were there: one that raises would do so in the metric.
    """
    tell(cell)
    limit(seconds)
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    records = records_of(cell, subject)
    signal.signal(signal.SIGTERM, handler)
    limit(None)
    tell(records)
    return records


def write_records(store: Store, runs: Sequence[str], computed: Sequence[Sequence[Record]]) -> None:
    """Write the records of cells, each a record for each run, as one file a run; no file where there are none.

    They are in the order of the runs that the subject has.
    """
    if not computed:
        return
    name = digest([records[0]["key"] for records in computed])
    for run, records in zip(runs, zip(*computed, strict=True), strict=True):
        write_json(store.run(run).scores(name), {"run": run, "cells": list(records)})
