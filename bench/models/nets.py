"""Encoder and decoder networks, stacked: one module holds the networks of K models, each with its own weights.

Activations of a fleet are (batch, K * channels, height, width) in channels-last memory, and a convolution is a
grouped one with a group for each model; fully connected layers are batched matrix products over (K, batch, units).
With K = 1 these are the plain operations. Layers and flattening order are the study's (disentanglement_lib).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench import counter


@dataclass(frozen=True)
class Architecture:
    """A pair of mirrored convolutional networks; every (de)convolution has stride 2 and "same" padding.

    Attributes:
        convolutions: (channels, kernel size) of each encoder layer.
        hidden: units of the fully connected layer between convolutions and codes, and back.
        deconvolutions: channels of the decoder's first 4x4 map, then of every layer but the last, kernel size 4.
        discriminator: units of a hidden layer of a discriminator of codes, where the objective has one.
    """

    convolutions: tuple[tuple[int, int], ...]
    hidden: int
    deconvolutions: tuple[int, ...]
    discriminator: int

    @property
    def image_size(self) -> int:
        """Height and width of the images it is made for: the last map is 4x4."""
        return 4 * 2 ** len(self.convolutions)


ARCHITECTURES = {
    # Locatello et al. 2019, as run: 2x2 kernels in the last two convolutions, where the paper's table prints 4x4
    "locatello2019": Architecture(((32, 4), (32, 4), (64, 2), (64, 2)), 256, (64, 64, 32, 32), 1000),
    # for small budgets, on average-pooled images: a fifteenth of the work of a step at 64x64
    "small": Architecture(((16, 4), (16, 4), (32, 2)), 128, (32, 16, 16), 128),
}


def glorot_uniform(seed: int, name: str, shape: tuple[int, ...], fans: int) -> Tensor:
    """Uniform in +-sqrt(6 / (fan in + fan out)), a function of (seed, parameter name) alone (Glorot & Bengio 2010)."""
    key = counter.Key(*(torch.from_numpy(k) for k in counter.root(seed, "init", name)))
    words = counter.bits(key, counter.mix(torch.arange(torch.Size(shape).numel(), dtype=torch.int32)))
    return ((counter.uniform(words) * 2 - 1) * (6 / fans) ** 0.5).reshape(shape)


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
    """K stride-2 convolutions as one grouped one, or their transpose: weights (K, first, second, k, k)."""

    def __init__(
        self, seeds: tuple[int, ...], name: str, inputs: int, outputs: int, kernel: int, transposed: bool = False
    ) -> None:
        super().__init__()
        first, second = (inputs, outputs) if transposed else (outputs, inputs)
        shape = (first, kernel, kernel, second)
        fans = kernel * kernel * (inputs + outputs)
        stacked = torch.stack([glorot_uniform(s, name, shape, fans) for s in seeds])
        self.weight = nn.Parameter(stacked.permute(0, 1, 4, 2, 3))  # channels-last memory
        self.bias = nn.Parameter(torch.zeros(len(seeds), outputs))
        self.padding = (kernel - 2) // 2
        self.operation: Callable[..., Tensor] = F.conv_transpose2d if transposed else F.conv2d

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight.flatten(0, 1), self.bias.flatten()
        return self.operation(x, weight, bias, stride=2, padding=self.padding, groups=len(self.weight))


class Encoder(nn.Module):
    """K encoders: images (batch, K * channels, size, size) -> mean and log-variance, each (K, batch, latent_dim)."""

    def __init__(self, seeds: tuple[int, ...], architecture: Architecture, channels: int, latent_dim: int) -> None:
        super().__init__()
        widths = [channels, *(c for c, _ in architecture.convolutions)]
        self.convolutions = nn.ModuleList(
            Convolution(seeds, f"encoder.{i}", widths[i], width, kernel)
            for i, (width, kernel) in enumerate(architecture.convolutions)
        )
        self.hidden = Dense(seeds, "encoder.hidden", 16 * widths[-1], architecture.hidden)
        self.mean = Dense(seeds, "encoder.mean", architecture.hidden, latent_dim)
        self.logvar = Dense(seeds, "encoder.logvar", architecture.hidden, latent_dim)
        self.fleet = len(seeds)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        h = images
        for convolution in self.convolutions:
            h = F.relu(convolution(h))
        h = h.permute(0, 2, 3, 1).unflatten(3, (self.fleet, -1)).permute(3, 0, 1, 2, 4).flatten(2)  # (K, batch, HWC)
        h = F.relu(self.hidden(h))
        return self.mean(h), self.logvar(h)


class Decoder(nn.Module):
    """K decoders: codes (K, batch, latent_dim) -> logits (batch, K * channels, size, size)."""

    def __init__(self, seeds: tuple[int, ...], architecture: Architecture, channels: int, latent_dim: int) -> None:
        super().__init__()
        widths = [*architecture.deconvolutions, channels]
        self.hidden = Dense(seeds, "decoder.hidden", latent_dim, architecture.hidden)
        self.map = Dense(seeds, "decoder.map", architecture.hidden, 16 * widths[0])
        self.deconvolutions = nn.ModuleList(
            Convolution(seeds, f"decoder.{i}", widths[i], widths[i + 1], 4, transposed=True)
            for i in range(len(widths) - 1)
        )

    def forward(self, codes: Tensor) -> Tensor:
        h = F.relu(self.map(F.relu(self.hidden(codes))))
        h = h.unflatten(2, (4, 4, -1)).permute(1, 2, 3, 0, 4).flatten(3).permute(0, 3, 1, 2)  # (batch, K * C, 4, 4)
        for deconvolution in self.deconvolutions[:-1]:
            h = F.relu(deconvolution(h))
        return self.deconvolutions[-1](h)
