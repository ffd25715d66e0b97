"""The contract of a sampling: its entry in a run's id, its label, and the rows that it draws."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.data.base import Card
from bench.data.sampling.rows import Rows
from bench.store.files import digest
from bench.values import ConfigError


@dataclass(frozen=True)
class Sampling:
    """Every image, each equally likely; the other kinds derive from it.

    Attributes:
        kind: the value of `sampling.kind`.
        keys: of its entry, beside the kind.
        optional: keys that a configuration may leave out.
        leaves_out: whether the images that it does not draw are held out on purpose.
    """

    kind: ClassVar[str] = "all"
    keys: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    leaves_out: ClassVar[bool] = False

    @classmethod
    def of_card(cls, settings: Mapping[str, Any], card: Card) -> "Sampling":
        """A sampling from a configuration, checked against a data set, with every short form expanded.

        Raises:
            ConfigError: a value is invalid, or the data set does not support it.
            UnknownNameError: no such factor.
        """
        return cls()

    @classmethod
    def of_entry(cls, settings: Mapping[str, Any]) -> "Sampling":
        """A sampling from the result of `entry`, without the kind; needs no data set.

        Raises:
            ConfigError: a value is invalid.
        """
        return cls()

    def entry(self) -> dict[str, Any]:
        """Plain values for records and the hash of a run's id; equal samplings have equal entries."""
        return {"kind": self.kind}

    @property
    def label(self) -> str:
        """The images that models are trained on, in words: one line of letters, digits and ordinary marks."""
        return "all images"

    @property
    def stem(self) -> str:
        """A part of a file name: the label with - for every mark, and digits of the hash of the entry."""
        return f"{re.sub('[^A-Za-z0-9]+', '-', self.label)}-{digest(self.entry())[:4]}"

    def rows(self, card: Card) -> Rows:
        """The rows of a data set that training draws."""
        raise NotImplementedError("every image of a data set is drawn without a table of rows")

    def held_out(self, card: Card) -> NDArray[np.int64] | None:
        """The rows of a data set that training never draws, in order; None if nothing is held out on purpose."""
        if not self.leaves_out:
            return None
        excluded = np.setdiff1d(np.arange(card.num_images), self.rows(card).every(), assume_unique=True)
        return excluded if len(excluded) else None


ALL = Sampling()
LONGEST = 160  # letters up to which a label lists every part


def short(words: str, count: str, sampling: Sampling) -> str:
    """The words of a label; if they are longer than `LONGEST`, a count and digits of the hash of the entry."""
    return words if len(words) <= LONGEST else f"{count}, {digest(sampling.entry())[:8]}"


def check_grid(kind: str, card: Card) -> None:
    """Check that a data set has a grid of factors.

    Raises:
        ConfigError: it has none.
    """
    if not card.grid:
        raise ConfigError(f"sampling={kind} goes by the factors of a grid: {card.name} has no factor grid")
