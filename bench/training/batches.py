"""The input of a training step: images and latent noise; for each model of a fleet a function of (seed, step)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench import random_bits
from bench.data.reader import DeviceImages
from bench.models.base import ModelError
from bench.models.parts.draws import Draws
from bench.models.parts.pairs import factors_of
from bench.models.parts.stacked import Stacked
from bench.training.rows import DeviceRows


class Batches:
    """Draws for K models: images i.i.d. with replacement, new image noise at every use, standard normal noise.

    Every image is equally likely, or the data set's `rows` give the probabilities. A model of several views gets as
    many images for each draw: the first is i.i.d., and the model chooses the others (`partners`) among all images.
    Nothing depends on the other members or on earlier steps, so a model reads the same numbers alone, in any fleet, and
    after a resume.

    Args:
        source: the images, on the device of the tensors.
        model: the K models.
        seeds: K seeds.
        batch_size: draws per model and step.

    Raises:
        ModelError: the data set cannot provide the views of the model.
    """

    def __init__(self, source: DeviceImages, model: Stacked, seeds: Sequence[int], batch_size: int) -> None:
        device, images = source.device, model.views * batch_size
        model.check_views(source.grid)
        if model.views > 1 and source.rows is not None and len(source.rows) < source.total:
            name = type(model).__module__.rpartition(".")[2]
            raise ModelError(f"{name} chooses partners among all images, also among those that the sampling holds out")
        self.source, self.model = source, model
        self.batch_size, self.shape, self.noise_dim = batch_size, (len(seeds), images), model.noise_dim
        self.index_key = _stacked([random_bits.root(s, "batch") for s in seeds], device)
        self.noise_keys = [_stacked([random_bits.root(s, "latent", i) for s in seeds], device) for i in (0, 1)]
        self.partner_words = Draws(tuple(seeds), "partners").to(device)
        self.rows = None if source.rows is None else DeviceRows(source.rows, device)
        self.more_words = Draws(tuple(seeds), "sampling").to(device)
        self.uses = torch.arange(1, images + 1, dtype=torch.int32, device=device)  # epoch 0 is for codes
        self.slots = random_bits.mix(torch.arange(batch_size, dtype=torch.int32, device=device))
        self.places = random_bits.mix(torch.arange(images * self.noise_dim, dtype=torch.int32, device=device))

    def read(self, step: Tensor) -> dict[str, Tensor]:
        """The arguments of `losses` in a step, by name: images, noise, and factors if the model `sees_factors`."""
        index = self.index(step)
        factors = {"factors": factors_of(index, self.source.grid)} if self.model.sees_factors else {}
        return {"images": self._read(index, step), "noise": self.noise(step), **factors}

    def index(self, step: Tensor) -> Tensor:
        """Image indices (K, views * batch) of a step, an int32 tensor (1,) counted from 0: all first views first."""
        words = random_bits.bits(random_bits.fold(self.index_key, step), self.slots)
        if self.rows is None:
            first_views = random_bits.below(words, self.source.total)
        else:
            more = self.more_words(step, self.batch_size * 2).unflatten(1, (self.batch_size, 2))
            first_views = self.rows(words, *more.unbind(-1))
        if self.model.views == 1:
            return first_views

        def words_of(count: int) -> Tensor:
            return self.partner_words(step, self.batch_size * count).unflatten(1, (self.batch_size, count))

        return torch.cat([first_views, self.model.partners(first_views, words_of, self.source.grid)], dim=1)

    def images(self, step: Tensor) -> Tensor:
        """Images (K, views * batch, height, width, channels)."""
        return self._read(self.index(step), step)

    def _read(self, index: Tensor, step: Tensor) -> Tensor:
        fleet, batch = self.shape
        uses = (step * batch + self.uses).repeat(fleet)
        return self.source.read(index.flatten(), uses).unflatten(0, self.shape)

    def noise(self, step: Tensor) -> Tensor:
        """Standard normal noise (K, views * batch, noise_dim)."""
        words = [random_bits.bits(random_bits.fold(key, step), self.places) for key in self.noise_keys]
        return random_bits.normal(*words).unflatten(1, (self.shape[1], self.noise_dim))


def _stacked(keys: Sequence[random_bits.Key], device: torch.device) -> random_bits.Key:
    """Keys of K members as one key of shape (K, 1)."""
    return random_bits.Key(*(torch.stack([torch.from_numpy(k[i]) for k in keys]).to(device) for i in (0, 1)))
