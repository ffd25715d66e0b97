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
        image_size: height and width of the images that they are made for; None: any.
        hidden: units of a fully connected layer that a model adds.
        discriminator: units of a hidden layer of a discriminator of codes, if the objective has one.
    """

    image_size: ClassVar[int | None] = None
    hidden: ClassVar[int]
    discriminator: ClassVar[int]

    def __init__(self, image_shape: tuple[int, int, int], seeds: tuple[int, ...], convolution: str) -> None:
        self.image_shape, self.seeds, self.convolution = image_shape, seeds, convolution

    @classmethod
    def takes(cls, size: int) -> bool:
        """Whether the networks accept images of this height and width; by default only `image_size`."""
        return cls.image_size in (None, size)

    @classmethod
    def sizes(cls) -> str:
        """The accepted image sizes, in words."""
        return "any size" if cls.image_size is None else f"{cls.image_size}x{cls.image_size}"

    @abstractmethod
    def encoder(self, dims: int, *, variance: bool = True) -> "nn.Module":
        """Images (K, batch, height, width, channels) -> mean and log-variance, each (K, batch, dims).

        With `variance=False` the log-variance is None. `bench.networks.parts.layers.Encoder` implements both heads.
        """

    @abstractmethod
    def decoder(self, dims: int) -> "nn.Module":
        """Codes (K, batch, dims) -> logits (K, batch, height, width, channels)."""


def every_network() -> dict[str, type[Networks]]:
    """All networks by name; those that cannot be imported are left out."""
    broken = registry.faults("networks")
    return {name: registry.load("networks", name) for name in registry.names("networks") if name not in broken}


def image_sizes() -> dict[str, int | None]:
    """The image size that each of the networks is made for, None for any."""
    return {name: networks.image_size for name, networks in every_network().items()}


def sizes_taken() -> str:
    """The image sizes that each of the networks accepts, in words."""
    names: dict[str, list[str]] = {}
    for name, networks in every_network().items():
        names.setdefault(networks.sizes(), []).append(name)
    return "; ".join(f"{' and '.join(n)} take{'' if n[1:] else 's'} {sizes}" for sizes, n in names.items())
