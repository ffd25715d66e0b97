"""Labels of a user's own images: columns of a csv file or of arrays, each converted to one factor.

Each different text or whole number is a class. Numbers with a decimal point are measurements: they keep their values,
and if these are more than the number of classes, each class gets an equal share of the images.
"""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.base import DataError, is_factor_name
from bench.store.files import check_regular, printable
from bench.store.record_types import is_line

MOST_CLASSES = 1000  # of a factor; a column with more is a name of each image, or a measurement
WHOLE = re.compile(r"[+-]?[0-9]+")
LARGEST_WHOLE = 2**53  # up to here each whole number is a float64 of its own
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
DELIMITERS = ",;\t"
LARGEST = 2**30  # bytes of a csv file


@dataclass(frozen=True)
class Factor:
    """One factor of n images.

    Attributes:
        name: its name.
        classes: (n,) integers from 0, each of which occurs.
        values: (n,) the numbers themselves; for text, its classes.
        starts: the text or number of each class; for a class of measurements, its smallest value.
        kind: how the column was converted, in words.
    """

    name: str
    classes: NDArray[np.int64]
    values: NDArray[np.float64]
    starts: tuple[str | float, ...]
    kind: str

    @property
    def size(self) -> int:
        """Number of classes."""
        return len(self.starts)

    @property
    def span(self) -> str:
        """Its first and last text, or its smallest and largest number, in words."""
        if isinstance(self.starts[0], str):
            return f"{self.starts[0]} to {self.starts[-1]}"
        return f"{self.values.min():g} to {self.values.max():g}"


