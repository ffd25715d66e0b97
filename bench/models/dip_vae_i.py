"""DIP-VAE-I (Kumar et al. 2018): a penalty pulls the covariance of the mean codes to the identity."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.terms import covariance, gaussian_kl, identity_penalty
from bench.models.parts.vae import GaussianVAE, Latent


@model()
class DIPVAEI(GaussianVAE):
    """loss = ELBO terms + lambda_od sum_{i != j} Cov[mean]_ij^2 + lambda_d sum_i (Cov[mean]_ii - 1)^2.

    lambda_d = lambda_d_factor lambda_od.
    """

    def regulariser(self, latent: Latent, step: Tensor) -> Tensor:
        off_diagonal = self.hyper["lambda_od"]
        diagonal = self.hyper["lambda_d_factor"] * off_diagonal
        penalty = identity_penalty(self.covariance(latent), off_diagonal, diagonal)
        return gaussian_kl(latent.mean, latent.logvar) + penalty

    def covariance(self, latent: Latent) -> Tensor:
        """The matrix (K, D, D) that is pulled to the identity."""
        return covariance(latent.mean)
