"""QLAE (Hsu et al. 2023): each dimension of a code takes one of a few learned values."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from bench.models.autoencoder import Autoencoder
from bench.models.base import model
from bench.models.parts.decayed import Decayed
from bench.models.parts.terms import bernoulli_reconstruction
from bench.networks.base import Networks


@model()
class QLAE(Decayed, Autoencoder):
    """loss = -log p(x | q) / pixels + quantisation mean_j (sg(z_j) - q_j)^2 + commitment mean_j (z_j - sg(q_j))^2.

    z = encoder(x), and q_j is the nearest of the `codebook` values of dimension j, which start evenly spaced from -1/2
    to 1/2. sg stops gradients; the gradient of q with respect to z is replaced by 1. Codes are q. Weights decay and
    their gradients are clipped; biases and codebooks are exempt.

    Raises:
        ModelError: `codebook` is not a whole number from 2, or differs within one stack.
    """

    exempt: ClassVar[tuple[str, ...]] = ("bias", "codebook")

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        super().build(seeds, networks)
        start = torch.linspace(-0.5, 0.5, self.whole("codebook", least=2))
        self.codebook = nn.Parameter(start.repeat(len(seeds), self.latent_dim, 1))

    def quantised(self, z: Tensor) -> Tensor:
        """The codebook values nearest to the encoder's outputs, (K, batch, D); of two equally near, the lower one."""
        values = self.codebook[:, None]
        nearest = (z[..., None] - values).abs().argmin(dim=3, keepdim=True)
        one_hot = nearest == torch.arange(values.shape[3], device=z.device)
        return (one_hot * values).sum(dim=3)  # not a gather, whose gradient is summed in an order that varies

    def losses(self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False) -> dict[str, Tensor]:
        z, _ = self.encoder(images)
        q = self.quantised(z)
        reconstruction = bernoulli_reconstruction(self.logits_of(z + (q - z).detach()), images)
        quantisation, commitment = ((a - b).square().mean(dim=(1, 2)) for a, b in ((z.detach(), q), (z, q.detach())))
        penalty = self.hyper["quantisation"] * quantisation + self.hyper["commitment"] * commitment
        loss = reconstruction / images[0, 0].numel() + penalty
        return {"loss": loss, "reconstruction": reconstruction, "regulariser": penalty}

    def codes_of(self, images: Tensor) -> tuple[Tensor, None]:
        z, _ = self.encoder(images)
        return self.quantised(z), None
