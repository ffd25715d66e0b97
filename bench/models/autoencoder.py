"""The autoencoder (Hinton & Salakhutdinov 2006): a bottleneck without a distribution over codes."""

import torch
from torch import Tensor

from bench.models.base import model
from bench.models.parts.stacked import Stacked
from bench.models.parts.terms import bernoulli_reconstruction
from bench.networks.base import Networks


@model()
class Autoencoder(Stacked):
    """loss = -log p(x | z), z = encoder(x), with the networks of the VAEs.

    A subclass may change the encoder's input (`shown`), or add a penalty on codes (`penalty`).
    """

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        self.encoder = networks.encoder(self.latent_dim, variance=False)
        self.decoder = networks.decoder(self.latent_dim)

    @property
    def noise_dim(self) -> int:
        return 0

    def shown(self, images: Tensor, step: Tensor) -> Tensor:
        """The encoder's input in training, of the shape of the images (K, batch, height, width, channels)."""
        return images

    def penalty(self, codes: Tensor) -> Tensor:
        """The term that the loss adds to the reconstruction, (K,), from codes (K, batch, D)."""
        return torch.zeros(self.fleet, device=codes.device)

    def losses(self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False) -> dict[str, Tensor]:
        codes, _ = self.codes_of(self.shown(images, step))
        reconstruction = bernoulli_reconstruction(self.logits_of(codes), images)
        penalty = self.penalty(codes)
        return {"loss": reconstruction + penalty, "reconstruction": reconstruction, "regulariser": penalty}
