"""The contract of a sampling: what a run's id holds of it, how it is told, and which rows it draws."""

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
        kind: what `sampling.kind` calls it.
        keys: of its entry, beside the kind.
        optional: those that a configuration may leave out.
        leaves_out: whether images that it does not draw are held out by intent, so that nothing else may show them.
    """

    kind: ClassVar[str] = "all"
    keys: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    leaves_out: ClassVar[bool] = False

    @classmethod
    def of_card(cls, settings: Mapping[str, Any], card: Card) -> "Sampling":
        """From what a configuration says, checked against a data set, with every short form written out.

        Raises:
            ConfigError: the data set does not have it.
            UnknownNameError: no such factor.
        """
        return cls()

    @classmethod
    def of_entry(cls, settings: Mapping[str, Any]) -> "Sampling":
        """From what `entry` gave, without the kind; no data set is needed.

        Raises:
            ConfigError: it did not give that.
        """
        return cls()

    def entry(self) -> dict[str, Any]:
        """What a run's id is the hash of, and what records hold: plain values, the same for what is the same."""
        return {"kind": self.kind}

    @property
    def label(self) -> str:
        """What models are trained on, in words: one line of letters, digits and ordinary marks."""
        return "all images"

    @property
    def stem(self) -> str:
        """As part of the name of a file: the label without marks, and digits that no other has."""
        return f"{re.sub('[^A-Za-z0-9]+', '-', self.label)}-{digest(self.entry())[:4]}"

    def rows(self, card: Card) -> Rows:
        """What is drawn of a data set."""
        raise NotImplementedError("every image of a data set is drawn without a table of rows")

    def held_out(self, card: Card) -> NDArray[np.int64] | None:
        """The rows of a data set that training never draws, in order; None: it may draw all."""
        if not self.leaves_out:
            return None
        left = np.setdiff1d(np.arange(card.num_images), self.rows(card).every(), assume_unique=True)
        return left if len(left) else None


ALL = Sampling()
LONGEST = 160  # letters of what a label tells in full


def short(words: str, count: str, sampling: Sampling) -> str:
    """Words of a sampling; where they are too long for a label, a count, and digits that no other has."""
    return words if len(words) <= LONGEST else f"{count}, {digest(sampling.entry())[:8]}"


def check_grid(kind: str, card: Card) -> None:
    """Refuse a data set that does not have every combination of its factors.

    Raises:
        ConfigError: it does not.
    """
    if not card.grid:
        raise ConfigError(f"sampling={kind} goes by the factors of a grid: {card.name} has no factor grid")
