"""Noisy-dSprites (Locatello et al. 2019): white sprites in colour noise."""

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

BLOCK = 4  # images whose noise is made at once: they fit a core's cache


class NoisySprites(Sprites):
    """min(sprite + U(0, 1), 1) for each pixel and channel, the noise a function of (seed, index, epoch)."""

    def __init__(self, card: Card, folder: Path) -> None:
        super().__init__(card, folder)
        self.key = random_bits.root(card.options["seed"], "noise")
        self.places = random_bits.mix(np.arange(64 * 64 * 3, dtype=np.int32))

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        images = np.empty((len(index), 64, 64, 3), np.float32)
        for i in range(0, len(index), BLOCK):
            block = slice(i, i + BLOCK)
            images[block] = self.noise(index[block], epoch[block])
        images[self.sprites(index).view(np.bool_)] = 1  # where sprite + noise exceeds 1
        return images

    def resident(self, device: "torch.device") -> Reader:
        import torch

        sprites = self.resident_sprites(device)
        seed = random_bits.Key(*(torch.tensor(k, device=device) for k in self.key))
        places = torch.tensor(self.places, device=device)

        def read(index: "torch.Tensor", epoch: "torch.Tensor") -> "torch.Tensor":
            key = random_bits.fold(random_bits.fold(seed, index.int()), epoch)
            words = random_bits.bits(random_bits.Key(key.a[:, None], key.b[:, None]), places)
            noise = random_bits.uniform(words).view(-1, 64, 64, 3)
            return torch.where(sprites(index)[..., None].bool(), 1.0, noise)

        return read

    def noise(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        """U(0, 1) for each pixel and channel: (n, 64, 64, 3)."""
        key = random_bits.fold(random_bits.fold(self.key, index.astype(np.int32)), epoch)
        words = random_bits.bits(random_bits.Key(key.a[:, None], key.b[:, None]), self.places)
        return np.asarray(random_bits.uniform(words)).reshape(-1, 64, 64, 3)


def load(card: Card, folder: Path) -> DataSet:
    """Open Noisy-dSprites, which reads the file of dSprites."""
    return NoisySprites(card, folder)
