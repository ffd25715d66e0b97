"""Pairs of mirrored convolutional networks, which differ in their numbers of layers and units alone."""

from typing import TYPE_CHECKING, ClassVar

from bench.networks.base import Networks

if TYPE_CHECKING:
    from torch import nn


class Mirrored(Networks):
    """Convolutions to a 4x4 map and a fully connected layer, and back; the layers are the study's.

    Attributes:
        convolutions: (channels, kernel size) of each encoder layer, all of stride 2 and "same" padding.
        deconvolutions: channels of the decoder's first 4x4 map, then of every layer but the last, kernel size 4.
    """

    convolutions: ClassVar[tuple[tuple[int, int], ...]]
    deconvolutions: ClassVar[tuple[int, ...]]

    def __init_subclass__(cls) -> None:
        cls.image_size = 4 * 2 ** len(cls.convolutions)

    def encoder(self, dims: int, *, variance: bool = True) -> "nn.Module":
        from bench.networks.parts.convolutional import ConvolutionalEncoder

        layers = (self.image_shape[2], self.convolutions, self.hidden)
        return ConvolutionalEncoder(self.seeds, *layers, dims, variance, self.convolution)

    def decoder(self, dims: int) -> "nn.Module":
        from bench.networks.parts.convolutional import ConvolutionalDecoder

        layers = (self.image_shape[2], self.deconvolutions, self.hidden)
        return ConvolutionalDecoder(self.seeds, *layers, dims, self.convolution)
