"""Color-dSprites (Locatello et al. 2019): each sprite in one random colour, on black."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench import random_bits
from bench.data.base import Card, DataSet
from bench.data.dsprites import Sprites
from bench.data.reader import Reader

if TYPE_CHECKING:
    import torch


class ColorSprites(Sprites):
    """sprite x colour, each channel of the colour U(0.5, 1), a function of (seed, index, epoch)."""

    def __init__(self, card: Card, folder: Path) -> None:
        super().__init__(card, folder)
        self.key = random_bits.root(card.options["seed"], "colour")
        self.places = random_bits.mix(np.arange(3, dtype=np.int32))

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        key = random_bits.fold(random_bits.fold(self.key, index.astype(np.int32)), epoch)
        row = np.tile(_colours(key, self.places), 64)[:, None]  # (n, 1, 64 x 3): long rows multiply faster
        return (self.sprites(index).repeat(3, axis=2) * row).reshape(-1, 64, 64, 3)

    def resident(self, device: "torch.device") -> Reader:
        import torch

        sprites = self.resident_sprites(device)
        seed = random_bits.Key(*(torch.tensor(k, device=device) for k in self.key))
        places = torch.tensor(self.places, device=device)

        def read(index: "torch.Tensor", epoch: "torch.Tensor") -> "torch.Tensor":
            colours = _colours(random_bits.fold(random_bits.fold(seed, index.int()), epoch), places)
            return sprites(index)[..., None] * colours[:, None, None]

        return read


def _colours(key: random_bits.Key, places: random_bits.Array) -> random_bits.Array:
    """(n, 3) in (0.5, 1) for n keys."""
    return random_bits.uniform(random_bits.bits(random_bits.Key(key.a[:, None], key.b[:, None]), places)) / 2 + 0.5


def load(card: Card, folder: Path) -> DataSet:
    """Open Color-dSprites, which reads the file of dSprites."""
    return ColorSprites(card, folder)
