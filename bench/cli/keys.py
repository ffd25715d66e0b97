"""The keys of the command line, read from `conf/`: what there is, what each is for, which are text."""

import importlib.util
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bench.registry import UnknownNameError, nearest, unknown
from bench.store.shipped import conf_dir
from bench.values import ConfigError

PATHS = ("results_dir", "codes", "checkpoint", "folder", "images", "labels", "launcher.folder")
NAMES = (
    "name", "study.name", "study.title", "trainer.name", "scoring.name", "rank_by", "rank_set", "level", "what",
    "compare", "claim", "array", "contact", "paper", "code",
)  # fmt: skip
WITH_SIGNS = (*PATHS, "claim")  # what stands alone as a word and may hold =
TEXT = (*PATHS, *NAMES)  # their values are taken as they are written
# below these any name may stand
OPEN = ("scoring.options", "strength_of", "launcher.sbatch", "logger.arguments", "sampling.held_out")
_COMMENT = re.compile(r"^(?:  - )?(\w+):[^#\n]*# (.*)$", re.M)


@cache
def groups() -> dict[str, list[str]]:
    """Configuration groups and their shipped options."""
    folders = sorted(folder for folder in conf_dir().iterdir() if folder.is_dir())
    return {folder.name: options(folder.name) for folder in folders}


def options(group: str, folders: Sequence[Path] = ()) -> list[str]:
    """The options of a configuration group, such as the studies: shipped ones and those of other folders."""
    return sorted({path.stem for folder in (conf_dir(), *folders) for path in (folder / group).glob("*.yaml")})


def search_path(value: str) -> list[Path]:
    """The folders of `hydra.searchpath=[pkg://PACKAGE,file://FOLDER]`.

    Raises:
        ConfigError: one of them is not there.
    """
    return [_folder(entry) for entry in re.split(r"[\[\],\s'\"]+", value) if entry]


def _folder(entry: str) -> Path:
    scheme, _, rest = entry.rpartition("://")
    folders: list[str] = [rest]
    if scheme == "pkg":
        try:
            spec = importlib.util.find_spec(rest.replace("/", "."))
        except (ImportError, ValueError):
            spec = None
        folders = list((spec and spec.submodule_search_locations) or [])
    for folder in filter(os.path.isdir, folders):
        return Path(folder)
    raise ConfigError(f"hydra.searchpath: there is no {'package' if scheme == 'pkg' else 'folder'} {rest}")


@cache
def comments() -> Mapping[str, str]:
    """What the keys of the first level are for, as the comments of `conf/` say it."""
    files = (conf_dir() / "study" / "custom.yaml", conf_dir() / "config.yaml")
    return {key: said for file in files for key, said in _COMMENT.findall(file.read_text(encoding="utf-8"))}


@cache
def shipped() -> list[str]:
    """Every key of the shipped configuration, with dots; of models none, there are as many as are asked for."""
    known = set(paths(_read(conf_dir() / "config.yaml")) - {"defaults", "stage"})
    for group in groups():
        for name in options(group) if group != "model" else []:
            entry = _read(conf_dir() / group / f"{name}.yaml")
            known |= paths(entry if group == "study" else {group: entry}) - {"defaults"}
        known.add(group)
    return sorted(known)


def _read(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def paths(entry: Any) -> set[str]:
    """Every key of nested mappings, with dots, inner ones too."""
    return set(_paths(entry, ""))


def _paths(entry: Any, prefix: str) -> Iterator[str]:
    for key, value in entry.items() if isinstance(entry, Mapping) else ():
        yield f"{prefix}{key}"
        yield from _paths(value, f"{prefix}{key}.")


def opened(key: str) -> str | None:
    """The key below which any name may stand, where a key is it or stands below it."""
    return next((known for known in OPEN if key == known or key.startswith(f"{known}.")), None)


def is_below_open(key: str) -> bool:
    """Whether a key is one of those that may have any name."""
    return opened(key) not in (None, key)


def _options_with(key: str) -> list[str]:
    """The options of the key's group that have the key."""
    group, key = key.partition(".")[0], opened(key) or key
    known = groups().get(group, []) if group not in ("model", "study") else []
    return [name for name in known if key in paths({group: _read(conf_dir() / group / f"{name}.yaml")})]


def unknown_key(key: str, known: set[str]) -> UnknownNameError:
    """The error for a key that is not there: the nearest one at its place, or of its name elsewhere."""
    if options_with_it := _options_with(key):
        group = key.partition(".")[0]
        return UnknownNameError(f"unknown key {key!r} here: it goes with {group}={', '.join(options_with_it)}.")
    parts = key.split(".")
    depth = next(n for n in range(len(parts), -1, -1) if n == 0 or ".".join(parts[:n]) in known)
    if depth == len(parts):  # a key that is there, but not to be used this way
        depth -= 1
    parent = "".join(f"{part}." for part in parts[:depth])
    siblings = {k.removeprefix(parent).partition(".")[0] for k in known if k.startswith(parent)}
    near = [".".join([parent + name, *parts[depth + 1 :]]) for name in nearest(parts[depth], siblings)]
    there = [name for name in near if name in known]
    elsewhere = [name for name in sorted(known) if name.rpartition(".")[2] == parts[-1]][:2]
    at_its_place = [parent + name for name in nearest(parts[depth], siblings)]
    at_its_place = at_its_place or nearest(key, (k for k in shipped() if parent and k.startswith(parent)))
    if not siblings:
        return UnknownNameError(f"unknown key {key!r}: {parent.rstrip('.')} has no keys below it.")
    return unknown("key", key, [parent + name for name in siblings], there or elsewhere or at_its_place)
