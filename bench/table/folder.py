"""The files of a standalone score table: read within limits, and written so that they are always consistent.

A folder may come from anyone. A file may be of any size, so a table is expanded in chunks, and the card's YAML has no
aliases and limited depth. `bench.table.rules` checks the rows.

`format` in the card is raised when a column changes its meaning or a new one cannot be missing. Any other new column
keeps the format: it is missing in older tables, and older versions of this code leave it out.
"""

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson
import yaml

from bench.columns import COLUMNS, arrow_schema, categorical
from bench.progress import say
from bench.store.files import StoreError, check_regular, remove, sha256_of, write_json, writing
from bench.store.record_types import Id, Name, checked
from bench.store.tables import TableFolder
from bench.table.card import contents
from bench.table.former import FORMER, NEW, with_hyperparameters

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMAT = 2  # `bench.table.former` reads format 1
OPTIONAL = ("seconds", "device", "train_seconds", "versions", "revision")  # and every column that is added later
REQUIRED = [c for c in COLUMNS if c not in OPTIONAL]
MOST_ROWS = 5_000_000  # most rows; the full study has 1.5 million
LARGEST_FILE = 200_000_000  # bytes of a compressed table; the full study's has 20 million
LARGEST_TEXT = 2_000_000_000  # bytes of its text; the full study's has 0.4 billion
MOST_EXPANDED = 100  # factor of compression; that of a score table is about 25
LONGEST_ROW = 1_000_000  # bytes
SMALL = 50_000_000  # bytes of text that any table may have
LARGEST_IDENTITIES = 20_000_000  # bytes of text; the full study's have 6 million
LARGEST_CARD, LONGEST_TEXT, DEEPEST = 1_000_000, 2_000, 10
ORDER = ["dataset", "schedule", "model", "value", "seed", "run", "cell", "name", "factor"]

Identities = dict[str, Any]
Studies = Mapping[str, list[str] | None]


def read_table(folder: TableFolder, card: Mapping[str, Any]) -> "pd.DataFrame":
    """The rows of a folder's table, with the columns and types of `columns.COLUMNS`, for every format.

    Args:
        folder: of the table.
        card: of the table, with its format and checksum (the first cards had neither).

    Raises:
        StoreError: the file is missing, damaged, too large, or has not these columns and types; the message names it.
    """
    import pyarrow as pa

    former = card.get("format", 1) == 1
    try:
        size = _bounded(folder.table, LARGEST_FILE).stat().st_size
        with _expanded(folder.table, _most_text(size)) as text:
            rows = _rows(text, folder.table, FORMER if former else {}, NEW if former else ())
        if "sha256" in card and card["sha256"] != sha256_of(folder.table):
            raise ValueError(f"it is not the table that {folder.card.name} beside it was written for")
        table = _frame(rows)
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, pa.ArrowException) as fault:
        raise unreadable(folder.table, fault, folder) from fault
    return with_hyperparameters(table) if former else table


def read_card(folder: TableFolder) -> dict[str, Any]:
    """The content of a folder's card.

    Raises:
        StoreError: it is missing, damaged or of a later format; the message names it.
    """
    try:
        text = _bounded(folder.card, LARGEST_CARD).read_bytes()
        card = yaml.load(text, _Loader)
        number = _format(card)
    except (OSError, ValueError, TypeError, OverflowError, yaml.YAMLError) as fault:
        raise unreadable(folder.card, fault, folder) from fault
    if number > FORMAT:
        later = f"{folder.card} is of format {number}, this version reads up to {FORMAT}"
        raise StoreError(f"{later}: update disentanglement-bench")
    return dict(card)


def read_identities(folder: TableFolder) -> Identities:
    """Run id or cell key -> the content that it is the hash of; empty if there is no such file.

    Raises:
        StoreError: it is damaged or too large; the message names it.
    """
    if not folder.identities.exists():
        return {}
    try:
        with _expanded(_bounded(folder.identities, LARGEST_IDENTITIES), LARGEST_IDENTITIES) as text:
            identities = orjson.loads(text.read())
        if not isinstance(identities, dict):
            raise ValueError("it holds no keys and values")
    except (OSError, EOFError, zlib.error, ValueError) as fault:
        raise unreadable(folder.identities, fault, folder) from fault
    return identities


