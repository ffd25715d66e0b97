"""K models of one architecture as one module: networks, hyper-parameters, and the weights of each member."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench import registry
from bench.arrays import numbers
from bench.models.base import Codes, Images, Learner, ModelError, State
from bench.models.parts.pairs import Words
from bench.networks.base import Networks, sizes_taken

CPU_IMAGES = 32  # encoded at a time by each thread of a CPU: of more, what layers give each other leaves its cache
OVERSHOOT = 1e-3  # of pixel values, by resampling or rounding


class Updates(NamedTuple):
    """How the optimiser updates the weights of a player.

    Attributes:
        betas: decay of Adam's two moments.
        rate: learning rate, as a multiple of the schedule's.
        every: the weights are updated at every n-th step only, first at step n - 1 (steps count from 0).
    """

    betas: tuple[float, float] = (0.9, 0.999)
    rate: float = 1
    every: int = 1


class Stacked(Learner, nn.Module):
    """K models trained by gradient steps, stacked: every tensor starts with the dimension K.

    A subclass takes its networks in `build` and defines `losses`; one that does not encode by `self.encoder` alone, or
    decode by `self.decoder`, also `codes_of` or `logits_of`.

    Args:
        image_shape: height, width, channels.
        architecture: the name of networks, a file of `bench.networks`.
        latent_dim: D.
        seeds: K seeds, one for each model's initial weights.
        hyper: K dictionaries of hyper-parameters; `self.hyper` holds a (K,) tensor for each name.
        convolution: how convolutions are computed, a name of `bench.networks.parts.convolutions`.

    Raises:
        ModelError: the images do not fit the architecture, or a hyper-parameter is not a number.

    Attributes:
        views: images that a step reads for each row drawn, 1 by default. A model with more views defines `partners` and
            `check_views`; its batches hold all first images, then all second ones, and so on.
        sees_factors: whether `losses` also gets the factors of all images, `factors` (K, views * batch, F).
        second_order: whether `losses` takes gradients of gradients of the networks, by `create_graph`: the kernels of
            `trainer.convolution=triton` have none.
        updates: by name of a player, for players that do not use the defaults of `Updates`.
        recorded: further names that `losses` returns: columns of losses.csv after those of every model.
    """

    views: ClassVar[int] = 1
    sees_factors: ClassVar[bool] = False
    second_order: ClassVar[bool] = False
    updates: ClassVar[Mapping[str, Updates]] = {}
    recorded: ClassVar[tuple[str, ...]] = ()
    encoder: nn.Module
    decoder: nn.Module

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
        """Create the encoder and the decoder from `networks`, and every other module of the model."""

    @abstractmethod
    def losses(self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False) -> dict[str, Tensor]:
        """The "loss" of each model and its parts, each (K,); parts that a model does not have are left out.

        Args:
            images: (K, batch, height, width, channels) in [0, 1]; `batch` counts the images of all views.
            noise: (K, batch, noise_dim) standard normal.
            step: number of updates before this one, an int32 tensor (1,).
            curves: also compute terms that are only monitored, such as `recorded` ones that are no part of the loss.
        """

    @property
    def noise_dim(self) -> int:
        """Standard normal numbers that `losses` reads for each image."""
        return self.latent_dim

    def partners(self, index: Tensor, words: Words, factor_sizes: Sequence[int]) -> Tensor:
        """Rows (K, (views - 1) * batch) of the further views of the rows drawn: all second views, then all third ones.

        It runs on the device within a CUDA graph: no shape depends on a value, and no value is read by the host.

        Args:
            index: rows (K, batch) drawn, int64.
            words: `words(n)` gives n random 32-bit words for each row, (K, batch, n), a function of seed and step.
            factor_sizes: sizes of the factor grid that rows are numbers of, the last factor fastest
                (`bench.models.parts.pairs`).
        """
        raise NotImplementedError(f"{type(self).__name__} has {self.views} views and does not define partners")

    def check_views(self, factor_sizes: Sequence[int]) -> None:
        """Refuse a data set that cannot provide the views, before training; `factor_sizes` is empty without a grid.

        Raises:
            ModelError: the data set cannot provide them.
        """

    def whole(self, name: str, least: int = 1) -> int:
        """A hyper-parameter that decides shapes and is therefore the same for all models of a stack.

        Raises:
            ModelError: it is no whole number from `least`, or differs within the stack.
        """
        model, values = type(self).__module__.rpartition(".")[2], set(self.hyper[name].tolist())
        if len(values) > 1:
            raise ModelError(f"{model}: {name} differs within one stack, which shares its networks: trainer.stack=1")
        (value,) = values
        if value < least or value != int(value):
            raise ModelError(f"{model}: {name} must be a whole number from {least}, got {value:g}")
        return int(value)

    def players(self) -> dict[str, dict[str, Tensor]]:
        """By name of a loss: the stacked weights that minimise it, each (K, ...)."""
        return {"loss": {n: p for n, p in self.named_parameters() if p.requires_grad}}

    def decays(self) -> Mapping[str, Tensor]:
        """Rates (K,) of decoupled weight decay (Loshchilov & Hutter 2019) by name of a weight; other weights have none.

        Each update subtracts rate * learning rate * weight from a weight, whatever its gradient.
        """
        return {}

    def limits(self) -> Mapping[str, Tensor]:
        """Bounds (K,) that clip each element of a gradient, by name of its weight; other gradients are not clipped."""
        return {}

    def learned(self) -> dict[str, Tensor]:
        """The stacked weights of encoder and decoder by name, each (K, ...)."""
        return self.players()["loss"]

    def saved_buffers(self) -> dict[str, Tensor]:
        """The persistent buffers by name, each (K, ...): further state of the model, which `losses` changes in place.

        Examples are running statistics, or the state of a controller. They are stored with a member's progress and
        with its weights.
        """
        saved = self.state_dict().keys()
        return {n: b for n, b in self.named_buffers() if n in saved}

    def member(self, k: int) -> State:
        """The weights and the persistent buffers of model k."""
        return member(self.learned() | self.saved_buffers(), k)

    def load_member(self, k: int, state: Mapping[str, NDArray[Any]]) -> None:
        """Set the weights and the persistent buffers of model k.

        Raises:
            ModelError: names or shapes are those of another architecture.
        """
        set_member(self.learned() | self.saved_buffers(), k, state)

    def state(self) -> State:
        return self.member(0)

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.load_member(0, state)

    def codes_of(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mean and log-variance (K, batch, D) of images (K, batch, height, width, channels): by `self.encoder`."""
        mean, logvar = self.encoder(images)
        return mean, logvar

    def logits_of(self, codes: Tensor) -> Tensor:
        """Logits (K, batch, height, width, channels) of codes (K, batch, D): by `self.decoder`."""
        logits: Tensor = self.decoder(codes)
        return logits

    @torch.inference_mode()
    def encode(self, images: Images) -> tuple[Codes, Codes | None]:
        """Mean and log-variance (n, D) of images (n, height, width, channels) in [0, 1], an array of any library.

        Raises:
            ModelError: images of another shape, or values outside [0, 1].
        """
        images = numbers(images, "images")
        self._check_images(images)
        at_once = CPU_IMAGES * torch.get_num_threads() if self._device.type == "cpu" else len(images)
        starts = range(0, len(images), at_once) if len(images) else [0]
        means, logvars = zip(*(self.codes_of(self._batch(images[i : i + at_once])) for i in starts), strict=True)
        return _joined(means), None if logvars[0] is None else _joined(logvars)

    @torch.inference_mode()
    def decode(self, codes: Codes) -> Images:
        """Images (n, height, width, channels) in [0, 1] of codes (n, D).

        Raises:
            ModelError: codes of another shape.
        """
        codes = numbers(codes, "codes")
        if codes.ndim != 2 or codes.shape[1] != self.latent_dim:
            raise ModelError(f"codes must be of shape (n, {self.latent_dim}), got {codes.shape}")
        return self.logits_of(self._batch(codes))[0].sigmoid().cpu().numpy()

    @torch.inference_mode()
    def logits(self, codes: Codes) -> Images | None:
        return self.logits_of(self._batch(codes))[0].cpu().numpy()

    def _check_images(self, images: Images) -> None:
        if np.shape(images)[1:] != self.image_shape:
            expected = ", ".join(map(str, self.image_shape))
            raise ModelError(
                f"images must be of shape (n, height, width, channels), here (n, {expected}), got {np.shape(images)}"
            )
        if len(images) and not (np.min(images) >= -OVERSHOOT and np.max(images) <= 1 + OVERSHOOT):  # NaN is not either
            span = f"{np.min(images):g} to {np.max(images):g}"
            raise ModelError(f"images must be numbers in [0, 1], got {span}: bytes are divided by 255")

    def _batch(self, array: NDArray[Any]) -> Tensor:
        """The array as float32 input of a stack of one model, (1, n, ...)."""
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self._device)[None]

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device


def _joined(parts: tuple[Tensor, ...]) -> Codes:
    """Codes (n, D) of the parts (1, n, D) of a stack of one model."""
    return torch.cat(parts, dim=1)[0].cpu().numpy()


def member(stacked: Mapping[str, Tensor], k: int) -> State:
    """Copies of slice k of stacked tensors, as arrays."""
    return {n: p[k].detach().cpu().numpy().copy() for n, p in stacked.items()}


def set_member(stacked: Mapping[str, Tensor], k: int, state: Mapping[str, NDArray[Any]]) -> None:
    """Set slice k of stacked tensors.

    Raises:
        ModelError: names or shapes are those of another architecture.
    """
    expected = {n: tuple(p.shape[1:]) for n, p in stacked.items()}
    shapes = {n: tuple(a.shape) for n, a in state.items()}
    if shapes != expected:
        wrong = sorted(n for n in expected.keys() | shapes.keys() if expected.get(n) != shapes.get(n))
        raise ModelError(f"these weights are of another architecture: {', '.join(wrong[:4])} differ")
    with torch.no_grad():
        for name, p in stacked.items():
            p[k].copy_(torch.from_numpy(state[name]))