@dataclass(frozen=True)
class Table:
    """A csv file: its columns, and the number of the line that each row ends on."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]


def factor(
    name: str,
    column: Sequence[str] | NDArray[Any],
    num_classes: int,
    place: str,
    lines: Sequence[int] | None = None,
) -> Factor:
    """Convert a column to a factor.

    Args:
        name: the name of the factor.
        column: (n,) text as in a csv file, or an array of numbers or text.
        num_classes: number of classes of measurements, if they have more values than this.
        place: the file and the column, for messages.
        lines: of a csv file, on which the values stand.

    Raises:
        DataError: a value is missing or not finite, numbers and text are mixed, or there are too few or too many
            classes; the message names the place and the mend.
    """
    if not is_factor_name(name):
        raise DataError(f"{place}: a factor cannot be called {printable(name, 40)!r}: use letters, digits and _")
    values = _numbers(column, place, lines)
    if values is None:
        starts, classes = np.unique(np.asarray(column, str), return_inverse=True)
        result = Factor(name, classes, classes.astype(np.float64), tuple(starts.tolist()), "text")
    elif isinstance(values, np.ndarray) and values.dtype.kind == "f":
        result = _measured(name, values, num_classes)
    else:
        starts, classes = np.unique(values, return_inverse=True)
        result = Factor(name, classes, values.astype(np.float64), tuple(starts.tolist()), "whole numbers")
    if result.size == 1:
        raise DataError(f"{place} has one value, {result.starts[0]!r}, in every row: {_mend(name)}")
    if result.size > MOST_CLASSES:
        measured = (
            "" if values is None else f", or write {result.starts[0]} as {float(result.starts[0])} if it is measured"
        )
        raise DataError(
            f"{place} has {result.size:,} different values, a factor has up to {MOST_CLASSES:,} classes: "
            f"{_mend(name)}{measured}"
        )
    return result


def _mend(name: str) -> str:
    return f"leave {name} out, factors=[...] names the columns to take"


def _measured(name: str, values: NDArray[Any], num_classes: int) -> Factor:
    """A factor of measurements: a class for each value, or, if there are more, `num_classes` of about equal size."""
    exact = values.astype(np.float64)
    distinct, index, counts = np.unique(exact, return_inverse=True, return_counts=True)
    if len(distinct) <= num_classes:
        return Factor(name, index, exact, tuple(distinct.tolist()), "measured, each value a class")
    middles = (np.cumsum(counts) - counts / 2) / len(exact)  # mean rank of each value, as a fraction of all rows
    starts, classes = np.unique((middles * num_classes).astype(np.int64), return_inverse=True)
    least = tuple(distinct[classes == c].min().item() for c in range(len(starts)))
    equal = "equal shares" if (counts == 1).all() else "about equal shares"
    return Factor(name, classes[index], exact, least, f"measured, classes of {equal}")


def _numbers(column: Sequence[str] | NDArray[Any], place: str, lines: Sequence[int] | None) -> NDArray[Any] | None:
    """The numbers of a column, integers or floats; None if it is text."""
    array, large = np.asarray(column), list[int]()
    if array.ndim != 1 or array.dtype.kind not in "biufUS":
        raise DataError(f"{place} is {array.dtype} {array.shape}, not a column of numbers or of text")
    if array.dtype.kind == "S":
        raise DataError(f"{place} is bytes: save it as text, .astype(str)")
    if array.dtype.kind == "U":
        cells = [str(cell) for cell in array]
        if empty := [row for row, cell in enumerate(cells) if not cell.strip()]:
            raise DataError(f"{place} has no value in {_rows(empty, lines)}")
        numeric = [bool(NUMBER.fullmatch(cell)) for cell in cells]
        if not any(numeric):
            if wrong := next((cell for cell in cells if not is_line(cell)), None):
                raise DataError(f"{place} holds {printable(wrong, 40)!r}, which is no line of plain text")
            return None
        if not all(numeric):
            text, number = numeric.index(False), numeric.index(True)
            raise DataError(
                f"{place} mixes numbers and text: {cells[number]!r} in {_rows([number], lines)}, "
                f"{printable(cells[text], 40)!r} in {_rows([text], lines)}"
            )
        if all(map(WHOLE.fullmatch, cells)):
            large = [row for row, cell in enumerate(cells) if abs(float(cell)) > LARGEST_WHOLE]
            array = np.array([0 if large else int(cell) for cell in cells])
        else:
            array = np.array(cells, np.float64)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        rows = np.flatnonzero(~np.isfinite(array)).tolist()
        raise DataError(f"{place} has NaN or infinite numbers in {_rows(rows, lines)}")
    if array.dtype.kind in "iu":
        large = large or np.flatnonzero((array > LARGEST_WHOLE) | (array < -LARGEST_WHOLE)).tolist()
    if large:
        raise DataError(f"{place} has a whole number beyond 2^53 in {_rows(large, lines)}: {_NUMBERED}")
    return array.astype(np.int64) if array.dtype.kind in "bu" else array


_NUMBERED = "number its classes from 0, or write them as text, such as id_1234"


def _rows(rows: Sequence[int], lines: Sequence[int] | None) -> str:
    """The first of some rows and how many there are more; rows count from 1, lines are those of the file."""
    first = f"row {rows[0] + 1}" if lines is None else f"line {min(lines[row] for row in rows)}"
    return first + (f" and {len(rows) - 1:,} more" if len(rows) > 1 else "")


def read_csv(path: Path) -> Table:
    """Read a csv file with a header; the delimiter is that of , ; and tab which occurs most in the header.

    Raises:
        DataError: the file cannot be read, has no rows, or a row is shorter or longer than the header.
    """
    try:
        check_regular(path.stat(), LARGEST)
        with path.open(encoding="utf-8-sig", newline="") as file:
            header_line = file.readline(2**16)
            file.seek(0)
            rows = csv.reader(file, delimiter=max(DELIMITERS, key=header_line.count), strict=True)
            header = [name.strip() for name in next(rows, [])]
            if not header or not all(header) or len(set(header)) < len(header):
                got = printable(header_line.strip(), 80) or "none"
                mend = "" if not header or header[0] else ": df.to_csv(..., index=False) writes no column without name"
                raise DataError(f"{path}: the first line must be names of columns, all different, got {got}{mend}")
            lines, cells = [], []
            for row in rows:
                if not row:
                    continue  # an empty line
                if len(row) != len(header):
                    raise DataError(f"{path}, line {rows.line_num}: {len(row)} values, the header names {len(header)}")
                lines.append(rows.line_num)
                cells.append([_composed(cell.strip()) for cell in row])
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror or fault}") from fault
    except (ValueError, csv.Error) as fault:  # not a regular file, or not text
        raise DataError(f"{path} is no csv file in UTF-8: {fault}") from fault
    if not cells:
        raise DataError(f"{path} has no rows below its header")
    return Table(path, dict(zip(header, map(list, zip(*cells, strict=True)), strict=True)), lines)


def rows_of(table: Table, files: Sequence[str], folder: Path) -> tuple[str, list[int]]:
    """The name of the column that holds file names, and the row of each file.

    Args:
        table: the csv file.
        files: paths of the files below the folder, with / between their parts.
        folder: the folder of the files.

    Raises:
        DataError: no column names them; a file has no row or two, or a row names no file.
    """
    spelled = dict(_spellings(files, folder, table.path.parent))
    spelled |= {normal: i for name, i in spelled.items() if (normal := _composed(name)) not in spelled}

    def named_by(cell: str) -> int | None:
        return spelled.get(_plain(cell), spelled.get(_composed(_plain(cell))))

    file_of_row = {name: list(map(named_by, cells)) for name, cells in table.columns.items()}
    column = _naming(table, file_of_row, files)
    if column is None:
        shown = "; ".join(f"{name}: {printable(cells[0], 40)}" for name, cells in list(table.columns.items())[:6])
        raise DataError(f"{table.path}: no column names the files of {folder}, such as {files[0]}; it has {shown}")
    row_of: dict[int, int] = {}
    for row, file in enumerate(file_of_row[column]):
        if file is None:
            named = printable(table.columns[column][row], 80)
            raise DataError(f"{table.path}, line {table.lines[row]}: {column} names {named}, which {folder} has not")
        if file in row_of:
            both = f"lines {table.lines[row_of[file]]} and {table.lines[row]}"
            raise DataError(f"{table.path}: {both} are both of {files[file]}")
        row_of[file] = row
    if lacking := [name for i, name in enumerate(files) if i not in row_of]:
        if lacking[0] in [files[i] for i in map(named_by, table.columns) if i is not None]:
            raise DataError(f"{table.path}: its first line names {lacking[0]}: write names of columns above it")
        more = f" and {len(lacking) - 1:,} more files" if len(lacking) > 1 else ""
        raise DataError(f"{table.path} has no row of {lacking[0]}{more}, which {'are' if more else 'is'} in {folder}")
    return column, [row_of[i] for i in range(len(files))]


def _naming(table: Table, file_of_row: Mapping[str, Sequence[int | None]], files: Sequence[str]) -> str | None:
    """The column that names most files; among equals, one that includes their endings. None: no column names any."""
    endings = {PurePosixPath(name).suffix for name in files}

    def matches(column: str) -> tuple[int, int]:
        with_ending = sum(PurePosixPath(cell).suffix in endings for cell in table.columns[column])
        return len(set(file_of_row[column]) - {None}), with_ending

    best = max(map(matches, file_of_row))
    candidates = [column for column in file_of_row if matches(column) == best]
    if best[0] and any(file_of_row[column] != file_of_row[candidates[0]] for column in candidates):
        names = " and ".join(candidates)
        raise DataError(f"{table.path}: {names} both could name the files: write their endings in one")
    return candidates[0] if best[0] else None


def _spellings(files: Sequence[str], folder: Path, table_folder: Path) -> Iterator[tuple[str, int]]:
    """The ways to name each file: its path below the folder, without its ending, relative to the csv file, or whole."""
    try:
        below_table = PurePosixPath(folder.resolve().relative_to(table_folder.resolve()).as_posix())
    except ValueError:
        below_table = None
    stems = [str(PurePosixPath(name).with_suffix("")) for name in files]
    count_of_stem = Counter(stems)
    yield from ((stem, i) for i, stem in enumerate(stems) if count_of_stem[stem] == 1)
    for i, name in enumerate(files):
        if below_table is not None:
            yield str(below_table / name), i
        yield str(folder.resolve() / name), i
        yield name, i


def _composed(name: str) -> str:
    """A name with each accent in one character with its letter: file systems and programs write it in two ways."""
    return unicodedata.normalize("NFC", name)


def _plain(cell: str) -> str:
    return str(PurePosixPath(cell.replace("\\", "/"))) if cell else ""
