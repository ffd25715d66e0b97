"""Pairs of mirrored convolutional networks, which differ in their numbers of layers and units alone."""

from typing import TYPE_CHECKING, ClassVar

from bench.networks.base import Networks

if TYPE_CHECKING:
    from torch import nn

LEAST_MAP = 4  # pixels a side of the last map: from this to just below its double


class Mirrored(Networks):
    """Convolutions to a small map and a fully connected layer, and back; the layers are the study's.

    At the size that they are made for, the map is 4x4. Images of another size have as many layers as it takes to halve
    them to a map of 4 to 7 pixels a side: those nearest to the pixels stay, the deepest are left out or repeated.
    Images of 28x28 pixels have two layers and a 7x7 map, those of 128x128 one layer more than those of 64x64.

    Attributes:
        convolutions: (channels, kernel size) of each encoder layer, all of stride 2 and "same" padding.
        deconvolutions: channels of the decoder's first map, then of every layer but the last, kernel size 4.
    """

    convolutions: ClassVar[tuple[tuple[int, int], ...]]
    deconvolutions: ClassVar[tuple[int, ...]]

    def __init_subclass__(cls) -> None:
        cls.image_size = LEAST_MAP * 2 ** len(cls.convolutions)

    @classmethod
    def takes(cls, size: int) -> bool:
        return _halvings(size) > 0 and size % 2 ** _halvings(size) == 0

    @classmethod
    def sizes(cls) -> str:
        return "4, 5, 6 or 7 times a power of two, such as 28x28, 32x32, 48x48, 64x64, 96x96, 128x128"

    def encoder(self, dims: int, *, variance: bool = True) -> "nn.Module":
        from bench.networks.parts.convolutional import ConvolutionalEncoder

        layers = tuple(self.convolutions[min(i, len(self.convolutions) - 1)] for i in range(self.depth))
        return ConvolutionalEncoder(
            self.seeds, self.image_shape[2], layers, self.map_size, self.hidden, dims, variance, self.convolution
        )

    def decoder(self, dims: int) -> "nn.Module":
        from bench.networks.parts.convolutional import ConvolutionalDecoder

        from_pixels = self.deconvolutions[::-1]
        layers = tuple(from_pixels[min(i, len(from_pixels) - 1)] for i in range(self.depth))[::-1]
        return ConvolutionalDecoder(
            self.seeds, self.image_shape[2], layers, self.map_size, self.hidden, dims, self.convolution
        )

    @property
    def depth(self) -> int:
        """Layers of the encoder, and of the decoder."""
        return _halvings(self.image_shape[0])

    @property
    def map_size(self) -> int:
        """Pixels a side of the last map."""
        return self.image_shape[0] // 2**self.depth


def _halvings(size: int) -> int:
    """How often a side is halved until it is shorter than twice the least map."""
    return max(0, (size // LEAST_MAP).bit_length() - 1)
