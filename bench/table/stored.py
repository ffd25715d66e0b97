"""The score table: every score of every run as one long DataFrame; its columns are described in `bench.columns`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.columns import COLUMNS, OF_RUN, categorical, coded
from bench.escaping import as_cells
from bench.progress import say_once
from bench.store.files import writing
from bench.store.folders import Store
from bench.table.compact import contents

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["COLUMNS", "export", "stored_scores"]


def stored_scores(store: Store, runs: Iterable[str] | None = None) -> "pd.DataFrame":
    """The rows of cells that succeeded, of the store or of some of its runs; damaged records are reported."""
    stored = contents(store, [*COLUMNS, "state"])
    for damage in stored.damaged:
        say_once(str(damage))
    rows = _among(stored.rows, "state", ["done"])
    rows = rows if runs is None else _among(rows, "run", runs)
    return _frame(rows.drop_columns("state"))


def _among(rows: "pa.Table", column: str, texts: Iterable[str]) -> "pa.Table":
    """Rows whose text in a column is among the given ones."""
    codes, words = coded(rows[column])
    allowed = set(texts)
    mask = np.array([*(word in allowed for word in words), False])[codes]
    return rows if mask.all() else rows.filter(mask)


def _frame(rows: "pa.Table") -> "pd.DataFrame":
    import pandas as pd

    columns = {n: categorical(rows[n]) if k == "category" else rows[n].to_pandas() for n, k in COLUMNS.items()}
    frame = pd.DataFrame(columns, copy=False).astype({"strength_index": COLUMNS["strength_index"]})
    runs = frame["run"].cat.codes.to_numpy()
    if (runs[1:] >= runs[:-1]).all():
        return frame
    return frame.take(np.argsort(runs, kind="stable")).reset_index(drop=True)


def export(table: "pd.DataFrame", folder: Path) -> list[Path]:
    """Write a table into a folder: scores.parquet and .csv, and with a row a run runs.parquet and .csv; the files.

    Parquet is exact; so is csv, except for names that `bench.escaping.as_cells` escapes.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    files = []
    for name, frame in (("scores", table), ("runs", a_row_a_run(table))):
        for suffix, write, rows in (("parquet", parquet.write_table, frame), ("csv", csv.write_csv, as_cells(frame))):
            files.append(folder / f"{name}.{suffix}")
            with writing(files[-1]) as file:
                write(pa.Table.from_pandas(rows, preserve_index=False), file)
    return files


def a_row_a_run(table: "pd.DataFrame") -> "pd.DataFrame":
    """A score table with a row for each run and representation, and a column for each score.

    Columns describe the run, then hold scores by name ("mig", "lr_100/3" for factor 3), missing where there is none.
    """
    runs = table.drop_duplicates("run")[[c for c in OF_RUN if c in table]]
    names = table["name"].astype(str) + ("/" + table["factor"].astype(str)).where(table["factor"].notna(), "")
    keyed = table.assign(name=names, representation=table["representation"].astype(object).fillna("of the run"))
    scores = keyed.pivot_table(index=["run", "representation"], columns="name", values="score", aggfunc="last")
    return runs.merge(scores.reset_index(), on="run", how="right")
