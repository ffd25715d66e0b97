"""GVAE (Hosoya 2019) with known groups: which factors of a pair are equal is told."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.group_vae import GroupVAE, averaged, unchanged


@model()
class GVAE(GroupVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), mean over both images of pairs, with a posterior they share.

    Latent dimension j is that of factor j: where the factor changed, each image keeps its own posterior; everywhere
    else, dimensions beyond the factors included, both get the average, of means and of variances. With one change
    these are the labels of disentanglement_lib, which knows of more changes only the one that it drew last.
    """

    sees_factors = True

    def shared(self, mean: Tensor, logvar: Tensor, factors: Tensor | None) -> Tensor:
        assert factors is not None  # `sees_factors`
        return unchanged(factors, self.latent_dim)

    def common(self, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        return averaged(mean, logvar)
