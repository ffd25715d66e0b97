"""Score tables that stand alone: a study's scores and their card, without its runs; and how two become one.

The reference table that comes with the package is one: what was trained once is drawn anywhere, in seconds. A folder
holds `scores.csv.gz`, the table with the columns of `bench.columns`, and `card.yaml`: what the rows are, and the parts
that went into it, each with its devices, versions, training time, revision, date and command.
"""

import gzip
import hashlib
import io
import zlib
from typing import TYPE_CHECKING, Any

import yaml

from bench.columns import COLUMNS
from bench.grid import Plan
from bench.store import Store, StoreError, TableFolder, shipped_reference, writing
from bench.table_card import contents, part

if TYPE_CHECKING:
    import pandas as pd

STUDY = "reference"  # the study whose table comes with the package
KEY = ["run", "cell", "name", "factor"]  # what a score is the score of
NUMBERS = ["score", "num_train", "num_test"]  # what must be the same wherever it was computed


class ConflictError(StoreError):
    """Two tables give one score two values; the message names the run."""


def write_reference(table: "pd.DataFrame", plan: Plan, store: Store, folder: TableFolder) -> None:
    """Write a study's scores and their card into a folder.

    Args:
        table: the study's scores, as `bench.scores` gives them.
        plan: the study.
        store: where its runs lie; their devices and versions go to the card.
        folder: is overwritten.

    Raises:
        StoreError: there are no scores, one is not finite, or the folder cannot be written.
    """
    if table.empty:
        raise StoreError(f"study {plan.name} has no scores to export")
    own = part(table, plan, store) | {"sha256": hashlib.sha256(_text(table)).hexdigest()}
    _write(table, [own], folder)


def read_reference(folder: TableFolder | None = None) -> "tuple[pd.DataFrame, dict[str, Any]]":
    """The table of a folder, by default the one that comes with the package, and its card.

    Raises:
        StoreError: a file is missing, damaged or not what it should be; the message names it.
    """
    folder = folder or shipped_reference()
    table = _read_table(folder)
    try:
        card = yaml.safe_load(folder.card.read_bytes())
        if not isinstance(card["parts"], list):
            raise ValueError("parts is not a list")
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as fault:
        raise StoreError(f"cannot read {folder.card}: {fault!r}") from fault
    return table, card


def merge(new: TableFolder, store: Store) -> "tuple[int, int]":
    """Add another table to the reference table of a store, which begins as the one that comes with the package.

    Scores that are new are added. One that both have must be the same in both: number and sample sizes.

    Returns:
        Rows added and rows found equal.

    Raises:
        ConflictError: a score differs; nothing is changed.
        StoreError: a file cannot be read or written.
    """
    added, card = read_reference(new)
    base = known(store)
    if base is None:
        _write(added, card["parts"], store.reference())
        return len(added), 0
    table, kept = read_reference(base)
    together = _union(table, added, new)
    parts = kept["parts"] + [p for p in card["parts"] if p not in kept["parts"]]
    _write(together, parts, store.reference())
    return len(together) - len(table), len(table) + len(added) - len(together)


def known(store: Store) -> TableFolder | None:
    """The reference table that holds for a store: its own, else the one that comes with the package, else none."""
    return next((f for f in (store.reference(), shipped_reference()) if f.table.exists()), None)


def _union(table: "pd.DataFrame", added: "pd.DataFrame", source: TableFolder) -> "pd.DataFrame":
    import pandas as pd

    mine, theirs = (t.set_index(_keys(t)) for t in (table, added))
    both = mine.index.intersection(theirs.index)
    here, there = mine.loc[both, NUMBERS], theirs.loc[both, NUMBERS]
    differ = (here.to_numpy() != there.to_numpy()).any(axis=1)
    if differ.any():
        run, _, name, factor = both[differ][0]
        a, b = here["score"][differ].iloc[0], there["score"][differ].iloc[0]
        runs = both[differ].get_level_values("run").nunique()
        raise ConflictError(
            f"run {run} has {name}{f' of {factor}' if factor else ''} {a!r} in the reference table and {b!r} in "
            f"{source.table}; {differ.sum()} scores of {runs} runs differ, nothing was merged"
        )
    return pd.concat([table, added[~theirs.index.isin(mine.index)]], ignore_index=True).astype(COLUMNS)


def _keys(table: "pd.DataFrame") -> "pd.MultiIndex":
    import pandas as pd

    return pd.MultiIndex.from_frame(table[KEY].astype("string").fillna(""))


def _read_table(folder: TableFolder) -> "pd.DataFrame":
    import pandas as pd

    try:
        with gzip.open(folder.table) as file:
            text = file.read().decode()
        table = pd.read_csv(io.StringIO(text), dtype="string")  # floats are read to the last bit below
        if list(table.columns) != list(COLUMNS):
            raise ValueError(f"its columns are {', '.join(table.columns)}, not {', '.join(COLUMNS)}")
        table = table.astype(COLUMNS)
    except (OSError, EOFError, zlib.error, ValueError) as fault:  # of gzip, of the text, of the types
        raise StoreError(f"cannot read {folder.table}: {fault}") from fault
    if twice := int(_keys(table).duplicated().sum()):
        raise StoreError(f"{folder.table} has {twice} scores twice")
    return table


def _write(table: "pd.DataFrame", parts: list[dict[str, Any]], folder: TableFolder) -> None:
    """The table first: a merge that is killed between the two files is finished by the same command."""
    if missing := int((~table["score"].abs().lt(float("inf"))).sum()):
        raise StoreError(f"{missing} scores are not finite: {folder.table} is not written")
    with writing(folder.table) as file:  # no time stamp inside: the same table is the same file
        file.write(gzip.compress(_text(table), mtime=0))
    with writing(folder.card) as file:
        file.write(yaml.safe_dump(contents(table) | {"parts": parts}, sort_keys=False, allow_unicode=True).encode())


def _text(table: "pd.DataFrame") -> bytes:
    """The table as csv, its rows in the one order that they have in every file."""
    words = {c: "string" for c in table if str(table[c].dtype) == "category"}  # a category sorts as it was met
    ordered = table.astype(words).sort_values(["dataset", "schedule", "model", "value", "seed", *KEY])
    return ordered.to_csv(index=False).encode()
