"""What one training step reads: images and latent noise, a function of (seed, step) for each model of a fleet."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench import counter
from bench.data.base import DataSet


class Batches:
    """Draws for K models: images i.i.d. with replacement, fresh image noise at every use, standard normal noise.

    Nothing depends on the other members or on earlier steps, so a model sees the same numbers alone, in any
    fleet, and after a resume.
    """

    def __init__(self, data: DataSet, seeds: Sequence[int], batch_size: int, latent_dim: int) -> None:
        self.data, self.fleet, self.batch_size, self.latent_dim = data, len(seeds), batch_size, latent_dim
        self.index_key = _stacked([counter.root(s, "batch") for s in seeds])
        self.noise_keys = [_stacked([counter.root(s, "latent", i) for s in seeds]) for i in (0, 1)]
        self.slots = counter.mix(np.arange(batch_size, dtype=np.int32))
        self.places = counter.mix(np.arange(batch_size * latent_dim, dtype=np.int32))

    def index(self, step: int) -> np.ndarray:
        """Image indices (K, batch)."""
        words = counter.bits(counter.fold(self.index_key, np.array([step], np.int32)), self.slots)
        return counter.below(words, len(self.data))

    def images(self, step: int) -> Tensor:
        """Images (batch, K * channels, height, width), channels-last, of a step counted from 0."""
        uses = 1 + step * self.batch_size + np.arange(self.batch_size, dtype=np.int32)  # epoch 0 is for codes
        pixels = self.data.images(self.index(step).ravel(), np.tile(uses, self.fleet))
        if self.fleet == 1:
            return torch.from_numpy(pixels).permute(0, 3, 1, 2)
        stacked = torch.from_numpy(pixels).unflatten(0, (self.fleet, self.batch_size))
        return stacked.permute(1, 2, 3, 0, 4).flatten(3).permute(0, 3, 1, 2)

    def noise(self, step: int) -> Tensor:
        """Standard normal noise (K, batch, latent_dim)."""
        when = np.array([step], np.int32)
        words = [torch.from_numpy(counter.bits(counter.fold(k, when), self.places)) for k in self.noise_keys]
        return counter.normal(*words).unflatten(1, (self.batch_size, self.latent_dim))


def _stacked(keys: Sequence[counter.Key]) -> counter.Key:
    """Keys of K members as one key of shape (K, 1)."""
    return counter.Key(np.stack([k.a for k in keys]), np.stack([k.b for k in keys]))
