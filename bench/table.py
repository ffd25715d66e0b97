"""The score table: every score of every run as one long DataFrame; its columns are described in `bench.columns`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.columns import COLUMNS, coded
from bench.compact import contents
from bench.grid import Plan
from bench.progress import say_once
from bench.record_types import TRAINING, StudyRecord, read_record
from bench.registry import unknown
from bench.scoring import cells
from bench.store import Store, write_json, writing

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["COLUMNS", "export", "scores", "write_plan"]


def write_plan(plan: Plan, store: Store) -> None:
    """Write down which runs and cells a study consists of: the view that `scores(study=...)` reads."""
    wanted = {"runs": [r.id for r in plan.runs], "cells": [c.key for c in cells(plan.metrics, plan.protocol)]}
    described = {"name": plan.name, "title": plan.title, "budget": plan.budget, "protocol": plan.protocol.name}
    write_json(store.study_plan(plan.name), described | wanted)


def scores(study: str | None = None, results_dir: Path | str | None = None) -> "pd.DataFrame":
    """The long score table, of one study or of everything in the store.

    Raises:
        UnknownNameError: no study of that name was started in this store.
    """
    store = Store(results_dir)
    if study is None:
        return _frame(_scores(store))
    if study not in store.studies():
        raise unknown("study (not started here)", study, store.studies())
    plan = read_record(store.study_plan(study), StudyRecord)
    return _frame(_among(_scores(store), run=plan["runs"], cell=[*plan["cells"], TRAINING]))


def _scores(store: Store) -> "pa.Table":
    """The rows of cells that succeeded; records that cannot be read are named."""
    found = contents(store, [*COLUMNS, "state"])
    for damage in found.damaged:
        say_once(str(damage))
    return _among(found.rows, state=["done"]).drop_columns("state")


def _among(rows: "pa.Table", **allowed: Iterable[str]) -> "pa.Table":
    """Rows whose text is one of those allowed, in each column given."""
    kept = np.ones(len(rows), bool)
    for column, words in allowed.items():
        codes, known = coded(rows[column])
        among = set(words)
        kept &= np.array([*(word in among for word in known), False])[codes]
    return rows if kept.all() else rows.filter(kept)


def _frame(rows: "pa.Table") -> "pd.DataFrame":
    import pandas as pd

    columns = {n: _category(rows[n]) if k == "category" else rows[n].to_pandas() for n, k in COLUMNS.items()}
    frame = pd.DataFrame(columns, copy=False).astype({"strength": COLUMNS["strength"]})
    runs = frame["run"].cat.codes.to_numpy()
    if (runs[1:] >= runs[:-1]).all():
        return frame
    return frame.take(np.argsort(runs, kind="stable")).reset_index(drop=True)


def _category(column: "pa.ChunkedArray") -> "pd.Categorical":
    """Text as a categorical of the words that occur, in alphabetical order."""
    import pandas as pd

    codes, words = coded(column)
    used = np.flatnonzero(np.bincount(codes + 1, minlength=len(words) + 1)[1:])
    used = used[np.argsort(words[used])]
    places = np.full(len(words) + 1, -1, dtype=np.int16 if len(words) < 2**15 else np.int32)
    places[used] = np.arange(len(used))
    return pd.Categorical.from_codes(places[codes], dtype=pd.CategoricalDtype(pd.Index(words[used], dtype="str")))


def export(table: "pd.DataFrame", folder: Path) -> list[Path]:
    """Write a table as scores.parquet and scores.csv into a folder; the files."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    rows = pa.Table.from_pandas(table, preserve_index=False)
    files = [folder / f"scores.{suffix}" for suffix in ("parquet", "csv")]
    for path, write in zip(files, (parquet.write_table, csv.write_csv), strict=True):
        with writing(path) as file:
            write(rows, file)
    return files
