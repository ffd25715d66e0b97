"""What group VAEs of pairs have in common: both images take one posterior where a dimension is shared."""

import math
from abc import abstractmethod

import torch
from torch import Tensor

from bench.models.parts.paired_vae import PairedVAE
from bench.models.parts.terms import gaussian_kl
from bench.models.parts.vae import Latent


class GroupVAE(PairedVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), mean over both images, of posteriors that pairs share.

    A subclass says which dimensions a pair shares, and what posterior both images take there. The mean number of
    dimensions that are shared is recorded.
    """

    recorded = ("shared_dimensions",)

    @abstractmethod
    def shared(self, mean: Tensor, logvar: Tensor, factors: Tensor | None) -> Tensor:
        """Which dimensions of pairs are shared, (K, batch, D).

        Args:
            mean: of posteriors, (K, 2, batch, D).
            logvar: the same shape.
            factors: of the images, (K, 2, batch, F), where the model sees them.
        """

    @abstractmethod
    def common(self, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (K, batch, D) of what takes the place of two posteriors, (K, 2, batch, D) each."""

    def latent(self, images: Tensor, noise: Tensor, factors: Tensor | None = None) -> Latent:
        mean, logvar = (part.unflatten(1, (2, -1)) for part in self.encoder(images))
        both = self.shared(mean, logvar, None if factors is None else factors.unflatten(1, (2, -1)))[:, None]
        one = self.common(mean, logvar)
        mean, logvar = (torch.where(both, c[:, None], own) for c, own in zip(one, (mean, logvar), strict=True))
        return Latent.sample(mean.flatten(1, 2), logvar.flatten(1, 2), noise)

    def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
        first, second = latent.mean.chunk(2, dim=1)
        return {
            "regulariser": self.hyper["beta"] * gaussian_kl(latent.mean, latent.logvar),
            "shared_dimensions": (first == second).sum(dim=2).float().mean(dim=1),
        }


def alike(mean: Tensor, logvar: Tensor) -> Tensor:
    """Which dimensions of pairs are nearer to the most alike than to the least alike one, (K, batch, D).

    How far two posteriors, (K, 2, batch, D), lie apart in a dimension is KL(first || second).
    """
    (m, other_m), (s, other_s) = mean.unbind(1), logvar.unbind(1)
    ratio = s - other_s
    divergence = (m - other_m).square() * (-other_s).exp() + (ratio.expm1() - ratio)  # twice the KL
    least, most = divergence.amin(dim=2, keepdim=True), divergence.amax(dim=2, keepdim=True)
    return divergence < (least + most) / 2


def unchanged(factors: Tensor, latent_dim: int) -> Tensor:
    """Which dimensions of pairs are shared where factors are known, (K, batch, D): dimension j is that of factor j.

    It is shared where that factor is equal in both images, (K, 2, batch, F); those beyond the factors always are.
    """
    first, second = factors.unbind(1)
    return torch.nn.functional.pad(first == second, (0, latent_dim - factors.shape[-1]), value=True)


def averaged(mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """GVAE (Hosoya 2019): the average of both means and of both variances."""
    return mean.mean(dim=1), logvar.exp().mean(dim=1).log()


def multiplied(mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """ML-VAE (Bouchacourt et al. 2018): both means weighted by precision, and the inverse of the average precision."""
    precision = -logvar
    return (mean * precision.softmax(dim=1)).sum(dim=1), math.log(2) - precision.logsumexp(dim=1)
