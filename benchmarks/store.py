"""The cost of planning, counting and reading 12,600 runs, on a synthetic store.

python -m benchmarks.store [--runs 12600] [--scores 60] [--keep DIR]

Every file is written as training and scoring write it, with random numbers. Printed: seconds of wall clock and of CPU.
"""

import argparse
import dataclasses
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.scoring.runs import Cell, cells
from bench.store.files import digest, write_json
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.record import extend
from benchmarks.study_cost import planned

VERSIONS = {"bench": "0.1.0", "numpy": "2.4.6", "python": "3.11.9", "torch": "2.13.0", "scikit-learn": "1.9.1"}


def study(runs: int | None) -> Plan:
    """The study of 12,600 runs, or the first of them."""
    plan = planned(["study=locatello2019"])
    return dataclasses.replace(plan, runs=plan.runs[:runs])


def fill(plan: Plan, target: Store, scores: int) -> None:
    """Write the files of training and scoring for every run, with `scores` random scores per representation."""
    generator = np.random.default_rng(0)
    all_cells = cells(plan.metrics, plan.protocol)
    metrics = len(all_cells) // len(plan.protocol.representations)
    counts = [len(part) for part in np.array_split(range(scores), metrics)]
    for run in plan.runs:
        folder = target.run(run.id)
        write_json(folder.config, run.record())
        write_json(folder.done, {"versions": VERSIONS, "revision": None, "device": "none", "seconds": 1.0, "fleet": 1})
        records = [
            _record(cell, counts[i // len(plan.protocol.representations)], generator)
            for i, cell in enumerate(all_cells)
        ]
        write_json(folder.scores(digest([c.key for c in all_cells])), {"run": run.id, "cells": records})
    extend(plan, target)


def _record(cell: Cell, count: int, generator: np.random.Generator) -> dict[str, Any]:
    values = {f"{cell.metric}_{k}": v for k, v in enumerate(generator.random(count).tolist())}
    rows = {"num_train": 10_000, "num_test": 5_000}
    return dataclasses.asdict(cell) | {"key": cell.key, "values": values, "rows": rows, "seconds": 1.0}


def timings(plan: Plan, target: Store) -> Iterator[tuple[str, float, float]]:
    """(operation, wall seconds, CPU seconds), in the order of use."""
    import pandas  # noqa: F401  not timed: a process imports it once
    import pyarrow.parquet  # noqa: F401

    from bench.cli.commands import status
    from bench.table.compact import contents
    from bench.table.scores import scores
    from bench.table.stored import export

    yield "compose and plan the study", *timed(lambda: study(None))
    yield "list every run's folder", *timed(target.listings)
    yield "read the table from the runs' folders", *timed(lambda: scores(plan.name, target.path))
    yield "read the records and compact them", *timed(lambda: contents(target))
    yield "read the table from the compacted copy", *timed(lambda: scores(plan.name, target.path))
    yield "count runs and scores (status)", *timed(lambda: status(plan, target))
    yield "export as parquet and csv", *timed(lambda: export(scores(plan.name, target.path), target.study(plan.name)))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of a piece of work."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Fill a store, unless it has runs, and print the timings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=12_600)
    parser.add_argument("--scores", type=int, default=60, help="of each of two representations")
    parser.add_argument("--keep", type=Path, help="the store; written if it is empty, left there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        plan, target = study(chosen.runs), Store(chosen.keep or scratch, writable=True)
        if not target.listings():
            print(f"writing {len(plan.runs):,} runs: {timed(lambda: fill(plan, target, chosen.scores))[0]:.0f} s")
        for path in target.compact.glob("*"):
            path.unlink()
        for operation, wall, cpu in timings(plan, target):
            print(f"{operation}: {wall:.2f} s ({cpu:.2f} s of CPU)", file=sys.stderr)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory: {peak:,.0f} MB", file=sys.stderr)


if __name__ == "__main__":
    main()
