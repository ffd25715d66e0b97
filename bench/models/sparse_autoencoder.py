"""The sparse autoencoder (Ng 2011): a penalty on dimensions that are active for more than a few images."""

from torch import Tensor

from bench.models.autoencoder import Autoencoder
from bench.models.base import model


@model()
class SparseAutoencoder(Autoencoder):
    """loss = -log p(x | z) + weight sum_j KL(Bernoulli(rho) || Bernoulli(mean of z_j over the batch)).

    Codes are z = sigmoid(encoder(x)), so that rescaled weights cannot evade the penalty.
    """

    def codes_of(self, images: Tensor) -> tuple[Tensor, None]:
        codes, _ = self.encoder(images)
        return codes.sigmoid(), None

    def penalty(self, codes: Tensor) -> Tensor:
        active = codes.mean(dim=1).clamp(1e-6, 1 - 1e-6)
        rho = self.hyper["rho"][:, None]
        divergence = rho * (rho / active).log() + (1 - rho) * ((1 - rho) / (1 - active)).log()
        return self.hyper["weight"] * divergence.sum(dim=1)
