"""Which images of a data set training draws, and how often: every one alike, or as a configuration says.

A sampling is plain data that a run's id can hold; `of_card` turns what a configuration says into it. What is drawn are
row numbers (`bench.data.sampling.rows`), so images, factors and codes are those of the whole data set.
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

KINDS: Mapping[str, type[Sampling]] = {
    kind.kind: kind for kind in (Sampling, Correlated, HeldOut, Subset)
}  # what `sampling.kind` may be


def of_card(entry: Any, card: Card) -> Sampling:
    """The sampling that a configuration describes, of a data set.

    Raises:
        ConfigError: it cannot be had of the data set; the message names the key, or the factor.
        UnknownNameError: no such kind, key or factor; the message offers the nearest.
    """
    kind = _kind(entry)
    return kind.of_card({key: value for key, value in entry.items() if key != "kind"}, card)


def of_entry(entry: Any) -> Sampling:
    """The sampling that a record describes, as `Sampling.entry` wrote it.

    Raises:
        ConfigError: it is no such record.
        UnknownNameError: no such kind or key.
    """
    kind = _kind(entry)
    return kind.of_entry({key: value for key, value in entry.items() if key != "kind"})


def _kind(entry: Any) -> type[Sampling]:
    """The kind of an entry, which has its keys and no others."""
    if "kind" not in mapping("sampling", entry):
        raise ConfigError("sampling lacks kind")
    kind = KINDS[one_of("kind of sampling", entry["kind"], KINDS)]
    if extra := [key for key in entry if key not in ("kind", *kind.keys)]:
        raise unknown(f"key of sampling={kind.kind}", extra[0], kind.keys)
    if missing := [key for key in kind.keys if key not in entry and key not in kind.optional]:
        raise ConfigError(f"sampling={kind.kind} lacks {', '.join(missing)}")
    return kind


def sampled(data: DataSet, sampling: Sampling) -> DataSet:
    """A data set as training draws it: itself where every image is drawn alike."""
    return data if sampling == ALL else Sampled(data, sampling.rows(data.card))
