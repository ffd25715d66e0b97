"""Ada-ML-VAE (Locatello et al. 2020): Ada-GVAE with the product of posteriors instead of their average."""

from torch import Tensor

from bench.models.ada_gvae import AdaGVAE
from bench.models.base import model
from bench.models.parts.group_vae import multiplied


@model()
class AdaMLVAE(AdaGVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), mean over both images of pairs, with a posterior they share.

    The shared dimensions are estimated as in Ada-GVAE. In these both images get the variance 2 v1 v2 / (v1 + v2) and
    the mean (m1 / v1 + m2 / v2) times half of that variance.
    """

    def common(self, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        return multiplied(mean, logvar)
