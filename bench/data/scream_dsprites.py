"""Scream-dSprites (Locatello et al. 2019): sprites that invert a random crop of a painting.

The painting is a file of the user's choice: The Scream (Munch, 1893) for the study's own numbers, or any picture.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from bench import random_bits
from bench.data.base import Card, DataError, DataSet
from bench.data.dsprites import Sprites
from bench.data.files import require
from bench.data.reader import Reader

if TYPE_CHECKING:
    import torch

LARGEST = (350, 274)  # width and height that the painting is shrunk to fit in


class ScreamSprites(Sprites):
    """|sprite - (crop + colour) / 2|, the crop's corner and the colour, U(0, 1)^3, functions of (seed, index, epoch).

    Raises:
        NoSourceError: the painting is not in the folder, or is not the one first used.
        DataError: it is not a picture, or too small.
    """

    def __init__(self, card: Card, folder: Path) -> None:
        require(card.name, card.files[1:], folder)
        super().__init__(card, folder)
        self.painting = _painting(folder / card.files[1].name)
        self.key = random_bits.root(card.options["seed"], "scream")
        self.places = random_bits.mix(np.arange(5, dtype=np.int32))
        self.corners = (self.painting.shape[0] - 64, self.painting.shape[1] - 64)

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        key = random_bits.fold(random_bits.fold(self.key, index.astype(np.int32)), epoch)
        row, column, colour = _draws(key, self.places, self.corners)
        lines = sliding_window_view(self.painting.reshape(len(self.painting), -1), 64 * 3, axis=1)[:, ::3]
        images = lines[row[:, None] + np.arange(64), column[:, None]]
        images += np.tile(colour, 64)[:, None]
        images /= 2
        np.subtract(self.sprites(index).repeat(3, axis=2), images, out=images)
        return np.abs(images, out=images).reshape(-1, 64, 64, 3)

    def resident(self, device: "torch.device") -> Reader:
        import torch

        sprites = self.resident_sprites(device)
        seed = random_bits.Key(*(torch.tensor(k, device=device) for k in self.key))
        places = torch.tensor(self.places, device=device)
        crops = torch.tensor(self.painting, device=device).unfold(0, 64, 1).unfold(1, 64, 1)

        def read(index: "torch.Tensor", epoch: "torch.Tensor") -> "torch.Tensor":
            key = random_bits.fold(random_bits.fold(seed, index.int()), epoch)
            row, column, colour = _draws(key, places, self.corners)
            background = (crops[row, column].permute(0, 2, 3, 1) + colour[:, None, None]) / 2
            return (sprites(index)[..., None] - background).abs().contiguous()

        return read


def load(card: Card, folder: Path) -> DataSet:
    """Open Scream-dSprites, which reads the file of dSprites and the painting."""
    return ScreamSprites(card, folder)


def _draws(
    key: random_bits.Key, places: random_bits.Array, corners: tuple[int, int]
) -> tuple[random_bits.Array, random_bits.Array, random_bits.Array]:
    """Row (n,), column (n,) and colour (n, 3) for n keys."""
    words = random_bits.bits(random_bits.Key(key.a[:, None], key.b[:, None]), places)
    return (
        random_bits.below(words[:, 0], corners[0]),
        random_bits.below(words[:, 1], corners[1]),
        random_bits.uniform(words[:, 2:]),
    )


def _painting(path: Path) -> NDArray[np.float32]:
    """The painting (height, width, 3) in [0, 1], shrunk as in the 2019 study."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.thumbnail(LARGEST)
            pixels = np.asarray(picture.convert("RGB"), np.float32)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:
        raise DataError(f"{path} is not a picture that can be read: {fault}") from fault
    height, width = pixels.shape[:2]
    if min(height, width) <= 64:
        raise DataError(f"{path} has {width}x{height} pixels once shrunk, more than 64x64 are needed")
    return pixels / np.float32(255)
