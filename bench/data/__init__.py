"""Data sets by name: a card describes each and names the module that reads it, which is imported when it is used.

Such a module defines `load(card, folder) -> DataSet`, which first puts the card's files in place.
"""

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bench import registry
from bench.data import own
from bench.data.base import Card, DataError, DataSet, File
from bench.data.files import State, accepted, place, state_of
from bench.data.statistics import check_statistics
from bench.registry import PluginError, UnknownNameError
from bench.store import shipped
from bench.store.files import StoreError
from bench.values import one_of

__all__ = [
    "CUSTOM", "accept", "card", "card_if_here", "check_version", "factor_names", "fetch", "forget", "is_here",
    "load_data", "names", "packaged", "state", "users_own", "verify",
]  # fmt: skip

CHECKED = 32  # images of a data set whose images, factors and values `fetch` checks
CUSTOM = "custom"  # the data set of codes whose factors come in their own file


def names() -> list[str]:
    """Every data set with a card: shipped, from another distribution, or the user's own."""
    return sorted({*packaged(), *own.names()})


def packaged() -> list[str]:
    """Data sets that come in a package: shipped with this one, or registered by another distribution."""
    return sorted({p.stem for p in shipped.cards_dir().glob("*.yaml")} | registry.entry_points("data").keys())


def users_own() -> list[str]:
    """The user's own data sets, without those whose name a packaged data set has as well."""
    return sorted(set(own.names()) - set(packaged()))


@cache
def card(name: str) -> Card:
    """The card of a data set.

    Raises:
        UnknownNameError: no such data set; the message offers the nearest names.
        DataError: its card lacks a key, has one too many or contradicts itself; the message names the file.
    """
    path = _card_path(one_of("data set", name, names()))
    return _read_card(path, name) if path.exists() else _plugin(name).CARD


def card_if_here(name: str) -> Card | None:
    """The card of a data set; None for a custom one, and for one that is not here: its results may be all the same."""
    try:
        return None if name == CUSTOM else card(name)
    except (UnknownNameError, DataError):
        return None


def is_here(name: str, version: int | None) -> bool:
    """Whether the card of a data set can be read and is of this version; a custom one needs none."""
    known = card_if_here(name)
    return name == CUSTOM or (known is not None and known.version == version)


def factor_names(dataset: str) -> tuple[str, ...]:
    """The names of the factors of a data set; none if its card is not here."""
    known = card_if_here(dataset)
    return () if known is None else known.factor_names


def load_data(name: str) -> DataSet:
    """A data set, ready to be read by index; it is fetched or drawn first if necessary.

    Raises:
        UnknownNameError: no such data set.
        DataError: its files are not available.
        PluginError: the module that reads it cannot be imported.
    """
    return _loaded(name if isinstance(name, str) else one_of("data set", name, names()))


@cache
def _loaded(name: str) -> DataSet:
    entry = card(name)
    module = _reader(name, f"bench.data.{entry.loader}") if _card_path(name).exists() else _plugin(name)
    return module.load(entry, _folder(name))


def forget() -> None:
    """Clear the caches of cards and data sets, because a data set was added or removed."""
    card.cache_clear()
    _loaded.cache_clear()


def fetch(name: str) -> None:
    """Put a data set's files in place, verify their checksums, and check some of its images and factors.

    If its card has published means and deviations, those of all images are computed and logged beside them, once.

    Raises:
        DataError: no source has the files (the message lists the attempts), or they do not match the card.
        StoreError: the folder cannot be written.
    """
    try:
        images = load_data(name)
        sample = np.linspace(0, len(images) - 1, min(CHECKED, len(images))).astype(np.int64)
        images.images(sample)
        _check_factors(images.factors(sample), images.card)
        _check_values(images.values(sample), (len(sample), len(images.card.factor_sizes)), images.card)
        check_statistics(images, _folder(name))
    except (DataError, registry.PluginError, registry.UnknownNameError, StoreError):
        raise
    except Exception as fault:  # of a plug-in
        raise DataError(f"{name} cannot be read: {type(fault).__name__}: {fault}") from fault


def check_version(name: str, version: int | None) -> None:
    """Check that a data set has the version that runs are of: those of another one were made from other images.

    Raises:
        DataError: it has another.
    """
    if (here := card(name).version) != version:
        mend = "the set they are of" if name in users_own() else f"version {version}"
        raise DataError(
            f"these runs are of version {version} of {name}, here is version {here}: bring back {mend}, or give the "
            "grid once more for runs of what is here"
        )


