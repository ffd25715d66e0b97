"""Which images of a data set training draws, and how often: all with equal chance, or as a configuration says.

A sampling is plain data that a run's id can include; `of_card` makes it from a configuration. It draws row numbers
(`bench.data.sampling.rows`), so that images, factors and codes stay those of the whole data set.
"""

from collections.abc import Mapping
from typing import Any

from bench.data.base import Card, DataSet
from bench.data.sampling.base import ALL, Sampling
from bench.data.sampling.correlated import Correlated
from bench.data.sampling.held_out import HeldOut
from bench.data.sampling.sampled_data import Sampled
from bench.data.sampling.subset import Subset
from bench.registry import unknown
from bench.values import ConfigError, mapping, one_of

__all__ = ["ALL", "KINDS", "Sampling", "of_card", "of_entry", "sampled"]

# by the value of `sampling.kind`
KINDS: Mapping[str, type[Sampling]] = {kind.kind: kind for kind in (Sampling, Correlated, HeldOut, Subset)}


def of_card(entry: Any, card: Card) -> Sampling:
    """The sampling of a data set that a configuration describes.

    Raises:
        ConfigError: the data set does not support it; the message names the key or the factor.
        UnknownNameError: no such kind, key or factor; the message offers the nearest.
    """
    kind = _kind(entry)
    return kind.of_card({key: value for key, value in entry.items() if key != "kind"}, card)


def of_entry(entry: Any) -> Sampling:
    """The sampling that a record describes, as `Sampling.entry` wrote it.

    Raises:
        ConfigError: the record is invalid.
        UnknownNameError: no such kind or key.
    """
    kind = _kind(entry)
    return kind.of_entry({key: value for key, value in entry.items() if key != "kind"})


def _kind(entry: Any) -> type[Sampling]:
    """The kind of an entry; its keys are checked."""
    if "kind" not in mapping("sampling", entry):
        raise ConfigError("sampling lacks kind")
    kind = KINDS[one_of("kind of sampling", entry["kind"], KINDS)]
    if extra := [key for key in entry if key not in ("kind", *kind.keys)]:
        raise unknown(f"key of sampling={kind.kind}", extra[0], kind.keys)
    if missing := [key for key in kind.keys if key not in entry and key not in kind.optional]:
        raise ConfigError(f"sampling={kind.kind} lacks {', '.join(missing)}")
    return kind


def sampled(data: DataSet, sampling: Sampling) -> DataSet:
    """A data set with a sampling; unchanged if every image is equally likely."""
    return data if sampling == ALL else Sampled(data, sampling.rows(data.card))
