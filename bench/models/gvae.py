"""GVAE (Hosoya 2019) with known groups: the model sees which factors of a pair are equal."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.group_vae import GroupVAE, averaged, unchanged


@model()
class GVAE(GroupVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), mean over both images of pairs, with a posterior they share.

    Latent dimension j belongs to factor j. If factor j differs, each image keeps its posterior in dimension j; in all
    other dimensions, including those beyond the factors, both get the average of means and of variances. For one
    change these are the labels of disentanglement_lib; of several changes its labels hold only the last one drawn.
    """

    sees_factors = True

    def shared(self, mean: Tensor, logvar: Tensor, factors: Tensor | None) -> Tensor:
        assert factors is not None  # `sees_factors`
        return unchanged(factors, self.latent_dim)

    def common(self, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        return averaged(mean, logvar)
