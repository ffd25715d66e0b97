"""Fully connected networks of the beta-VAE on dSprites (Higgins et al. 2017, table 1), for images of any size."""

import math

import torch
from torch import Tensor, nn

from bench.networks.base import Networks, network
from bench.networks.parts.layers import Dense, Encoder, float32

UNITS = 1200


@network(version=1)
class MLP(Networks):
    """An encoder with two hidden layers of ReLUs and a decoder with three of tanh."""

    hidden = UNITS
    discriminator = 1000

    def encoder(self, dims: int, *, variance: bool = True) -> nn.Module:
        return PerceptronEncoder(self.seeds, math.prod(self.image_shape), dims, variance)

    def decoder(self, dims: int) -> nn.Module:
        return PerceptronDecoder(self.seeds, dims, self.image_shape)


class PerceptronEncoder(Encoder):
    """K encoders of pixels."""

    def __init__(self, seeds: tuple[int, ...], pixels: int, dims: int, variance: bool) -> None:
        super().__init__()
        widths = (pixels, UNITS, UNITS)
        self.layers = nn.ModuleList(Dense(seeds, f"encoder.{i}", widths[i], widths[i + 1]) for i in (0, 1))
        self.make_heads(seeds, UNITS, dims, variance)

    def features(self, images: Tensor) -> Tensor:
        h = images.flatten(2)
        for layer in self.layers:
            h = torch.relu(layer(h))
        return h


class PerceptronDecoder(nn.Module):
    """K decoders to pixels."""

    def __init__(self, seeds: tuple[int, ...], dims: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.image_shape = image_shape
        widths = (dims, UNITS, UNITS, UNITS, math.prod(image_shape))
        self.layers = nn.ModuleList(Dense(seeds, f"decoder.{i}", widths[i], widths[i + 1]) for i in range(4))

    def forward(self, codes: Tensor) -> Tensor:
        *hidden, last = self.layers
        h = codes
        for layer in hidden:
            h = torch.tanh(layer(h))
        with float32(h.device):
            logits: Tensor = last(h.float())
        return logits.unflatten(2, self.image_shape)
