"""Three ways to compute the stride-2 convolutions of K models at once: they differ in speed, not in what they compute.

| name | activations | a convolution is |
|---|---|---|
| grouped | (batch, K * channels, height, width), channels-last | a grouped convolution with a group for each model |
| matmul | (K, batch, height, width, channels) | a batched matrix product over patches |
| triton | as matmul | an implicit matrix product whose grid has an axis for the models (`triton_convolutions`) |

With K = 1 the first is the plain convolution. Weights are (K, outputs, inputs, k, k), of transposed ones
(K, inputs, outputs, 4, 4); padding is "same": 1 for k = 4, none for k = 2.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.registry import unknown


class Convolutions(ABC):
    """Stacked convolutions of one fleet, and the layout of activations between them.

    Args:
        fleet: K.

    Attributes:
        narrow: whether the last layer, which is computed in float32, takes activations of a narrower type as they are.
    """

    narrow: ClassVar[bool] = False

    def __init__(self, fleet: int) -> None:
        self.fleet = fleet

    def enter(self, images: Tensor) -> Tensor:
        """Activations from (K, batch, height, width, channels)."""
        return images

    def leave(self, h: Tensor) -> Tensor:
        """(K, batch, height, width, channels) from activations."""
        return h

    @abstractmethod
    def convolve(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        """Convolution of stride 2 of h, or of relu(h), with bias (K, outputs), halving height and width."""

    @abstractmethod
    def transpose(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        """Transposed 4x4 convolution of stride 2 of h, or of relu(h), with bias (K, outputs), doubling both."""


class Grouped(Convolutions):
    """Grouped convolutions of the framework."""

    def enter(self, images: Tensor) -> Tensor:
        return images.permute(1, 2, 3, 0, 4).flatten(3).permute(0, 3, 1, 2)

    def leave(self, h: Tensor) -> Tensor:
        return h.permute(0, 2, 3, 1).unflatten(3, (self.fleet, -1)).permute(3, 0, 1, 2, 4)

    def convolve(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        padding = (weight.shape[-1] - 2) // 2
        h = F.relu(h) if relu else h
        return F.conv2d(h, weight.flatten(0, 1), bias.flatten(), stride=2, padding=padding, groups=self.fleet)

    def transpose(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        h = F.relu(h) if relu else h
        return F.conv_transpose2d(h, weight.flatten(0, 1), bias.flatten(), stride=2, padding=1, groups=self.fleet)


class MatMul(Convolutions):
    """Batched matrix products over patches of activations."""

    def convolve(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        k, outputs = weight.shape[-1], weight.shape[1]
        around = (k - 2) // 2
        h = F.relu(h) if relu else h
        patches = F.pad(h, (0, 0, around, around, around, around)).unfold(2, k, 2).unfold(3, k, 2)
        shape = patches.shape[:4]
        rows = patches.permute(0, 1, 2, 3, 5, 6, 4).reshape(self.fleet, -1, k * k * h.shape[4])
        y = torch.baddbmm(bias[:, None], rows, weight.permute(0, 3, 4, 2, 1).reshape(self.fleet, -1, outputs))
        return y.view(*shape, outputs)

    def transpose(self, h: Tensor, weight: Tensor, bias: Tensor, *, relu: bool) -> Tensor:
        inputs, outputs = weight.shape[1:3]
        h = F.relu(h) if relu else h
        columns = weight.permute(0, 1, 3, 4, 2).reshape(self.fleet, inputs, 16 * outputs)
        taps = torch.bmm(h.reshape(self.fleet, -1, inputs), columns).view(*h.shape[:4], 4, 4, outputs)
        return _overlap(_overlap(taps, 2, 4), 4, 5).flatten(4, 5).flatten(2, 3) + bias[:, None, None, None]


def _overlap(taps: Tensor, place: int, tap: int) -> Tensor:
    """Sum the four taps of a transposed convolution along one axis: its places become (places, 2).

    An even output row 2h gets tap 1 of row h and tap 3 of row h - 1, an odd one tap 2 of row h and tap 0 of row h + 1.
    """
    t0, t1, t2, t3 = taps.unbind(tap)
    size = t0.shape[place]
    nothing = torch.zeros_like(t0.narrow(place, 0, 1))
    before = torch.cat([nothing, t3.narrow(place, 0, size - 1)], place)
    after = torch.cat([t0.narrow(place, 1, size - 1), nothing], place)
    return torch.stack([t1 + before, t2 + after], place + 1)


def convolutions(name: str, fleet: int) -> Convolutions:
    """The named way for K models.

    Raises:
        UnknownNameError: no such way.
    """
    if name == "triton":
        from bench.networks.parts.triton_convolutions import Kernels

        return Kernels(fleet)
    ways: dict[str, type[Convolutions]] = {"grouped": Grouped, "matmul": MatMul}
    if name not in ways:
        raise unknown("convolution", name, [*ways, "triton"])
    return ways[name](fleet)