def read_studies(folder: TableFolder, card: Mapping[str, Any]) -> Studies:
    """The studies of a folder's table, each with the ids of its runs; None: unknown, perhaps all runs.

    Raises:
        StoreError: the file is damaged or too large; the message names it.
    """
    exists = folder.studies.exists()
    try:
        if not exists:  # as in tables of older exports
            return dict.fromkeys(checked([p["study"] for p in card["parts"] if "study" in p], list[Name]))
        text = _bounded(folder.studies, LARGEST_IDENTITIES).read_bytes()
        studies: Studies = checked(orjson.loads(text), dict[Name, list[Id]])
    except (OSError, ValueError) as fault:
        raise unreadable(folder.studies if exists else folder.card, fault, folder) from fault
    return studies


def unreadable(path: Path, fault: Exception, folder: TableFolder) -> StoreError:
    """The error for a file that cannot be read: one printable line, with what to do."""
    text = " ".join(str(getattr(fault, "problem", None) or fault).split()) or type(fault).__name__
    plain = re.sub("[^ -~]", lambda letter: ascii(letter[0])[1:-1], text[:300])
    return StoreError(f"cannot read {path}: {plain}; {folder.mend}")


def write_folder(
    table: "pd.DataFrame",
    parts: list[dict[str, Any]],
    identities: Identities,
    folder: TableFolder,
    studies: Mapping[str, list[str]] | None = None,
) -> None:
    """Write a table and its other files. The card is written last and has the checksum of the table.

    Args:
        table: its rows.
        parts: of the card, one a study.
        identities: id or key -> the content that it is the hash of.
        folder: to overwrite.
        studies: the ids of each study's runs; None: unknown.

    Raises:
        StoreError: a file cannot be written, or is beyond the limits within which it could be read again.
    """
    text, identities_text = text_of(table), orjson.dumps(identities, option=orjson.OPT_SORT_KEYS)
    packed = gzip.compress(text, mtime=0)  # no time stamp inside: the same table is the same file
    entries = {"format": FORMAT, "sha256": hashlib.sha256(packed).hexdigest()} | contents(table)
    entries |= {"studies": {name: len(runs) for name, runs in studies.items()}} if studies else {}
    entries |= {"parts": parts}
    card = yaml.dump(entries, Dumper=_Dumper, sort_keys=False, allow_unicode=True).encode()
    limits = {
        "rows": (len(table), MOST_ROWS),
        "bytes": (len(text), _most_text(len(packed))),
        "bytes of identities": (len(identities_text), LARGEST_IDENTITIES),
        "bytes of its card": (len(card), LARGEST_CARD),
    }
    for unit, (count, most) in limits.items():
        if count > most:
            raise StoreError(f"{folder.table} is not written: it would have {count:,} {unit}, more than {most:,}")
    with writing(folder.table) as file:
        file.write(packed)
    with writing(folder.identities) as file:
        file.write(gzip.compress(identities_text, mtime=0))
    if studies:
        write_json(folder.studies, {name: sorted(runs) for name, runs in studies.items()})
    else:
        remove(folder.studies)
    with writing(folder.card) as file:
        file.write(card)


def text_of(table: "pd.DataFrame") -> bytes:
    """The table as csv, its rows sorted the same way in every file."""
    words = {c: "string" for c in table if str(table[c].dtype) == "category"}  # a category sorts by first appearance
    return table.astype(words).sort_values(ORDER).to_csv(index=False).encode()


def _bounded(path: Path, most: int) -> Path:
    """Check that a file is regular (opening a pipe would block) and has at most `most` bytes; return its path."""
    check_regular(path.stat(), most)
    return path


def _most_text(packed: int) -> int:
    """The most bytes of text that a table of `packed` bytes may expand to."""
    return min(LARGEST_TEXT, max(SMALL, MOST_EXPANDED * packed))


def _expanded(path: Path, most: int) -> IO[bytes]:
    """The text of a gzip file; reading more than `most` bytes raises a ValueError."""
    return io.BufferedReader(_Expanded(path, most))


