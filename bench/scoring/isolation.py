"""Scoring in worker processes, so that a metric that misbehaves costs its own cell and nothing else.

A worker tells which cell it begins and each record that it finishes. Where its process ends (a crash, `os._exit`, the
kernel's want of memory) or a cell takes longer than its limit, the parent writes down what was finished, and the cell
that the worker was at as failed; another worker goes on with the rest. Otherwise the worker writes all its records as
one file.
"""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.data import load_data
from bench.data.base import DataSet
from bench.data.pooled import at_size
from bench.metrics.base import Ints
from bench.pool import Ending, Pool, limit, tell
from bench.scoring import codes as coding
from bench.scoring.codes import Codes
from bench.scoring.runs import Cell, cell_records, described, failure, record_of, state
from bench.store.claims import claiming
from bench.store.files import StoreError, digest, is_out_of_reach, write_json
from bench.store.folders import RunFolder, Store
from bench.study.run import Run

Record = Mapping[str, Any]
Read = Callable[[RunFolder, int | None], tuple[Codes, Ints]]
DONE, ELSEWHERE = "done", "elsewhere"


class LostWeightsError(RuntimeError):
    """The weights of a trained run cannot be read: unless they may be whole, the run counts as failed."""


@dataclass(frozen=True)
class Scoring:
    """What is to be scored.

    Attributes:
        run: id of the run whose folder takes the scores; it seeds every random choice.
        title: what messages call it.
        cells: to compute, of one protocol.
        read: called as read(folder of the run, pool of the protocol) in the worker, to which it is sent: the codes
            that are scored and their factors (N, F).
    """

    run: str
    title: str
    cells: tuple[Cell, ...]
    read: Read


def of_run(run: Run, wanted: Sequence[Cell]) -> Scoring:
    """Cells of a trained run, which is encoded where its codes are not stored."""
    return Scoring(run.id, str(run), tuple(wanted), partial(encoded, run))


def score_all(
    scorings: Sequence[Scoring], store: Store, pool: Pool, seconds: float | None, told: Callable[[float, str], None]
) -> None:
    """Compute cells and write their records.

    What another process works on is tried once more at the end, in case that process died, and else left to it.

    Args:
        scorings: what to compute.
        store: where the runs are.
        pool: of workers.
        seconds: that one cell may take; None: any.
        told: hears of progress, (cells, note).

    Raises:
        StoreError: a file cannot be written.
    """
    for _ in range(2):
        watched = [_Watched(scoring) for scoring in scorings]
        tasks = [(scoring, store.path, seconds) for scoring in scorings]
        left = []
        for position, kind, value in pool.follow(score_cells, tasks):
            now = watched[position]
            if kind == "told":
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


@dataclass
class _Watched:
    """What a worker has told of its work."""

    scoring: Scoring
    finished: list[Record] = field(default_factory=list)
    at: Cell | None = None
    since: float = 0.0

    def hear(self, news: Cell | Record) -> tuple[float, str]:
        """Take in what a worker tells: a cell that it begins, or a record; what of that is progress."""
        if isinstance(news, Cell):
            self.at, self.since = news, time.monotonic()
            return 0, f"{self.scoring.title}: {news.metric}"
        self.at = None
        self.finished.append(news)
        failed = f"FAILED {self.scoring.title}: {news['metric']}" if "failed" in news else self.scoring.title
        return 1, failed

    def words(self, how: Ending) -> str:
        """How its process ended, and at what."""
        return f"{self.at.metric}: {how}" if self.at is not None else str(how)

    def bury(self, how: Ending, store: Store) -> Scoring:
        """Write down what a worker did whose process ended, and the cell it was at as failed; what is left to do.

        Nothing is left where it was at no cell, or was asked to end: no metric is at fault then.
        """
        records, tried = list(self.finished), None if how.asked else self.at
        if tried is not None:
            seconds = round(time.monotonic() - self.since, 4)
            records.append(described(tried) | {"failed": self.words(how), "traceback": "", "seconds": seconds})
        write_records(store.run(self.scoring.run), self.scoring.run, records)
        over = {record["key"] for record in records}
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
    folder = Store(path).run(scoring.run)
    with claiming([folder]) as (claim,):
        if claim is None:
            return ELSEWHERE
        records = cell_records(folder)  # another process may have been here
        todo = [cell for cell in scoring.cells if state(records.get(cell.key)) in ("missing", "failed")]
        if not todo:
            return DONE
        try:
            codes, factors = scoring.read(folder, todo[0].pool)
        except LostWeightsError as fault:
            return str(fault)
        except StoreError:
            raise
        except Exception as fault:
            written: list[Record] = [described(cell) | failure(fault) | {"seconds": 0.0} for cell in todo]
            for record in written:
                tell(record)
        else:
            written = [_watched_record(cell, codes, factors, scoring.run, seconds) for cell in todo]
        write_records(folder, scoring.run, written)
    return DONE


def _watched_record(cell: Cell, codes: Codes, factors: Ints, run: str, seconds: float | None) -> Record:
    """The record of a cell, and the parent told before and after.

    Meanwhile SIGTERM ends the process at once, as if no handler were there: one that raises would do so in the metric.
    """
    tell(cell)
    limit(seconds)
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    record = record_of(cell, codes, factors, run)
    signal.signal(signal.SIGTERM, handler)
    limit(None)
    tell(record)
    return record


def write_records(folder: RunFolder, run: str, records: Sequence[Record]) -> None:
    """Write records of cells as one file; no file where there are none."""
    if records:
        write_json(folder.scores(digest([record["key"] for record in records])), {"run": run, "cells": records})


def encoded(run: Run, folder: RunFolder, size: int | None) -> tuple[Codes, Ints]:
    """Codes of a trained run, stored or computed and stored, and the factors of the images.

    Raises:
        LostWeightsError: its weights cannot be read.
    """
    data = at_size(load_data(run.dataset), run.schedule.image_size)
    codes = _codes(run, folder, data, size)
    return replace(codes, values=data.values(codes.index)), data.factors(codes.index)


def _codes(run: Run, folder: RunFolder, data: DataSet, size: int | None) -> Codes:
    index = coding.pool(data, size)
    if (stored := coding.load(folder, index)) is not None:
        return stored
    from bench.training.train import load_learner  # imports torch

    try:
        learner = load_learner(run, folder)
    except StoreError as fault:
        if is_out_of_reach(fault.__cause__):
            raise LostWeightsError(f"{fault}; the run is left alone") from fault
        aside = [folder.set_aside(file).name for file in (folder.weights, folder.done) if file.exists()]
        lost = LostWeightsError(f"{fault}; kept as {aside[0] if aside else 'nothing'}")
        write_json(folder.failed, failure(fault) | {"error": f"StoreError: {lost}"})
        raise lost from fault
    fresh = coding.encode(learner, data, index)
    fresh.save(folder)
    return fresh
