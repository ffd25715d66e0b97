"""The user's own data sets: a folder each, `NAME/card.yaml` beside its images, classes and values.

`bench.data.adding` writes them, completely or not at all; they are read like any other data set. The folder is `own/`
of the downloads, or the one in the environment variable BENCH_CARDS.
"""

import keyword
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.data.base import Card, DataError, DataSet
from bench.data.files import place, record_path, state_of
from bench.data.stored import Bytes, Stored
from bench.store.files import StoreError
from bench.store.shipped import own_data_dir

CARD, IMAGES, CLASSES, VALUES = "card.yaml", "images.npy", "classes.npy", "values.npy"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
WORDS = ("custom", "all", "null", "none", "true", "false", "nan", "inf")  # that have another meaning in a command


class OwnImages(Stored):
    """Images stored as bytes, with their factors in files beside them; without labels there are no factors.

    Raises:
        DataError: a file is missing or was changed.
    """

    def __init__(self, card: Card, folder: Path) -> None:
        for file in card.files:
            if state_of(file, folder) != "ready":
                raise lost(card.name, place(file, folder))
        super().__init__(card, folder)
        self.classes: NDArray[np.int64] = _array(folder / card.name / CLASSES)
        self.factor_values: NDArray[np.float64] = _array(folder / card.name / VALUES)
        if not self.classes.shape == self.factor_values.shape == (len(self), len(card.factor_sizes)):
            raise self.fault(f"factors of {self.classes.shape}")

    def mapped(self) -> Bytes:
        return _array(self.path)

    def factors(self, index: ArrayLike) -> NDArray[np.int64]:
        return self.classes[self._checked(index)]

    def values(self, index: ArrayLike) -> NDArray[np.float64]:
        return self.factor_values[self._checked(index)]


def lost(name: str, path: Path) -> DataError:
    """The error for a missing or changed file of a data set of the user's own."""
    state = "not as it was put there" if path.exists() else "missing"
    return DataError(
        f"{path} is {state}: put it back, or `python -m bench data remove name={name}` and add the data set again"
    )


def _array(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError) as fault:
        raise DataError(f"cannot read {path}: {fault}") from fault


def load(card: Card, folder: Path) -> DataSet:
    """Open a data set of the user's own."""
    return OwnImages(card, folder)


def names() -> list[str]:
    """The user's own data sets."""
    return sorted(path.parent.name for path in own_data_dir().glob(f"*/{CARD}") if NAME.fullmatch(path.parent.name))


def card_path(name: str) -> Path:
    """The path of the card of a data set of the user's own."""
    return own_data_dir() / name / CARD


def check_new(name: str, reserved: list[str]) -> None:
    """Check the name of a new data set; `reserved` are names of those that come with the package or a plug-in.

    Raises:
        DataError: it cannot; the message says why.
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or name.lower() in WORDS:
        raise DataError(
            f"name={name} cannot be the name of a data set: up to 64 letters, digits and _, a letter first, and no "
            "word that means something else, such as null"
        )
    if name.lower() in map(str.lower, reserved):
        raise DataError(f"name={name} is a data set that comes with the package: choose another name")
    if same := [other for other in names() if other.lower() == name.lower()]:
        raise DataError(
            f"name={name} is a data set of your own already: `python -m bench data remove name={same[0]}` removes it"
        )
    if card_path(name).parent.exists():
        raise DataError(f"{card_path(name).parent} is in the way: choose another name, or move it")


def remove(name: str) -> Path:
    """Remove a data set of the user's own; returns its folder. Results made with it stay.

    Raises:
        StoreError: it cannot be removed.
    """
    folder = card_path(name).parent
    files = [folder / file for file in (IMAGES, CLASSES, VALUES)]
    try:
        for file in (*files, *map(record_path, files), card_path(name)):  # its card last: until then it can be removed
            file.unlink(missing_ok=True)
        if not any(folder.iterdir()):  # else it holds files of the user
            folder.rmdir()
    except OSError as fault:
        raise StoreError(f"cannot remove {fault.filename or folder}: {fault.strerror or fault}") from fault
    return folder
