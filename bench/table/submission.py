"""A submission to the public board: a folder with everything that a stranger needs to check its scores.

```
submission.json     contact, paper, code, protocol, versions and command; for codes their checksum
scores.csv.gz, card.yaml, identities.json.gz, studies.json    the scores, as `export` writes them
codes.npz           optional: the codes in half precision, from which the scores were computed
```

It may come from anybody: nothing is unpickled, and files beyond the limits below are not read.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import Floats, Ints
from bench.store.files import TEMPORARY, StoreError, check_regular, printable, writing
from bench.store.record_types import Line, Name, Positive, read_record
from bench.store.tables import TableFolder
from bench.table.folder import (
    LARGEST_CARD,
    LARGEST_FILE,
    LARGEST_IDENTITIES,
    Identities,
    read_identities,
    read_studies,
)
from bench.table.reference import read_reference
from bench.training.catalogue import Sha256
from bench.values import ConfigError

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
RECORD, CODES = "submission.json", "codes.npz"
LARGEST_CODES = 100_000_000  # bytes, as repositories take; those of all of dSprites, 10 dims, are 30 million
LARGEST = {
    RECORD: 100_000,
    CODES: LARGEST_CODES,
    "scores.csv.gz": LARGEST_FILE,
    "card.yaml": LARGEST_CARD,
    "identities.json.gz": LARGEST_IDENTITIES,
    "studies.json": LARGEST_IDENTITIES,
}
MEND = "make it again with `python -m bench submit`"
COARSEST = 0.01  # largest change of codes by half precision, as a fraction of the dimension's deviation


class CodesPart(TypedDict):
    """The file of codes that was scored."""

    file: Line
    sha256: Sha256


class SubmissionRecord(TypedDict):
    """submission.json."""

    format: Positive
    name: Name
    contact: Line | None
    paper: Line | None
    code: Line | None
    protocol: Name
    command: Line
    versions: dict[Name, Line]
    revision: Line | None
    made: Line
    codes: NotRequired[CodesPart]


@dataclass(frozen=True)
class Submission:
    """A submission as read from its folder: its form is valid, its content is not checked yet.

    Attributes:
        path: its folder.
        record: submission.json.
        table: its scores.
        card: of the table.
        identities: id or key -> the content that it is the hash of.
    """

    path: Path
    record: SubmissionRecord
    table: "pd.DataFrame"
    card: Mapping[str, Any]
    identities: Identities

    @property
    def name(self) -> str:
        """Its name."""
        return self.record["name"]

    @property
    def codes(self) -> Path:
        """The path of its codes, which may not exist."""
        return self.path / CODES


def read_submission(path: Path) -> Submission:
    """A submission from its folder.

    Raises:
        StoreError: the folder is no submission, or a file is missing, damaged, too large or foreign; one line.
    """
    _check_files(path)
    record = read_record(path / RECORD, SubmissionRecord)
    if record["format"] > FORMAT:
        raise StoreError(f"{path / RECORD} is of format {record['format']}, this version reads up to {FORMAT}: update")
    folder = TableFolder(path, MEND)
    table, card = read_reference(folder)
    read_studies(folder, card)
    return Submission(path, record, table, card, read_identities(folder))


def submissions_in(folder: Path) -> list[Path]:
    """The folders of accepted submissions, by name."""
    return sorted(entry for entry in folder.glob("*") if (entry / RECORD).exists())


def _check_files(path: Path) -> None:
    """Check names, kinds and sizes of a folder's files without opening one."""
    try:
        with os.scandir(path) as entries:
            files = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
    except OSError as fault:
        raise StoreError(f"{path} is no submission: {fault.strerror or fault}") from fault
    if RECORD not in files:
        raise StoreError(f"{path} is no submission, it has no {RECORD}: `python -m bench submit` makes one")
    for name, status in sorted(files.items()):
        if name not in LARGEST:
            raise StoreError(f"{path} holds {printable(name, 60)}, which is no part of a submission: take it out")
        try:
            check_regular(status)
        except ValueError as fault:
            raise StoreError(f"cannot read {path / name}: {fault}") from fault
        if status.st_size > LARGEST[name]:
            raise StoreError(f"{path / name} has {status.st_size:,} bytes, more than {LARGEST[name]:,}: {MEND}")


def check_free(path: Path, name: str) -> None:
    """Check that a folder is new, empty or holds the same submission.

    Raises:
        ConfigError: it holds something else.
        StoreError: its record cannot be read.
    """
    try:
        names = [name for name in os.listdir(path) if not TEMPORARY.fullmatch(name)]  # of a killed writer
    except FileNotFoundError:
        return
    except OSError as fault:
        raise StoreError(f"cannot use {path}: {fault.strerror or fault}") from fault
    if not names:
        return
    if RECORD not in names:
        raise ConfigError(f"{path} is there and holds no submission: give folder=DIR, one that is new")
    if (other := read_record(path / RECORD, SubmissionRecord)["name"]) != name:
        raise ConfigError(f"{path} holds the submission {other}: give folder=DIR, one that is new")


def write_half(path: Path, codes: Floats, factors: Ints, logvar: Floats | None) -> None:
    """Write codes in half precision, and their factors, as a file that `score codes=FILE` takes.

    Raises:
        ConfigError: half precision cannot hold them, or the file would be too large.
        StoreError: it cannot be written.
    """
    arrays: dict[str, Any] = {"codes": _halved("codes", codes)}
    if logvar is not None:
        arrays["logvar"] = _halved("logvar", logvar)
    arrays["factors"] = factors.astype(np.min_scalar_type(int(factors.max())))
    size = sum(array.nbytes for array in arrays.values())
    if size > LARGEST_CODES:
        raise ConfigError(
            f"with_codes=true would hand on {size:,} bytes, more than {LARGEST_CODES:,}: leave with_codes out, or save "
            "codes of fewer rows"
        )
    with writing(path) as file:
        np.savez_compressed(file, **arrays)


def _halved(name: str, array: Floats) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):  # numbers beyond half precision become infinite
        halved = array.astype(np.float16)
    if not np.isfinite(halved).all():
        raise ConfigError(f"{name} has numbers beyond 65,504, which half precision cannot hold: leave with_codes out")
    moved, spread = np.abs(halved - array).max(axis=0), array.std(axis=0)
    coarse = np.flatnonzero(moved > COARSEST * spread)
    if name == "codes" and len(coarse):
        raise ConfigError(
            f"half precision cannot tell the values of dimension {coarse[0]} of {name} apart (deviation "
            f"{spread[coarse[0]]:.3g}, rounding moves them by {moved[coarse[0]]:.3g}): centre and scale it, or leave "
            "with_codes out"
        )
    return halved
