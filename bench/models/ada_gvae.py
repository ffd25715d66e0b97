"""Ada-GVAE (Locatello et al. 2020): estimates from pairs of images which latent dimensions hold their equal factors."""

from torch import Tensor

from bench.models.base import model
from bench.models.parts.group_vae import GroupVAE, alike, averaged


@model()
class AdaGVAE(GroupVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), mean over both images of pairs, with a posterior they share.

    The two images of a pair differ in `changes` factors (-1: any number from 1 to all but one). Let delta_j be the KL
    divergence of the two posteriors in dimension j. Dimensions with delta_j < (min delta + max delta) / 2 count as
    shared: in these both images get the average of means and of variances.
    """

    def shared(self, mean: Tensor, logvar: Tensor, factors: Tensor | None) -> Tensor:
        return alike(mean, logvar)

    def common(self, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        return averaged(mean, logvar)
