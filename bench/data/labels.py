"""Labels of one's own images: columns of a csv file or of arrays, each made the classes and values of one factor.

Text and whole numbers are classes as they are; numbers with a point are measured: beside their values they have
classes, each of an equal share of the images where they take more values than there are to be classes.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.base import DataError
from bench.store.files import check_regular, printable
from bench.store.record_types import is_line

MOST_CLASSES = 1000  # of a factor: more are names of images, or were measured
WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
DELIMITERS = ",;\t"
LARGEST = 2**30  # bytes of a csv file


@dataclass(frozen=True)
class Factor:
    """One factor of n images.

    Attributes:
        name: what it is called.
        classes: (n,) integers from 0, each of which occurs.
        values: (n,) what they are worth: of text, its class.
        starts: what each class stands for: text or a number; of a class of measured numbers, the least.
        kind: what was made of the column, in words.
    """

    name: str
    classes: NDArray[np.int64]
    values: NDArray[np.float64]
    starts: tuple[str | float, ...]
    kind: str

    @property
    def size(self) -> int:
        """How many classes it has."""
        return len(self.starts)

    @property
    def span(self) -> str:
        """The first and the last of its texts, or its least and its largest number."""
        if isinstance(self.starts[0], str):
            return f"{self.starts[0]} to {self.starts[-1]}"
        return f"{self.values.min():g} to {self.values.max():g}"


@dataclass(frozen=True)
class Table:
    """A csv file: its columns, and the line that each row ends on."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]


def factor(
    name: str,
    column: Sequence[str] | NDArray[Any],
    num_classes: int,
    where: str,
    lines: Sequence[int] | None = None,
) -> Factor:
    """The factor that a column holds.

    Args:
        name: what it is called.
        column: (n,) text as a csv file has it, or an array of numbers or text.
        num_classes: of measured numbers that take more values than this.
        where: the file and the column, for messages.
        lines: of a csv file, on which the values stand.

    Raises:
        DataError: a value is missing or not finite, numbers and text are mixed, or there are too few or too many
            classes; the message names the place and the mend.
    """
    if not is_line(name) or "/" in name or not name.strip():
        raise DataError(f"{where}: a factor cannot be called {printable(name, 40)!r}: use letters, digits and _")
    values = _numbers(column, where, lines)
    if values is None:
        starts, classes = np.unique(np.asarray(column, str), return_inverse=True)
        made = Factor(name, classes, classes.astype(np.float64), tuple(starts.tolist()), "text")
    elif isinstance(values, np.ndarray) and values.dtype.kind == "f":
        made = _measured(name, values, num_classes)
    else:
        starts, classes = np.unique(values, return_inverse=True)
        made = Factor(name, classes, values.astype(np.float64), tuple(starts.tolist()), "whole numbers")
    if made.size == 1:
        raise DataError(f"{where} has one value, {made.starts[0]!r}, in every row: {_mend(name)}")
    if made.size > MOST_CLASSES:
        measured = "" if values is None else f", or write {made.starts[0]} as {float(made.starts[0])} if it is measured"
        raise DataError(
            f"{where} has {made.size:,} different values, a factor has up to {MOST_CLASSES:,} classes: "
            f"{_mend(name)}{measured}"
        )
    return made


def _mend(name: str) -> str:
    return f"leave {name} out, factors=[...] names the columns to take"


def _measured(name: str, values: NDArray[Any], num_classes: int) -> Factor:
    """Each value a class where there are few; else classes of equal shares, equal values in one class."""
    exact = values.astype(np.float64)
    distinct, place, counts = np.unique(exact, return_inverse=True, return_counts=True)
    if len(distinct) <= num_classes:
        return Factor(name, place, exact, tuple(distinct.tolist()), "measured, each value a class")
    middles = (np.cumsum(counts) - counts / 2) / len(exact)  # of each value's place among all: two are half apart
    starts, classes = np.unique((middles * num_classes).astype(np.int64), return_inverse=True)
    least = tuple(distinct[classes == c].min().item() for c in range(len(starts)))
    equal = "equal shares" if (counts == 1).all() else "about equal shares"
    return Factor(name, classes[place], exact, least, f"measured, classes of {equal}")


def _numbers(column: Sequence[str] | NDArray[Any], where: str, lines: Sequence[int] | None) -> NDArray[Any] | None:
    """The numbers of a column, integers or floats; None: it is text."""
    array = np.asarray(column)
    if array.ndim != 1 or array.dtype.kind not in "biufUS":
        raise DataError(f"{where} is {array.dtype} {array.shape}, not a column of numbers or of text")
    if array.dtype.kind == "S":
        raise DataError(f"{where} is bytes: save it as text, .astype(str)")
    if array.dtype.kind == "U":
        cells = [str(cell) for cell in array]
        if empty := [row for row, cell in enumerate(cells) if not cell.strip()]:
            raise DataError(f"{where} has no value in {_rows(empty, lines)}")
        numeric = [bool(NUMBER.fullmatch(cell)) for cell in cells]
        if not any(numeric):
            if wrong := next((cell for cell in cells if not is_line(cell)), None):
                raise DataError(f"{where} holds {printable(wrong, 40)!r}, which is no line of plain text")
            return None
        if not all(numeric):
            text, number = numeric.index(False), numeric.index(True)
            raise DataError(
                f"{where} mixes numbers and text: {cells[number]!r} in {_rows([number], lines)}, "
                f"{printable(cells[text], 40)!r} in {_rows([text], lines)}"
            )
        array = np.array(cells, np.int64 if all(map(WHOLE.fullmatch, cells)) else np.float64)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        rows = np.flatnonzero(~np.isfinite(array)).tolist()
        raise DataError(f"{where} has NaN or infinite numbers in {_rows(rows, lines)}")
    return array.astype(np.int64) if array.dtype.kind in "bu" else array


