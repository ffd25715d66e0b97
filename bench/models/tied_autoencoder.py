"""The autoencoder with tied weights (Bengio et al. 2007): the decoder uses the transposed matrices of the encoder."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.models.autoencoder import Autoencoder
from bench.models.base import model
from bench.networks.base import Networks
from bench.networks.parts.layers import Dense, float32


@model()
class TiedAutoencoder(Autoencoder):
    """loss = -log p(x | z), z = V relu(U x + a) + b, logits = U' relu(V' z + c) + d.

    The networks are fully connected; the architecture gives the number of hidden units.
    """

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        pixels = torch.Size(self.image_shape).numel()
        self.tied = TiedNetworks(seeds, (pixels, networks.hidden, self.latent_dim))

    def codes_of(self, images: Tensor) -> tuple[Tensor, None]:
        return self.tied.codes(images.flatten(2)), None

    def logits_of(self, codes: Tensor) -> Tensor:
        return self.tied.logits(codes).unflatten(2, self.image_shape)


class TiedNetworks(nn.Module):
    """K encoders of two layers and decoders with the transposed weights; only the biases of the decoders are theirs.

    Args:
        seeds: K seeds.
        widths: pixels, hidden units, dimensions of the code.
    """

    def __init__(self, seeds: tuple[int, ...], widths: tuple[int, int, int]) -> None:
        super().__init__()
        pixels, hidden, dims = widths
        self.lower = Dense(seeds, "tied.lower", pixels, hidden)
        self.upper = Dense(seeds, "tied.upper", hidden, dims)
        self.hidden_bias = nn.Parameter(torch.zeros(len(seeds), 1, hidden))
        self.pixel_bias = nn.Parameter(torch.zeros(len(seeds), 1, pixels))

    def codes(self, x: Tensor) -> Tensor:
        """Codes (K, batch, D) of pixels (K, batch, pixels)."""
        h = F.relu(self.lower(x))
        with float32(h.device):
            codes: Tensor = self.upper(h.float())
        return codes

    def logits(self, codes: Tensor) -> Tensor:
        """Logits (K, batch, pixels) of codes (K, batch, D)."""
        h = F.relu(torch.baddbmm(self.hidden_bias, codes, self.upper.weight.mT))
        with float32(h.device):
            return torch.baddbmm(self.pixel_bias, h.float(), self.lower.weight.mT)
