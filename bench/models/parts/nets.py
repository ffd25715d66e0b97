"""Encoder and decoder networks, stacked: one module holds the networks of K models, each with its own weights.

Convolutions are computed in one of the ways of `convolutions`; fully connected layers are batched matrix products over
(K, batch, units). With K = 1 these are the plain operations. Layers and flattening order are the study's
(disentanglement_lib). Under autocast the layers that give mean, log-variance and logits stay in float32.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench import random_bits
from bench.models.parts.convolutions import Convolutions, convolutions


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
    # for short schedules, on average-pooled images: a fifteenth of the work of a step at 64x64
    "small": Architecture(((16, 4), (16, 4), (32, 2)), 128, (32, 16, 16), 128),
}


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


class PointEncoder(nn.Module):
    """K encoders without a variance: images (K, batch, size, size, channels) -> codes (K, batch, latent_dim)."""

    def __init__(
        self, seeds: tuple[int, ...], architecture: Architecture, channels: int, latent_dim: int, way: str
    ) -> None:
        super().__init__()
        self.way: Convolutions = convolutions(way, len(seeds))
        widths = [channels, *(c for c, _ in architecture.convolutions)]
        self.convolutions = nn.ModuleList(
            Convolution(seeds, f"encoder.{i}", widths[i], width, kernel, self.way)
            for i, (width, kernel) in enumerate(architecture.convolutions)
        )
        self.hidden = Dense(seeds, "encoder.hidden", 16 * widths[-1], architecture.hidden)
        self.mean = Dense(seeds, "encoder.mean", architecture.hidden, latent_dim)

    def features(self, images: Tensor) -> Tensor:
        """The last hidden layer, (K, batch, hidden)."""
        first, *others = self.convolutions
        h = first(self.way.enter(images), relu=False)
        for layer in others:
            h = layer(h)
        return F.relu(self.hidden(F.relu(self.way.leave(h)).flatten(2)))  # (K, batch, HWC) before

    def forward(self, images: Tensor) -> Tensor:
        h = self.features(images)
        with float32(h.device):
            codes: Tensor = self.mean(h.float())
        return codes


class Encoder(PointEncoder):
    """K encoders: images (K, batch, size, size, channels) -> mean and log-variance, each (K, batch, latent_dim)."""

    def __init__(
        self, seeds: tuple[int, ...], architecture: Architecture, channels: int, latent_dim: int, way: str
    ) -> None:
        super().__init__(seeds, architecture, channels, latent_dim, way)
        self.logvar = Dense(seeds, "encoder.logvar", architecture.hidden, latent_dim)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        h = self.features(images)
        with float32(h.device):
            return self.mean(h.float()), self.logvar(h.float())


class Decoder(nn.Module):
    """K decoders: codes (K, batch, latent_dim) -> logits (K, batch, size, size, channels)."""

    def __init__(
        self, seeds: tuple[int, ...], architecture: Architecture, channels: int, latent_dim: int, way: str
    ) -> None:
        super().__init__()
        self.way: Convolutions = convolutions(way, len(seeds))
        widths = [*architecture.deconvolutions, channels]
        self.hidden = Dense(seeds, "decoder.hidden", latent_dim, architecture.hidden)
        self.map = Dense(seeds, "decoder.map", architecture.hidden, 16 * widths[0])
        self.deconvolutions = nn.ModuleList(
            Convolution(seeds, f"decoder.{i}", widths[i], widths[i + 1], 4, self.way, transposed=True)
            for i in range(len(widths) - 1)
        )

    def forward(self, codes: Tensor) -> Tensor:
        h = self.way.enter(self.map(F.relu(self.hidden(codes))).unflatten(2, (4, 4, -1)))
        *hidden, last = self.deconvolutions
        for layer in hidden:
            h = layer(h)
        with float32(h.device):
            return self.way.leave(last(h.float()))


def float32(device: torch.device) -> torch.autocast:
    """Keeps autocast out of the layers whose outputs need float32."""
    return torch.autocast(device.type, enabled=False)
