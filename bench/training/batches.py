"""What one training step reads: images and latent noise, a function of (seed, step) for each model of a fleet."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench import random_bits
from bench.data.reader import DeviceImages


class Batches:
    """Draws for K models: images i.i.d. with replacement, fresh image noise at every use, standard normal noise.

    Nothing depends on the other members or on earlier steps, so a model sees the same numbers alone, in any
    fleet, and after a resume.

    Args:
        source: the images, for the device where the tensors are wanted.
        seeds: K seeds.
        batch_size: images a model and step.
        noise_dim: standard normal numbers an image, as many as codes have dimensions where z is sampled once.
    """

    def __init__(self, source: DeviceImages, seeds: Sequence[int], batch_size: int, noise_dim: int) -> None:
        device = source.device
        self.source, self.shape, self.noise_dim = source, (len(seeds), batch_size), noise_dim
        self.index_key = _stacked([random_bits.root(s, "batch") for s in seeds], device)
        self.noise_keys = [_stacked([random_bits.root(s, "latent", i) for s in seeds], device) for i in (0, 1)]
        self.uses = torch.arange(1, batch_size + 1, dtype=torch.int32, device=device)  # epoch 0 is for codes
        self.slots = random_bits.mix(torch.arange(batch_size, dtype=torch.int32, device=device))
        self.places = random_bits.mix(torch.arange(batch_size * noise_dim, dtype=torch.int32, device=device))

    def read(self, step: Tensor) -> tuple[Tensor, Tensor]:
        """Images and noise of a step, as below."""
        return self.images(step), self.noise(step)

    def index(self, step: Tensor) -> Tensor:
        """Image indices (K, batch) of a step, an int32 tensor (1,) counted from 0."""
        return random_bits.below(
            random_bits.bits(random_bits.fold(self.index_key, step), self.slots), self.source.total
        )

    def images(self, step: Tensor) -> Tensor:
        """Images (K, batch, height, width, channels)."""
        fleet, batch = self.shape
        uses = (step * batch + self.uses).repeat(fleet)
        return self.source.read(self.index(step).flatten(), uses).unflatten(0, self.shape)

    def noise(self, step: Tensor) -> Tensor:
        """Standard normal noise (K, batch, noise_dim)."""
        words = [random_bits.bits(random_bits.fold(key, step), self.places) for key in self.noise_keys]
        return random_bits.normal(*words).unflatten(1, (self.shape[1], self.noise_dim))


def _stacked(keys: Sequence[random_bits.Key], device: torch.device) -> random_bits.Key:
    """Keys of K members as one key of shape (K, 1)."""
    return random_bits.Key(*(torch.stack([torch.from_numpy(k[i]) for k in keys]).to(device) for i in (0, 1)))
