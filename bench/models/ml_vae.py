"""ML-VAE (Bouchacourt et al. 2018) with known groups: the model sees which factors of a pair are equal."""

from torch import Tensor

from bench.models.base import model
from bench.models.gvae import GVAE
from bench.models.parts.group_vae import multiplied


@model()
class MLVAE(GVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), mean over both images of pairs, with a posterior they share.

    Latent dimension j belongs to factor j, as in the GVAE. In shared dimensions both images get the variance
    2 v1 v2 / (v1 + v2) and the mean (m1 / v1 + m2 / v2) times half of that variance.
    """

    def common(self, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        return multiplied(mean, logvar)
