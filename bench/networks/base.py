"""The contract of networks: an encoder and a decoder for images of one shape, K of each stacked as one module.

`bench/networks/NAME.py` defines one class under `@network(version=1)`; `trainer.architecture=NAME` chooses it. Raise
the version when a change moves numbers. Planning imports the file to read the version, so import torch within the
methods, not at the top of the file, to keep planning fast.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

from bench import registry

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Network:
    """The registry's entry of a class."""

    name: str
    version: int


C = TypeVar("C", bound=type)


def network(version: int) -> Callable[[C], C]:
    """Register a class as the networks with the name of its file: sets `cls.network` on this class alone.

    Raises:
        ValueError: the version is not a whole number from 1.
    """
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ValueError(f"the version of networks must be a whole number from 1, got {version!r}")

    def attach(cls: C) -> C:
        cls.network = Network(cls.__module__.rpartition(".")[2], version)  # type: ignore[attr-defined]
        return cls

    return attach


class Networks(ABC):
    """Creates the encoder and the decoder of a model.

    Args:
        image_shape: height, width, channels.
        seeds: K seeds; initial weights are a function of seed and parameter name alone (`glorot_uniform`).
        convolution: how convolutions are computed, a name of `bench.networks.parts.convolutions`.

    Attributes:
        image_size: height and width of the images that they take; None: any.
        hidden: units of a fully connected layer that a model adds.
        discriminator: units of a hidden layer of a discriminator of codes, if the objective has one.
    """

    image_size: ClassVar[int | None] = None
    hidden: ClassVar[int]
    discriminator: ClassVar[int]

    def __init__(self, image_shape: tuple[int, int, int], seeds: tuple[int, ...], convolution: str) -> None:
        self.image_shape, self.seeds, self.convolution = image_shape, seeds, convolution

    @abstractmethod
    def encoder(self, dims: int, *, variance: bool = True) -> "nn.Module":
        """Images (K, batch, height, width, channels) -> mean and log-variance, each (K, batch, dims).

        With `variance=False` the log-variance is None. `bench.networks.parts.layers.Encoder` implements both heads.
        """

    @abstractmethod
    def decoder(self, dims: int) -> "nn.Module":
        """Codes (K, batch, dims) -> logits (K, batch, height, width, channels)."""


def image_sizes() -> dict[str, int | None]:
    """The image size that each of the networks takes, None for any; those that cannot be imported are left out."""
    broken = registry.faults("networks")
    return {n: registry.load("networks", n).image_size for n in registry.names("networks") if n not in broken}
