"""Checks of the values of settings, such as names, whole numbers or a closed set; errors name the key and the rule."""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from bench.registry import unknown

LONGEST_NAME = 64
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{LONGEST_NAME - 1}}}")
Value = TypeVar("Value")
MOST = 10**12  # the largest count that a setting may have


class ConfigError(ValueError):
    """A configuration that does not describe a study; the message names the key."""


def optional(check: Callable[[str, Any], Value]) -> Callable[[str, Any], Value | None]:
    """The check that takes None as well."""
    return lambda key, value: None if value is None else check(key, value)


def check_name(key: str, name: Any) -> str:
    """The name of a study or of codes, which becomes the name of a folder.

    Raises:
        ConfigError: it is not text, empty, too long, or holds characters that a name may not have.
    """
    if not NAME.fullmatch(text(key, name)):
        raise ConfigError(
            f"{key}={name!r}: a name is 1 to {LONGEST_NAME} letters, digits, dots, dashes and underscores, and starts "
            "with a letter or a digit"
        )
    return str(name)


def text(key: str, value: Any) -> str:
    """A piece of text.

    Raises:
        ConfigError: it is something else.
    """
    if not isinstance(value, str):
        raise ConfigError(f"{key} must be text, got {value!r}")
    return value


def texts(key: str, value: Any) -> list[str]:
    """Pieces of text: a list of them, or a single one.

    Raises:
        ConfigError: one of them is something else.
    """
    return [text(key, item) for item in listed(value)]


def flag(key: str, value: Any) -> bool:
    """True or false.

    Raises:
        ConfigError: it is something else.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"{key} must be true or false, got {value!r}")
    return value


def whole(key: str, value: Any, least: int = 1) -> int:
    """A whole number, which may be written as 1e3.

    Raises:
        ConfigError: it is not one, or below `least`.
    """
    if not _is_number(value) or value != int(value) or not least <= value <= MOST:
        raise ConfigError(f"{key} must be a whole number from {least}, got {shown(value)}")
    return int(value)


def positive(key: str, value: Any) -> float:
    """A finite number above zero.

    Raises:
        ConfigError: it is something else.
    """
    if not _is_number(value) or value <= 0:
        raise ConfigError(f"{key} must be a positive number, got {shown(value)}")
    return value


def number(key: str, value: Any, least: float = -math.inf) -> float:
    """A finite number, `least` or more.

    Raises:
        ConfigError: it is something else.
    """
    if not _is_number(value) or value < least:
        raise ConfigError(
            f"{key} must be a number{f' from {least:g}' if least > -math.inf else ''}, got {shown(value)}"
        )
    return value


def mapping(key: str, value: Any) -> Mapping[str, Any]:
    """Names with values.

    Raises:
        ConfigError: it is something else.
    """
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"{key} must be names with values, {{name: value}}, got {shown(value)}")
    return value


def plain(key: str, value: Any) -> None:
    """Check a value that is hashed and stored: text, finite numbers, true, false, null, lists and mappings of them.

    Raises:
        ConfigError: a number is not finite.
    """
    if isinstance(value, Mapping):
        for name, inner in mapping(key, value).items():
            plain(f"{key}.{name}", inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            plain(key, inner)
    elif value is not None and not isinstance(value, str | bool):
        number(key, value)


def one_of(kind: str, value: Any, known: Iterable[str]) -> str:
    """One of a closed set of names.

    Raises:
        UnknownNameError: it is none of them; the message offers the nearest.
    """
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise unknown(kind, value, known)
    return value


def listed(value: Any) -> list[Any]:
    """A scalar as a list of one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def counted(count: int, noun: str) -> str:
    """A number of things in words: "1 run", "12,600 runs"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shown(value: Any) -> str:
    """A value as messages show it, shortened if it is long."""
    digits = isinstance(value, int) and abs(value) > 10**15
    written = "an integer of many digits" if digits else repr(value)
    return written if len(written) <= 80 else f"{written[:77]}..."


CHECKS: Mapping[Any, Callable[[str, Any], Any]] = {
    int: whole, int | None: optional(whole), float: positive, float | None: optional(positive), str: text, bool: flag,
}  # fmt: skip


def build(cls: Any, group: str, entry: Any) -> Any:
    """An instance of a dataclass from plain values, each checked by the type of its field.

    Raises:
        ConfigError: a required value is missing, or a value is of the wrong type.
        UnknownNameError: a value belongs to no field.
    """
    fields, absent = dataclasses.fields(cls), dataclasses.MISSING
    kinds = {f.name: f.type for f in fields}
    needed = {f.name for f in fields if f.default is absent and f.default_factory is absent}
    if missing := needed - mapping(group, entry).keys():
        raise ConfigError(f"{group} lacks {', '.join(sorted(missing))}")
    if extra := sorted(entry.keys() - kinds.keys()):
        raise unknown(f"{group} key", extra[0], kinds)
    checked = {n: CHECKS[kind](f"{group}.{n}", entry[n]) for n, kind in kinds.items() if kind in CHECKS and n in entry}
    return cls(**(dict(entry) | checked))


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number within the range of float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 1e300
