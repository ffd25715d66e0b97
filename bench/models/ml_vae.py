"""ML-VAE (Bouchacourt et al. 2018) with known groups: the model sees which factors of a pair are equal."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.group_vae import GroupVAE, multiplied, unchanged


@model()
class MLVAE(GroupVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), mean over both images of pairs, with a posterior they share.

    Latent dimension j belongs to factor j, as in the GVAE. In shared dimensions both images get the variance
    2 v1 v2 / (v1 + v2) and the mean (m1 / v1 + m2 / v2) times half of that variance.
    """

    sees_factors = True

    def shared(self, mean: Tensor, logvar: Tensor, factors: Tensor | None) -> Tensor:
        assert factors is not None  # `sees_factors`
        return unchanged(factors, self.latent_dim)

    def common(self, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        return multiplied(mean, logvar)
