"""Ada-GVAE (Locatello et al. 2020): pairs of images show which latent dimensions their common factors take."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.models.base import model
from bench.models.parts.pairs import Words, changed_rows, check_pairs
from bench.models.parts.terms import gaussian_kl
from bench.models.parts.vae import GaussianVAE, Latent


@model()
class AdaGVAE(GaussianVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), mean over both images of pairs, with a posterior they share.

    All but `changes` factors of a pair are equal (-1: any number from 1 to all but one). Dimensions in which the
    posteriors differ by less than the threshold halfway between the least and the most different one are taken for
    those of the equal factors: there both images get the average, of means and of variances. Their mean number is
    recorded.
    """

    views = 2
    recorded = ("shared_dimensions",)

    def check_views(self, factor_sizes: Sequence[int]) -> None:
        check_pairs("ada_gvae", self.hyper["changes"].tolist(), factor_sizes)

    def partners(self, index: Tensor, words: Words, factor_sizes: Sequence[int]) -> Tensor:
        return changed_rows(index, words, self.hyper["changes"], factor_sizes)

    def latent(self, images: Tensor, noise: Tensor) -> Latent:
        return Latent.sample(*averaged(*self.encoder(images)), noise)

    def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
        first, second = latent.mean.chunk(2, dim=1)
        return {
            "regulariser": self.hyper["beta"] * gaussian_kl(latent.mean, latent.logvar),
            "shared_dimensions": (first == second).sum(dim=2).float().mean(dim=1),
        }


def averaged(mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """Posteriors of pairs with the average of both where they share a dimension: mean and log-variance.

    Args:
        mean: (K, 2 * batch, D), the first image of every pair first.
        logvar: the same shape.
    """
    pairs = mean.unflatten(1, (2, -1)), logvar.unflatten(1, (2, -1))
    common = shared(*pairs)[:, None]
    average = pairs[0].mean(dim=1, keepdim=True), pairs[1].exp().mean(dim=1, keepdim=True).log()
    both = [torch.where(common, a, own).flatten(1, 2) for a, own in zip(average, pairs, strict=True)]
    return both[0], both[1]


def shared(mean: Tensor, logvar: Tensor) -> Tensor:
    """Which dimensions of pairs (K, 2, batch, D) are taken to be shared, (K, batch, D), by KL(first || second)."""
    (m, other_m), (s, other_s) = mean.unbind(1), logvar.unbind(1)
    ratio = s - other_s
    divergence = (m - other_m).square() * (-other_s).exp() + (ratio.expm1() - ratio)  # twice the KL
    least, most = divergence.amin(dim=2, keepdim=True), divergence.amax(dim=2, keepdim=True)
    return divergence < (least + most) / 2
