"""Data sets by name: a card says what one is and which module reads it; nothing is imported before it is used."""

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bench import registry, store
from bench.data.base import Card, DataError, DataSet, File
from bench.registry import PluginError, unknown

__all__ = ["card", "fetch", "load_data", "names", "state", "verify"]


def names() -> list[str]:
    """Every data set with a card, shipped or from another distribution."""
    return sorted({p.stem for p in store.cards_dir().glob("*.yaml")} | registry.entry_points("data").keys())


@cache
def card(name: str) -> Card:
    """The card of a data set.

    Raises:
        UnknownNameError: no such data set; the message offers the nearest names.
        DataError: its card lacks a key or has one too many.
    """
    if name not in names():
        raise unknown("data set", name, names())
    path = store.cards_dir() / f"{name}.yaml"
    return _read_card(path) if path.exists() else _plugin(name).CARD


@cache
def load_data(name: str) -> DataSet:
    """A data set, ready to be read by index; fetched or rendered first where that has not been done.

    Raises:
        UnknownNameError: no such data set.
        DataError: its files cannot be had or are damaged.
    """
    return _module(name).load(card(name), store.downloads_dir())


def fetch(name: str) -> None:
    """Make a data set's files available and check them.

    Raises:
        DataError: no source could be reached, or a file is not what the card promises.
    """
    load_data(name)


def verify(name: str) -> None:
    """Check every byte of a data set's files against the card.

    Raises:
        DataError: a file is missing or damaged; the message names it.
    """
    _module(name).verify(card(name), store.downloads_dir())


def state(name: str) -> str:
    """ "ready", or why it is not: "not fetched" or "damaged". Checks presence and size only."""
    return str(_module(name).state(card(name), store.downloads_dir()))


def _module(name: str) -> Any:
    loader = card(name).loader
    if name in registry.entry_points("data"):
        return _plugin(name)
    return registry.import_plugin("data", name, f"bench.data.{loader}")


def _plugin(name: str) -> Any:
    module = registry.import_plugin("data", name, registry.entry_points("data")[name])
    if not isinstance(getattr(module, "CARD", None), Card):
        raise PluginError(f"the data plug-in {name!r} ({module.__file__}) must define CARD, a bench.data.base.Card")
    return module


def _read_card(path: Path) -> Card:
    entry = yaml.safe_load(path.read_text(encoding="utf-8"))
    fields = {f.name: f for f in dataclasses.fields(Card)}
    required = {n for n, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING}
    if missing := required - entry.keys():
        raise DataError(f"the card {path} lacks {', '.join(sorted(missing))}")
    if extra := entry.keys() - fields.keys():
        raise DataError(f"the card {path} has unknown keys {', '.join(sorted(extra))}")
    files = tuple(File(**f | {"urls": tuple(f.get("urls", ()))}) for f in entry.pop("files", ()))
    listed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
    return Card(**listed, files=files)
