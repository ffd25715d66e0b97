"""beta-VAE (Higgins et al. 2017): a weight on the KL term of the evidence lower bound."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.terms import gaussian_kl
from bench.models.parts.vae import GaussianVAE, Latent


@model()
class BetaVAE(GaussianVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I))."""

    def regulariser(self, latent: Latent, step: Tensor) -> Tensor:
        return self.hyper["beta"] * gaussian_kl(latent.mean, latent.logvar)