class _Expanded(io.RawIOBase):
    def __init__(self, path: Path, most: int) -> None:
        self.file, self.remaining, self.most = gzip.open(path), most, most  # noqa: SIM115 closed below

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self.file.readinto(buffer)
        self.remaining -= count
        if self.remaining < 0:
            raise ValueError(f"it expands to more than {self.most:,} bytes")
        return count

    def close(self) -> None:
        self.file.close()
        super().close()


def _rows(text: IO[bytes], path: Path, former: Mapping[str, str], new: Collection[str]) -> "pa.Table":
    """The columns of this version; a former format has some under other names and lacks others."""
    import pyarrow as pa
    from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, open_csv

    names = next(csv.reader([text.readline(10_000).decode()]), [])
    if missing := [former.get(c, c) for c in REQUIRED if c not in new and former.get(c, c) not in names]:
        raise ValueError(f"it has no column {', '.join(missing)}")
    if len(set(names)) < len(names):
        raise ValueError("it has two columns of one name")
    column_of = {former.get(c, c): c for c in COLUMNS if c not in new}
    if extra := [c for c in names if c not in column_of]:
        say(f"{path} has columns that this version does not know and leaves out: {ascii(', '.join(extra))[:200]}")
    names = [column_of.get(c, f"{c} (unknown)") for c in names]
    known_columns = {c: kind for c, kind in COLUMNS.items() if c in names}
    schema = arrow_schema(known_columns)
    convert = ConvertOptions(
        column_types=schema, include_columns=list(known_columns), strings_can_be_null=True, null_values=[""]
    )
    parse = ParseOptions(newlines_in_values=False)
    options = ReadOptions(column_names=names, block_size=LONGEST_ROW)
    batches, count = [], 0
    try:
        with open_csv(text, options, parse, convert) as reader:
            for batch in reader:
                batches.append(batch)
                count += len(batch)
                if count > MOST_ROWS:
                    raise ValueError(f"it has more than {MOST_ROWS:,} rows")
    except pa.ArrowInvalid as fault:
        if "straddling" in str(fault):
            raise ValueError(f"it has a row of more than {LONGEST_ROW:,} bytes") from fault
        raise
    if not count:
        raise ValueError("it has no rows")
    return pa.Table.from_batches(batches, schema)


def _frame(rows: "pa.Table") -> "pd.DataFrame":
    import pandas as pd

    columns = {n: _column(rows, n, kind) for n, kind in COLUMNS.items()}
    return pd.DataFrame(columns, copy=False)


def _column(rows: "pa.Table", name: str, kind: str) -> Any:
    import pandas as pd

    if name not in rows.column_names:
        return pd.Series([None] * len(rows), dtype=object).astype(kind)
    column = rows[name]
    if kind == "category":
        return categorical(column)
    missing = column.is_null().to_numpy()
    if kind == "Int64":
        return pd.arrays.IntegerArray(column.fill_null(0).to_numpy(), missing)
    if kind == "int64" and missing.any():
        raise ValueError(f"row {int(missing.argmax()) + 1:,} has no {name}")
    return column.to_numpy()


def _format(card: Any) -> int:
    """The format of a card whose parts are valid.

    Raises:
        ValueError: the card is not valid; the message says what is wrong.
    """
    if not isinstance(card, dict):
        raise ValueError("it holds no keys and values")
    parts, number = card.get("parts"), card.get("format", 1)  # the first cards had no number
    if not isinstance(parts, list) or not all(isinstance(p, dict) for p in parts):
        raise ValueError("parts is not a list of what went into the table")
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"format is {number!r}, not a number from 1")
    return number


class _Loader(yaml.SafeLoader):
    """Plain YAML that takes no more memory than its text: no aliases or tags, limited depth and length of texts."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem="it has YAML aliases or tags")
        if len(getattr(event, "value", "")) > LONGEST_TEXT:
            raise yaml.MarkedYAMLError(problem=f"it has a text of more than {LONGEST_TEXT:,} letters")
        if self.depth >= DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"it is more than {DEEPEST} levels deep")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write no aliases, which `_Loader` refuses."""
        return True
