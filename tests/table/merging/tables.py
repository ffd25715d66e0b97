"""Small tables of scores in folders, as an export leaves them, and what may be done to them."""

import csv
import dataclasses
import gzip
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from bench.columns import COLUMNS
from bench.scoring.runs import Cell, cells
from bench.store.files import StoreError, digest, sha256_of
from bench.store.folders import Store
from bench.store.tables import TableFolder
from bench.study.protocol import Protocol
from bench.study.run import Run, Schedule
from bench.table.folder import write_folder
from bench.table.former import FORMER, NEW
from bench.table.reference import merge

SCHEDULE = Schedule(2_000, 64, 1e-3, 32, "small", 10, 1, "quick", 100, 100)
BETA = Run("beta_vae", 1, False, {"beta": 4.0}, "beta", 2, 4.0, 0, "dsprites", 1, SCHEDULE)  # type: ignore[arg-type]
RUNS = [dataclasses.replace(BETA, seed=seed) for seed in range(3)]
PCA = Run("pca", 1, True, {}, None, None, None, 0, "dsprites", 1, SCHEDULE)
QUICK = Protocol("quick", 10_000, 5_000, 5_000, 2_000, ("mean",), (), {})
(MIG,) = cells(["mig"], QUICK)
(OTHER_MIG,) = cells(["mig"], dataclasses.replace(QUICK, pool=20_000))

Rows = list[dict[str, str]]


def scored(run: Run, cell: Cell = MIG, score: float = 0.25) -> list[dict[str, Any]]:
    """Rows of a run: MIG, and MIG of one factor."""
    of_run = {
        "run": run.id,
        "model": run.model,
        "hyperparameter": run.sweeps,
        "strength_index": run.strength_index,
        "value": run.value,
        "seed": run.seed,
    }
    of_run |= {"dataset": run.dataset, "schedule": run.schedule.label, "device": "cpu (x86_64)", "train_seconds": 9.5}
    of_cell = {"metric": cell.metric, "version": cell.version, "representation": "mean", "cell": cell.key}
    of_cell |= {"num_train": 5_000, "num_test": 0, "seconds": 0.5, "versions": "bench 0.1.0, torch 2.13.0+cpu"}
    return [of_run | of_cell | {"name": "mig", "factor": f, "score": score + run.seed / 100} for f in (None, "scale")]


def grouped(runs: Sequence[Run], score: float = 0.5, pool: int = 10_000) -> list[dict[str, Any]]:
    """Rows of the UDR of runs that differ in their seed."""
    cell = {"cell": digest(["udr", 1, pool, sorted(r.id for r in runs)]), "metric": "udr", "num_train": 1_000}
    return [scored(run)[0] | cell | {"name": "udr_lasso", "score": score + run.seed / 100} for run in runs]


def folder_of(path: Path, rows: list[dict[str, Any]], identities: dict[str, Any] | None = None) -> TableFolder:
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    write_folder(table, [{"study": path.name}], identities or {}, TableFolder(path))
    return TableFolder(path)


def changed(folder: TableFolder, change: Callable[[Rows], object]) -> TableFolder:
    """The folder with other rows, and a card that fits them."""
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(folder.table.read_bytes()).decode())))
    rows = new if isinstance(new := change(rows), list) else rows
    text = io.StringIO()
    written = csv.DictWriter(text, list(rows[0]))
    written.writeheader()
    written.writerows(rows)
    return replaced(folder, gzip.compress(text.getvalue().encode(errors="surrogateescape")))


def of_format_1(folder: TableFolder) -> TableFolder:
    """The folder as it was written before: the index is `strength`, no hyper-parameter is named, the card is bare."""
    changed(folder, lambda rows: [{FORMER.get(c, c): v for c, v in row.items() if c not in NEW} for row in rows])
    folder.card.write_text("parts: []\n")
    return folder


def replaced(folder: TableFolder, table: bytes) -> TableFolder:
    folder.table.write_bytes(table)
    card = yaml.safe_load(folder.card.read_text())
    folder.card.write_text(yaml.safe_dump(card | {"sha256": sha256_of(folder.table)}))
    return folder


def content(folder: TableFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.path.glob("*"))}


def refused(folder: TableFolder, results: Store) -> str:
    """The one line that refuses a folder, after which the reference table is what it was."""
    before = content(results.reference())
    with pytest.raises(StoreError) as found:
        merge(folder, results)
    line = str(found.value)
    assert line.isprintable()
    assert len(line) < 1_000
    assert content(results.reference()) == before
    assert len(list(results.reference().before.glob("[0-9]*"))) == (1 if before else 0)
    return line
