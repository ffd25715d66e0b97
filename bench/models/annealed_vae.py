"""AnnealedVAE (Burgess et al. 2018): the capacity of the code grows during training."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.terms import gaussian_kl
from bench.models.parts.vae import GaussianVAE, Latent


@model()
class AnnealedVAE(GaussianVAE):
    """loss = E[-log p(x|z)] + gamma |KL(q(z|x) || N(0, I)) - C(t)|, C(t) = min(c_max, c_max t / threshold)."""

    def regulariser(self, latent: Latent, step: Tensor) -> Tensor:
        capacity = self.hyper["c_max"] * (step / self.hyper["threshold"]).clamp(max=1)
        return self.hyper["gamma"] * (gaussian_kl(latent.mean, latent.logvar) - capacity).abs()