def _check_factors(factors: Any, card: Card) -> None:
    width = len(card.factor_sizes)
    if not isinstance(factors, np.ndarray) or factors.dtype.kind not in "iu" or factors.shape[1:] != (width,):
        got = f"{factors.dtype} {factors.shape}" if isinstance(factors, np.ndarray) else type(factors).__name__
        raise DataError(f"factors() of {card.name} must be a numpy array of integers (n, {width}), got {got}")
    for name, size, column in zip(card.factor_names, card.factor_sizes, factors.T, strict=True):
        if ((column < 0) | (column >= size)).any():
            raise DataError(
                f"factors() of {card.name}: {name} has values 0..{size - 1}, got {column.min()}..{column.max()}"
            )


def _check_values(values: Any, shape: tuple[int, int], card: Card) -> None:
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.shape != shape:
        got = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        raise DataError(f"values() of {card.name} must be a numpy array of floats {shape}, got {got}")
    if not np.isfinite(values).all():
        raise DataError(f"values() of {card.name} has {(~np.isfinite(values)).sum()} NaN or infinite numbers")


def verify(name: str) -> None:
    """Read every byte of a data set's files and compare it with the card.

    Raises:
        DataError: a file is missing or damaged; the message names it.
    """
    folder = _folder(name)
    for file in card(name).files:
        if (file_state := state_of(file, folder, every_byte=True)) != "ready":
            if name in users_own():
                raise own.lost(name, place(file, folder))
            mend = f"`python -m bench data dataset={name}` replaces it or says where it comes from"
            raise DataError(f"{place(file, folder)} is {file_state}: {mend}")


def accept(name: str, sha256: str) -> Path:
    """Accept a file in place of the one that the card describes, by the checksum that it has.

    Returns:
        The path of the file.

    Raises:
        DataError: no file of the data set has that checksum; the message names the checksums of its files.
        StoreError: the folder cannot be written.
    """
    return accepted(card(name), _folder(name), sha256)


def state(name: str) -> State:
    """Whether a data set's files are all "ready", or else "damaged" or "not fetched"."""
    folder = _folder(name)
    states = {state_of(file, folder) for file in card(name).files}
    return "damaged" if "damaged" in states else "not fetched" if "not fetched" in states else "ready"


def _card_path(name: str) -> Path:
    return own.card_path(name) if name in users_own() else shipped.cards_dir() / f"{name}.yaml"


def _folder(name: str) -> Path:
    """The folder with the files of a data set."""
    return shipped.own_data_dir() if name in users_own() else shipped.downloads_dir()


def _plugin(name: str) -> Any:
    path = registry.entry_points("data")[name]
    module = _reader(name, path)
    if not isinstance(getattr(module, "CARD", None), Card):
        path = getattr(module, "__file__", path)
        raise PluginError(f"the data plug-in {name!r} ({path}) must define CARD, a bench.data.base.Card")
    return module


def _reader(name: str, path: str) -> Any:
    module = registry.import_plugin("data", name, path)
    if not callable(getattr(module, "load", None)):
        path = getattr(module, "__file__", path)
        raise PluginError(f"the data plug-in {name!r} ({path}) must define load(card, folder)")
    return module


def _read_card(path: Path, name: str) -> Card:
    try:
        return _typed(yaml.safe_load(path.read_text(encoding="utf-8")), name)
    except (OSError, TypeError, ValueError, yaml.YAMLError) as fault:
        raise DataError(f"the card {path} is not valid: {' '.join(str(fault).split())}") from fault


def _typed(entry: Any, name: str) -> Card:
    """The card that values of a YAML file describe.

    Raises:
        ValueError: a key is missing or unknown, or the name is another.
    """
    if not isinstance(entry, dict):
        raise ValueError("it holds no keys and values")
    fields = {f.name: f for f in dataclasses.fields(Card)}
    required = {n for n, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING}
    if missing := required - entry.keys():
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    if extra := entry.keys() - fields.keys():
        raise ValueError(f"unknown keys {', '.join(sorted(extra))}")
    if entry["name"] != name:
        raise ValueError(f"it is named {entry['name']!r} inside")
    lists = ("urls", "unpacked")
    files = tuple(File(**f | {k: tuple(f.get(k, ())) for k in lists}) for f in entry.pop("files", ()))
    listed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
    return Card(**listed, files=files)
