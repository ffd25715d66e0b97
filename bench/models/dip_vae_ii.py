"""DIP-VAE-II (Kumar et al. 2018): a penalty pulls the covariance of the sampled codes to the identity."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.terms import covariance, gaussian_kl, identity_penalty
from bench.models.parts.vae import GaussianVAE, Latent


@model()
class DIPVAEII(GaussianVAE):
    """As DIP-VAE-I, with Cov[z] = Cov[mean] + E[diag(exp(logvar))] instead of Cov[mean]."""

    def regulariser(self, latent: Latent, step: Tensor) -> Tensor:
        off_diagonal = self.hyper["lambda_od"]
        diagonal = self.hyper["lambda_d_factor"] * off_diagonal
        total = covariance(latent.mean) + latent.logvar.exp().mean(dim=1).diag_embed()
        penalty = identity_penalty(total, off_diagonal, diagonal)
        return gaussian_kl(latent.mean, latent.logvar) + penalty