def _rows(rows: Sequence[int], lines: Sequence[int] | None) -> str:
    """The first of some rows and how many there are more; rows count from 1, lines are those of the file."""
    first = f"row {rows[0] + 1}" if lines is None else f"line {min(lines[row] for row in rows)}"
    return first + (f" and {len(rows) - 1:,} more" if len(rows) > 1 else "")


def read_csv(path: Path) -> Table:
    """The columns of a csv file with a header, separated by whichever of , ; and tab its header has most of.

    Raises:
        DataError: it cannot be read, has no rows, or a row is shorter or longer than the header.
    """
    try:
        check_regular(path.stat(), LARGEST)
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline(2**16)
            file.seek(0)
            rows = csv.reader(file, delimiter=max(DELIMITERS, key=first.count), strict=True)
            header = [name.strip() for name in next(rows, [])]
            if not header or not all(header) or len(set(header)) < len(header):
                got = printable(first.strip(), 80) or "none"
                raise DataError(f"{path}: the first line must be names of columns, all different, got {got}")
            lines, cells = [], []
            for row in rows:
                if not row:
                    continue  # an empty line
                if len(row) != len(header):
                    raise DataError(f"{path}, line {rows.line_num}: {len(row)} values, the header names {len(header)}")
                lines.append(rows.line_num)
                cells.append([cell.strip() for cell in row])
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror or fault}") from fault
    except (ValueError, csv.Error) as fault:  # no regular file, or no text
        raise DataError(f"{path} is no csv file in UTF-8: {fault}") from fault
    if not cells:
        raise DataError(f"{path} has no rows below its header")
    return Table(path, dict(zip(header, map(list, zip(*cells, strict=True)), strict=True)), lines)


def rows_of(table: Table, files: Sequence[str], folder: Path) -> tuple[str, list[int]]:
    """Which column names the files, and the row of each file.

    Args:
        table: the csv file.
        files: paths below the folder, with / between their parts.
        folder: where they lie.

    Raises:
        DataError: no column names them; a file has no row or two, or a row names no file.
    """
    spelled = dict(_spellings(files, folder, table.path.parent))
    found = {name: [spelled.get(_plain(cell)) for cell in cells] for name, cells in table.columns.items()}
    column = _naming(table, found, files)
    if column is None:
        raise DataError(
            f"{table.path}: no column names the files of {folder}, such as {files[0]}; its columns are "
            f"{', '.join(table.columns)}"
        )
    row_of: dict[int, int] = {}
    for row, file in enumerate(found[column]):
        if file is None:
            named = printable(table.columns[column][row], 80)
            raise DataError(f"{table.path}, line {table.lines[row]}: {column} names {named}, which {folder} has not")
        if file in row_of:
            both = f"lines {table.lines[row_of[file]]} and {table.lines[row]}"
            raise DataError(f"{table.path}: {both} are both of {files[file]}")
        row_of[file] = row
    if lacking := [name for i, name in enumerate(files) if i not in row_of]:
        more = f" and {len(lacking) - 1:,} more files" if len(lacking) > 1 else ""
        raise DataError(f"{table.path} has no row of {lacking[0]}{more}, which {'are' if more else 'is'} in {folder}")
    return column, [row_of[i] for i in range(len(files))]


def _naming(table: Table, found: Mapping[str, Sequence[int | None]], files: Sequence[str]) -> str | None:
    """The column that names most files; of several, one that has their endings."""
    endings = {PurePosixPath(name).suffix for name in files}

    def named(column: str) -> tuple[int, int]:
        ended = sum(PurePosixPath(cell).suffix in endings for cell in table.columns[column])
        return len(set(found[column]) - {None}), ended

    best = max(map(named, found))
    naming = [column for column in found if named(column) == best]
    if best[0] and len(naming) > 1 and any(found[column] != found[naming[0]] for column in naming):
        raise DataError(f"{table.path}: {' and '.join(naming)} both could name the files: write their endings in one")
    return naming[0] if best[0] else None


def _spellings(files: Sequence[str], folder: Path, beside: Path) -> Iterator[tuple[str, int]]:
    """How a row may name each file: below the folder, without its ending, or as it lies from the csv file."""
    try:
        above = PurePosixPath(folder.resolve().relative_to(beside.resolve()).as_posix())
    except ValueError:
        above = None
    stems = [str(PurePosixPath(name).with_suffix("")) for name in files]
    once = Counter(stems)
    yield from ((stem, i) for i, stem in enumerate(stems) if once[stem] == 1)
    for i, name in enumerate(files):
        if above is not None:
            yield str(above / name), i
        yield name, i


def _plain(cell: str) -> str:
    return str(PurePosixPath(cell.replace("\\", "/"))) if cell else ""
