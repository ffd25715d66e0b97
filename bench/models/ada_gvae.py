"""Ada-GVAE (Locatello et al. 2020): pairs of images show which latent dimensions their common factors take."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.group_vae import GroupVAE, alike, averaged


@model()
class AdaGVAE(GroupVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), mean over both images of pairs, with a posterior they share.

    All but `changes` factors of a pair are equal (-1: any number from 1 to all but one). Dimensions in which the
    posteriors differ by less than the threshold halfway between the least and the most different one are taken for
    those of the equal factors: there both images get the average, of means and of variances.
    """

    def shared(self, mean: Tensor, logvar: Tensor, factors: Tensor | None) -> Tensor:
        return alike(mean, logvar)

    def common(self, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        return averaged(mean, logvar)
