"""DIP-VAE-II (Kumar et al. 2018): a penalty pulls the covariance of the sampled codes to the identity."""

from torch import Tensor

from bench.models.base import model
from bench.models.dip_vae_i import DIPVAEI
from bench.models.parts.vae import Latent


@model()
class DIPVAEII(DIPVAEI):
    """As DIP-VAE-I, with Cov[z] = Cov[mean] + E[diag(exp(logvar))] instead of Cov[mean]."""

    def covariance(self, latent: Latent) -> Tensor:
        return super().covariance(latent) + latent.logvar.exp().mean(dim=1).diag_embed()
