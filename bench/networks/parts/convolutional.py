"""Mirrored convolutional encoders and decoders: layers and flattening order are the study's (disentanglement_lib)."""

from torch import Tensor, nn
from torch.nn import functional as F

from bench.networks.parts.convolutions import Convolutions, convolutions
from bench.networks.parts.layers import Convolution, Dense, Encoder, float32


class ConvolutionalEncoder(Encoder):
    """K encoders of images (K, batch, size, size, channels)."""

    def __init__(
        self,
        seeds: tuple[int, ...],
        channels: int,
        layers: tuple[tuple[int, int], ...],
        map_size: int,
        hidden: int,
        dims: int,
        variance: bool,
        way: str,
    ) -> None:
        super().__init__()
        self.way: Convolutions = convolutions(way, len(seeds))
        widths = [channels, *(c for c, _ in layers)]
        self.convolutions = nn.ModuleList(
            Convolution(seeds, f"encoder.{i}", widths[i], width, kernel, self.way)
            for i, (width, kernel) in enumerate(layers)
        )
        self.hidden = Dense(seeds, "encoder.hidden", map_size**2 * widths[-1], hidden)
        self.make_heads(seeds, hidden, dims, variance)

    def features(self, images: Tensor) -> Tensor:
        first, *others = self.convolutions
        h = first(self.way.enter(images), relu=False)
        for layer in others:
            h = layer(h)
        return F.relu(self.hidden(F.relu(self.way.leave(h)).flatten(2)))  # (K, batch, HWC) before


class ConvolutionalDecoder(nn.Module):
    """K decoders: codes (K, batch, dims) -> logits (K, batch, size, size, channels)."""

    def __init__(
        self,
        seeds: tuple[int, ...],
        channels: int,
        layers: tuple[int, ...],
        map_size: int,
        hidden: int,
        dims: int,
        way: str,
    ) -> None:
        super().__init__()
        self.map_size = map_size
        self.way: Convolutions = convolutions(way, len(seeds))
        widths = [*layers, channels]
        self.hidden = Dense(seeds, "decoder.hidden", dims, hidden)
        self.map = Dense(seeds, "decoder.map", hidden, map_size**2 * widths[0])
        self.deconvolutions = nn.ModuleList(
            Convolution(seeds, f"decoder.{i}", widths[i], widths[i + 1], 4, self.way, transposed=True)
            for i in range(len(widths) - 1)
        )

    def forward(self, codes: Tensor) -> Tensor:
        h = self.way.enter(self.map(F.relu(self.hidden(codes))).unflatten(2, (self.map_size, self.map_size, -1)))
        *hidden, last = self.deconvolutions
        for layer in hidden:
            h = layer(h)
        with float32(h.device):
            return self.way.leave(last(h if self.way.narrow else h.float()))
