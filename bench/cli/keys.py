"""The keys of the command line, read from `conf/`: which there are, what each is for, and which are plain text."""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bench.registry import UnknownNameError, folders_of, nearest, unknown
from bench.store.shipped import conf_dir, conf_dirs
from bench.values import ConfigError

PATHS = ("results_dir", "codes", "checkpoint", "folder", "images", "labels", "launcher.folder")
NAMES = (
    "name", "study.name", "study.title", "trainer.name", "scoring.name", "rank_by", "rank_set", "level", "what",
    "compare", "claim", "array", "contact", "paper", "code",
)  # fmt: skip
WITH_SIGNS = (*PATHS, "claim")  # their values may contain = even as a bare word
TEXT = (*PATHS, *NAMES)  # their values are plain text, which Hydra's grammar does not parse
# below these keys any name is allowed
OPEN = ("scoring.options", "scoring.pool_of", "strength_of", "launcher.sbatch", "logger.arguments", "sampling.held_out")
_COMMENT = re.compile(r"^(?:  - )?(\w+):[^#\n]*# (.*)$", re.M)


@cache
def groups() -> dict[str, list[str]]:
    """Configuration groups and their shipped options."""
    folders = sorted(folder for folder in conf_dir().iterdir() if folder.is_dir())
    return {folder.name: options(folder.name) for folder in folders}


def options(group: str, folders: Sequence[Path] = ()) -> list[str]:
    """The options of a configuration group, such as the studies: shipped ones, of plug-ins and of other folders."""
    return sorted(path.stem for path in _files(group, folders))


def _files(group: str, folders: Sequence[Path] = ()) -> list[Path]:
    """The yaml of each option; of two with one name the first."""
    files = [path for folder in (*conf_dirs(), *folders) for path in (folder / group).glob("*.yaml")]
    return list({path.stem: path for path in reversed(files)}.values())


def search_path(value: str) -> list[Path]:
    """The folders of `hydra.searchpath=[pkg://PACKAGE,file://FOLDER]`.

    Raises:
        ConfigError: one of them does not exist.
    """
    return [_folder(entry) for entry in re.split(r"[\[\],\s'\"]+", value) if entry]


def _folder(entry: str) -> Path:
    scheme, _, rest = entry.rpartition("://")
    for folder in filter(os.path.isdir, folders_of(rest.replace("/", ".")) if scheme == "pkg" else [Path(rest)]):
        return folder
    raise ConfigError(f"hydra.searchpath: there is no {'package' if scheme == 'pkg' else 'folder'} {rest}")


@cache
def comments() -> Mapping[str, str]:
    """Key of the first level -> its comment in `conf/`."""
    files = (conf_dir() / "study" / "custom.yaml", conf_dir() / "config.yaml")
    return {key: comment for file in files for key, comment in _COMMENT.findall(file.read_text(encoding="utf-8"))}


@cache
def shipped() -> list[str]:
    """Every key of the shipped configuration with dots, without those below `model`, which depend on the models."""
    known = set(paths(_read(conf_dir() / "config.yaml")) - {"defaults", "stage"})
    for group in groups():
        for file in _files(group) if group != "model" else []:
            entry = _read(file)
            known |= paths(entry if group == "study" else {group: entry}) - {"defaults"}
        known.add(group)
    return sorted(known)


@cache
def of_a_study() -> set[str]:
    """The keys, with dots, that the yaml of every study has."""
    return paths(_read(conf_dir() / "study" / "custom.yaml"))


def _read(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def paths(entry: Any) -> set[str]:
    """Every key of nested mappings with dots, of inner mappings too."""
    known = set[str]()
    for key, value in entry.items() if isinstance(entry, Mapping) else ():
        known |= {str(key), *(f"{key}.{inner}" for inner in paths(value))}
    return known


def opened(key: str) -> str | None:
    """The member of `OPEN` that a key is or lies below; None if there is none."""
    return next((known for known in OPEN if key == known or key.startswith(f"{known}.")), None)


def is_below_open(key: str) -> bool:
    """Whether a key lies below a member of `OPEN`, so that it may have any name."""
    return opened(key) not in (None, key)


def _options_with(key: str) -> list[str]:
    """The options of the key's configuration group that contain the key."""
    group, key = key.partition(".")[0], opened(key) or key
    files = _files(group) if group in groups() and group not in ("model", "study") else []
    return sorted(file.stem for file in files if key in paths({group: _read(file)}))


def unknown_key(key: str, known: set[str]) -> UnknownNameError:
    """The error for an unknown key; it offers the nearest keys beside it, or keys of the same name elsewhere."""
    if options_with_it := _options_with(key):
        group = key.partition(".")[0]
        return UnknownNameError(f"unknown key {key!r} here: it goes with {group}={', '.join(options_with_it)}.")
    parts = key.split(".")
    depth = next(n for n in range(len(parts), -1, -1) if n == 0 or ".".join(parts[:n]) in known)
    if depth == len(parts):  # the key exists, but cannot be set
        depth -= 1
    parent = "".join(f"{part}." for part in parts[:depth])
    siblings = {k.removeprefix(parent).partition(".")[0] for k in known if k.startswith(parent)}
    near = [".".join([parent + name, *parts[depth + 1 :]]) for name in nearest(parts[depth], siblings)]
    existing = [name for name in near if name in known]
    of_same_name = [name for name in sorted(known) if name.rpartition(".")[2] == parts[-1]][:2]
    beside_it = [parent + name for name in nearest(parts[depth], siblings)]
    beside_it = beside_it or nearest(key, (k for k in shipped() if parent and k.startswith(parent)))
    if not siblings:
        return UnknownNameError(f"unknown key {key!r}: {parent.rstrip('.')} has no keys below it.")
    return unknown("key", key, [parent + name for name in siblings], existing or of_same_name or beside_it)
