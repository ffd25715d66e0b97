"""Some images of a data set, fixed by their number: how many does a representation need?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.data.base import Card
from bench.data.sampling.base import Sampling
from bench.data.sampling.rows import Rows, rows_alone
from bench.store.files import generator_of
from bench.values import ConfigError, whole


@dataclass(frozen=True)
class Subset(Sampling):
    """So many random images of a data set, the same ones for every run; a smaller number is part of a larger one.

    Attributes:
        images: how many.
        draw: the number of the order that they are the first of.
    """

    images: int = 1
    draw: int = 0

    kind: ClassVar[str] = "subset"
    keys: ClassVar[tuple[str, ...]] = ("images", "draw")
    optional: ClassVar[tuple[str, ...]] = ("draw",)
    leaves_out: ClassVar[bool] = True

    @classmethod
    def of_card(cls, settings: Mapping[str, Any], card: Card) -> "Subset":
        given = cls.of_entry(settings)
        if given.images > card.num_images:
            raise ConfigError(f"sampling.images is {given.images:,}: {card.name} has {card.num_images:,} images")
        return given

    @classmethod
    def of_entry(cls, settings: Mapping[str, Any]) -> "Subset":
        return cls(whole("sampling.images", settings["images"]), whole("sampling.draw", settings.get("draw", 0), 0))

    def entry(self) -> dict[str, Any]:
        return {"kind": self.kind, "images": self.images, "draw": self.draw}

    @property
    def label(self) -> str:
        return f"{self.images:,} images" + (f", draw {self.draw}" if self.draw else "")

    def rows(self, card: Card) -> Rows:
        return rows_alone(np.sort(shuffled(card, self.draw)[: self.images]))


def shuffled(card: Card, draw: int) -> NDArray[np.int64]:
    """All rows of a data set in a random order: that of a number."""
    return generator_of(["subset", card.name, draw]).permutation(card.num_images)
