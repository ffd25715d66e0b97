"""beta-TCVAE (Chen et al. 2018): a weight on the total correlation alone."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.terms import gaussian_kl, total_correlation
from bench.models.parts.vae import GaussianVAE, Latent


@model()
class BetaTCVAE(GaussianVAE):
    """loss = E[-log p(x|z)] + KL(q(z|x) || N(0, I)) + (beta - 1) TC(z)."""

    def regulariser(self, latent: Latent, step: Tensor) -> Tensor:
        kl = gaussian_kl(latent.mean, latent.logvar)
        return kl + (self.hyper["beta"] - 1) * total_correlation(*latent)
