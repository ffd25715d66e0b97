"""What `conf/model/NAME.yaml` says of a learner, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.registry import unknown
from bench.values import ConfigError, flag, listed, mapping, number, one_of, positive, text, whole

REQUIRED = ("version", "fitted", "sweeps", "hyper")
OPTIONAL = ("title", "values", "scaled", "published_updates")


@dataclass(frozen=True)
class Entry:
    """A learner of the grid.

    Attributes:
        version: raised when a change moves its numbers.
        fitted: whether it is fitted directly, not trained by gradient steps.
        sweeps: the hyper-parameter that strength chooses.
        values: what strength chooses from.
        hyper: the other hyper-parameters.
        scaled: those of them that are given for the published number of steps.
        published_updates: the share of the steps that it took in the study it comes from.
    """

    version: int
    fitted: bool
    sweeps: str | None
    values: tuple[float, ...]
    hyper: Mapping[str, float]
    scaled: tuple[str, ...]
    published_updates: float


def entry_of(model: str, given: Any) -> Entry:
    """The entry that plain values describe.

    Raises:
        ConfigError: a key is missing or of the wrong type; the message names it.
        UnknownNameError: no such key or hyper-parameter; the message offers the nearest.
    """
    group = f"model.{model}"
    entry = mapping(group, given)
    if missing := [key for key in REQUIRED if key not in entry]:
        raise ConfigError(f"{group} lacks {', '.join(missing)}")
    if extra := [key for key in entry if key not in (*REQUIRED, *OPTIONAL)]:
        raise unknown(f"{group} key", extra[0], (*REQUIRED, *OPTIONAL))
    text(f"{group}.title", entry.get("title", model))  # which `bench.analysis.names` reads
    sweeps = None if entry["sweeps"] is None else text(f"{group}.sweeps", entry["sweeps"])
    hyper = dict(mapping(f"{group}.hyper", entry["hyper"]))
    if sweeps is not None:
        hyper.pop(sweeps, None)
    scaled = [one_of(f"hyper-parameter of {model}", key, hyper) for key in listed(entry.get("scaled") or [])]
    values = [number(f"{group}.values", value) for value in listed(entry.get("values") or [])]
    return Entry(
        whole(f"{group}.version", entry["version"]),
        flag(f"{group}.fitted", entry["fitted"]),
        sweeps,
        tuple(values),
        {key: number(f"{group}.hyper.{key}", value) for key, value in hyper.items()},
        tuple(scaled),
        positive(f"{group}.published_updates", entry.get("published_updates", 1.0)),
    )
