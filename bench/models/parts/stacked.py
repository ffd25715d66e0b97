"""K models of one architecture as one module: their networks, hyper-parameters, weights by member."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import registry
from bench.models.base import Codes, Images, Learner, ModelError, State
from bench.models.parts.pairs import Words
from bench.networks.base import Networks, sizes_taken


class Updates(NamedTuple):
    """How the weights of a player follow its gradient.

    Attributes:
        betas: decay of Adam's two moments.
        rate: its learning rate, in units of the schedule's.
        every: they are updated at every n-th step, n - 1 steps after the first one; the others leave them alone.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    rate: float = 1
    every: int = 1


class Stacked(Learner, nn.Module):
    """K models trained by gradient steps, stacked: every tensor starts with the dimension K.

    A subclass is given its networks in `build`, defines `losses`, and how one member encodes and decodes a batch.

    Args:
        image_shape: height, width, channels.
        architecture: the name of networks, a file of `bench.networks`.
        latent_dim: D.
        seeds: K seeds, one for each model's initial weights.
        hyper: K dictionaries of hyper-parameters, (K,) tensors under their own names in `self.hyper`.
        convolution: how convolutions are computed, a name of `bench.networks.parts.convolutions`.

    Raises:
        ModelError: the images do not fit the architecture, or a hyper-parameter is not a number.

    Attributes:
        views: images that a step reads for each draw, 1 where nothing else is said: a model with more defines
            `partners` and `check_views`, and batches hold all first images, then all second ones, and so on.
        sees_factors: whether `losses` are given the factors of all images besides, `factors` (K, views * batch, F).
        updates: of the players that are not updated as `Updates` says by itself, by name.
        recorded: further names of what `losses` gives: columns of losses.csv behind those of every model.
    """

    views: ClassVar[int] = 1
    sees_factors: ClassVar[bool] = False
    updates: ClassVar[Mapping[str, Updates]] = {}
    recorded: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        architecture: str,
        latent_dim: int,
        seeds: Sequence[int] = (0,),
        hyper: Sequence[Mapping[str, float]] = ({},),
        convolution: str = "grouped",
    ) -> None:
        super().__init__()
        networks: type[Networks] = registry.load("networks", architecture)
        height, width, _ = image_shape
        if not networks.takes(height) or (height != width and networks.image_size is not None):
            raise ModelError(
                f"architecture {architecture!r} does not take images of {height}x{width} pixels: set "
                f"trainer.image_size, or another trainer.architecture ({sizes_taken()})"
            )
        self.image_shape, self.latent_dim, self.fleet = image_shape, latent_dim, len(seeds)
        self.hyper = nn.ParameterDict(
            {k: nn.Parameter(torch.tensor([float(h[k]) for h in hyper]), requires_grad=False) for k in hyper[0]}
        )
        self.build(tuple(seeds), networks(image_shape, tuple(seeds), convolution))

    @abstractmethod
    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        """Take an encoder and a decoder of the networks, and make what else the model has."""

    @abstractmethod
    def losses(self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False) -> dict[str, Tensor]:
        """The "loss" of each model and its parts, each (K,); a part that a model does not have is left out.

        Args:
            images: (K, batch, height, width, channels) in [0, 1]; `batch` counts the images of all views.
            noise: (K, batch, noise_dim) standard normal.
            step: updates done so far, an int32 tensor (1,).
            curves: add what is only looked at, such as what is `recorded` and no part of the loss.
        """

    @property
    def noise_dim(self) -> int:
        """Standard normal numbers that `losses` reads for each image."""
        return self.latent_dim

    def partners(self, index: Tensor, words: Words, factor_sizes: Sequence[int]) -> Tensor:
        """Which images go with those drawn: rows (K, (views - 1) * batch), all second views first.

        It runs on the device and within a CUDA graph: shapes depend on no value, and no value is looked at.

        Args:
            index: rows (K, batch) drawn, int64.
            words: `words(n)` gives n random 32-bit words for each of them, (K, batch, n), a function of seed and step.
            factor_sizes: of the grid that rows count, the last factor fastest (`bench.models.parts.pairs`).
        """
        raise NotImplementedError(f"{type(self).__name__} has {self.views} views and does not define partners")

    def check_views(self, factor_sizes: Sequence[int]) -> None:
        """Refuse a data set that cannot give the views, before training; without a grid there are no factor sizes.

        Raises:
            ModelError: it cannot.
        """

    def whole(self, name: str, least: int = 1) -> int:
        """A hyper-parameter that gives shapes, which the models of a stack share.

        Raises:
            ModelError: it is no whole number from `least`, or differs within the stack.
        """
        own, values = type(self).__module__.rpartition(".")[2], set(self.hyper[name].tolist())
        if len(values) > 1:
            raise ModelError(f"{own}: {name} differs within one stack, which shares its networks: trainer.stack=1")
        (value,) = values
        if value < least or value != int(value):
            raise ModelError(f"{own}: {name} must be a whole number from {least}, got {value:g}")
        return int(value)

    def players(self) -> dict[str, dict[str, Tensor]]:
        """Who lowers which loss: its name -> the stacked weights that follow its gradient, each (K, ...)."""
        return {"loss": {n: p for n, p in self.named_parameters() if p.requires_grad}}

    def decays(self) -> Mapping[str, Tensor]:
        """Decoupled weight decay (Loshchilov & Hutter 2019) by name of a weight: rates (K,); the others have none.

        In each update a weight loses rate * learning rate of itself, whatever its gradient.
        """
        return {}

    def limits(self) -> Mapping[str, Tensor]:
        """What each element of a gradient is clipped to, by name of its weight: (K,); the others are taken whole."""
        return {}

    def learned(self) -> dict[str, Tensor]:
        """The stacked weights of encoder and decoder by name, each (K, ...)."""
        return self.players()["loss"]

    def kept(self) -> dict[str, Tensor]:
        """What `losses` carry from one step to the next and is no weight, by name, each (K, ...), changed in place.

        These are the buffers that are registered as persistent, such as running statistics, a queue and its place, or
        the state of a controller: they are stored with a member's progress, and with its weights.
        """
        saved = self.state_dict().keys()
        return {n: b for n, b in self.named_buffers() if n in saved}

    def member(self, k: int) -> State:
        """The weights of model k alone, and what it has kept."""
        return member(self.learned() | self.kept(), k)

    def load_member(self, k: int, state: Mapping[str, NDArray[Any]]) -> None:
        """Set the weights of model k, and what it has kept.

        Raises:
            ModelError: names or shapes are those of another architecture.
        """
        set_member(self.learned() | self.kept(), k, state)

    def state(self) -> State:
        return self.member(0)

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.load_member(0, state)

    @abstractmethod
    def codes_of(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mean and log-variance (K, batch, D) of images (K, batch, height, width, channels)."""

    @abstractmethod
    def logits_of(self, codes: Tensor) -> Tensor:
        """Logits (K, batch, height, width, channels) of codes (K, batch, D)."""

    @torch.inference_mode()
    def encode(self, images: Images) -> tuple[Codes, Codes | None]:
        mean, logvar = self.codes_of(self._batch(images))
        return mean[0].cpu().numpy(), None if logvar is None else logvar[0].cpu().numpy()

    @torch.inference_mode()
    def decode(self, codes: Codes) -> Images:
        return self.logits_of(self._batch(codes))[0].sigmoid().cpu().numpy()

    @torch.inference_mode()
    def logits(self, codes: Codes) -> Images | None:
        return self.logits_of(self._batch(codes))[0].cpu().numpy()

    def _batch(self, array: NDArray[Any]) -> Tensor:
        """What one model is given, (1, n, ...), whatever the array's precision and order."""
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self._device)[None]

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device


def member(stacked: Mapping[str, Tensor], k: int) -> State:
    """Slice k of stacked tensors, as arrays of their own."""
    return {n: p[k].detach().cpu().numpy().copy() for n, p in stacked.items()}


def set_member(stacked: Mapping[str, Tensor], k: int, state: Mapping[str, NDArray[Any]]) -> None:
    """Set slice k of stacked tensors.

    Raises:
        ModelError: names or shapes are those of another architecture.
    """
    mine = {n: tuple(p.shape[1:]) for n, p in stacked.items()}
    theirs = {n: tuple(a.shape) for n, a in state.items()}
    if mine != theirs:
        wrong = sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))
        raise ModelError(f"these weights are of another architecture: {', '.join(wrong[:4])} differ")
    with torch.no_grad():
        for name, p in stacked.items():
            p[k].copy_(torch.from_numpy(state[name]))
