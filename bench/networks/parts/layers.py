"""Layers of K models at once, each with its own weights: one module holds those of all.

Fully connected layers are batched matrix products over (K, batch, units), convolutions are computed in one of the ways
of `convolutions`. With K = 1 these are the plain operations. Under autocast the layers that give mean, log-variance
and logits stay in float32.
"""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from bench import random_bits
from bench.networks.parts.convolutions import Convolutions


def glorot_uniform(seed: int, name: str, shape: tuple[int, ...], fans: int) -> Tensor:
    """Uniform in +-sqrt(6 / (fan in + fan out)), a function of (seed, parameter name) alone (Glorot & Bengio 2010)."""
    key = random_bits.Key(*(torch.from_numpy(k) for k in random_bits.root(seed, "init", name)))
    words = random_bits.bits(key, random_bits.mix(torch.arange(torch.Size(shape).numel(), dtype=torch.int32)))
    return ((random_bits.uniform(words) * 2 - 1) * (6 / fans) ** 0.5).reshape(shape)


class Dense(nn.Module):
    """K fully connected layers: (K, batch, inputs) -> (K, batch, units)."""

    def __init__(self, seeds: tuple[int, ...], name: str, inputs: int, units: int) -> None:
        super().__init__()
        weights = [glorot_uniform(s, name, (inputs, units), inputs + units) for s in seeds]
        self.weight = nn.Parameter(torch.stack(weights))
        self.bias = nn.Parameter(torch.zeros(len(seeds), 1, units))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class Convolution(nn.Module):
    """K stride-2 convolutions, or their transpose: weights (K, first, second, k, k), biases (K, outputs)."""

    def __init__(
        self,
        seeds: tuple[int, ...],
        name: str,
        inputs: int,
        outputs: int,
        kernel: int,
        way: Convolutions,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        first, second = (inputs, outputs) if transposed else (outputs, inputs)
        shape = (first, kernel, kernel, second)
        fans = kernel * kernel * (inputs + outputs)
        stacked = torch.stack([glorot_uniform(s, name, shape, fans) for s in seeds])
        self.weight = nn.Parameter(stacked.permute(0, 1, 4, 2, 3))  # channels-last memory
        self.bias = nn.Parameter(torch.zeros(len(seeds), outputs))
        self.operation = way.transpose if transposed else way.convolve

    def forward(self, h: Tensor, *, relu: bool = True) -> Tensor:
        """The layer's output for h or, as between layers, for relu(h)."""
        return self.operation(h, self.weight, self.bias, relu=relu)


class Encoder(nn.Module):
    """K encoders: images -> mean and log-variance, each (K, batch, dims); without a variance the second is None.

    A subclass makes its layers and then the heads, and defines `features`.
    """

    def make_heads(self, seeds: tuple[int, ...], units: int, dims: int, variance: bool) -> None:
        """Make the layers that give mean and log-variance from that many features."""
        self.mean = Dense(seeds, "encoder.mean", units, dims)
        self.logvar = Dense(seeds, "encoder.logvar", units, dims) if variance else None

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """The last hidden layer, (K, batch, units), of images (K, batch, height, width, channels)."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        h = self.features(images)
        with float32(h.device):
            return self.mean(h.float()), None if self.logvar is None else self.logvar(h.float())


def float32(device: torch.device) -> torch.autocast:
    """Keeps autocast out of the layers whose outputs need float32."""
    return torch.autocast(device.type, enabled=False)
