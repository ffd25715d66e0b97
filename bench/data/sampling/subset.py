"""A random subset of a data set, to study how many images a representation needs."""

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
    """A fixed number of random images, the same for every run; a smaller subset is part of a larger one.

    Attributes:
        images: number of images.
        draw: seed of the random order whose first images are drawn.
    """

    images: int = 1
    draw: int = 0

    kind: ClassVar[str] = "subset"
    keys: ClassVar[tuple[str, ...]] = ("images", "draw")
    optional: ClassVar[tuple[str, ...]] = ("draw",)
    leaves_out: ClassVar[bool] = True

    @classmethod
    def of_card(cls, settings: Mapping[str, Any], card: Card) -> "Subset":
        parsed = cls.of_entry(settings)
        if parsed.images > card.num_images:
            raise ConfigError(f"sampling.images is {parsed.images:,}: {card.name} has {card.num_images:,} images")
        return parsed

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
    """All rows of a data set in the random order of a seed."""
    return generator_of(["subset", card.name, draw]).permutation(card.num_images)
