"""The score table: every score of every run as one long DataFrame; its columns are described in `bench.columns`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.columns import COLUMNS, OF_RUN, coded
from bench.escaping import as_cells
from bench.progress import say_once
from bench.store.files import writing
from bench.store.folders import Store
from bench.table.compact import contents

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["COLUMNS", "export", "stored_scores"]


def stored_scores(
    store: Store, runs: Iterable[str] | None = None, cells: Iterable[str] | None = None
) -> "pd.DataFrame":
    """The rows of cells that succeeded, of the store or of some of its runs and cells; damaged records are reported."""
    stored = contents(store, [*COLUMNS, "state"])
    for damage in stored.damaged:
        say_once(str(damage))
    allowed = {"run": runs, "cell": cells}
    rows = _among(stored.rows, state=["done"], **{column: ids for column, ids in allowed.items() if ids is not None})
    return _frame(rows.drop_columns("state"))


def _among(rows: "pa.Table", **allowed: Iterable[str]) -> "pa.Table":
    """Rows whose text is among the allowed ones in each of the columns."""
    mask = np.ones(len(rows), bool)
    for column, texts in allowed.items():
        codes, vocabulary = coded(rows[column])
        words_allowed = set(texts)
        mask &= np.array([*(word in words_allowed for word in vocabulary), False])[codes]
    return rows if mask.all() else rows.filter(mask)


def _frame(rows: "pa.Table") -> "pd.DataFrame":
    import pandas as pd

    columns = {n: _category(rows[n]) if k == "category" else rows[n].to_pandas() for n, k in COLUMNS.items()}
    frame = pd.DataFrame(columns, copy=False).astype({"strength_index": COLUMNS["strength_index"]})
    runs = frame["run"].cat.codes.to_numpy()
    if (runs[1:] >= runs[:-1]).all():
        return frame
    return frame.take(np.argsort(runs, kind="stable")).reset_index(drop=True)


def _category(column: "pa.ChunkedArray") -> "pd.Categorical":
    """Text as a categorical of the words that are used, in alphabetical order."""
    import pandas as pd

    codes, words = coded(column)
    used = np.flatnonzero(np.bincount(codes + 1, minlength=len(words) + 1)[1:])
    used = used[np.argsort(words[used])]
    places = np.full(len(words) + 1, -1, dtype=np.int16 if len(words) < 2**15 else np.int32)
    places[used] = np.arange(len(used))
    return pd.Categorical.from_codes(places[codes], dtype=pd.CategoricalDtype(pd.Index(words[used], dtype="str")))


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
