"""Group VAEs of pairs: in shared dimensions both images get one common posterior."""

import math
from abc import abstractmethod

import torch
from torch import Tensor

from bench.models.parts.paired_vae import PairedVAE
from bench.models.parts.terms import gaussian_kl
from bench.models.parts.vae import Latent


class GroupVAE(PairedVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)), mean over both images of pairs, with a posterior they share.

    A subclass defines which dimensions a pair shares (`shared`) and the posterior of both images in these (`common`).
    The mean number of shared dimensions is recorded.
    """

    recorded = ("shared_dimensions",)

    @abstractmethod
    def shared(self, mean: Tensor, logvar: Tensor, factors: Tensor | None) -> Tensor:
        """Whether each dimension of a pair is shared, (K, batch, D).

        Args:
            mean: of posteriors, (K, 2, batch, D).
            logvar: the same shape.
            factors: of the images, (K, 2, batch, F), if the model `sees_factors`.
        """

    @abstractmethod
    def common(self, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (K, batch, D) of the common posterior of two posteriors, (K, 2, batch, D) each."""

    def latent(self, images: Tensor, noise: Tensor, factors: Tensor | None = None) -> Latent:
        mean, logvar = (part.unflatten(1, (2, -1)) for part in self.encoder(images))
        shared = self.shared(mean, logvar, None if factors is None else factors.unflatten(1, (2, -1)))[:, None]
        common_mean, common_logvar = self.common(mean, logvar)
        mean = torch.where(shared, common_mean[:, None], mean)
        logvar = torch.where(shared, common_logvar[:, None], logvar)
        return Latent.sample(mean.flatten(1, 2), logvar.flatten(1, 2), noise)

    def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
        first, second = latent.mean.chunk(2, dim=1)
        return {
            "regulariser": self.hyper["beta"] * gaussian_kl(latent.mean, latent.logvar),
            "shared_dimensions": (first == second).sum(dim=2).float().mean(dim=1),
        }


def alike(mean: Tensor, logvar: Tensor) -> Tensor:
    """Whether delta_j = KL(first || second) < (min delta + max delta) / 2 in each dimension j, (K, batch, D).

    `mean` and `logvar` are those of both posteriors, (K, 2, batch, D).
    """
    (m, other_m), (s, other_s) = mean.unbind(1), logvar.unbind(1)
    ratio = s - other_s
    divergence = (m - other_m).square() * (-other_s).exp() + (ratio.expm1() - ratio)  # twice the KL
    least, most = divergence.amin(dim=2, keepdim=True), divergence.amax(dim=2, keepdim=True)
    return divergence < (least + most) / 2


def unchanged(factors: Tensor, latent_dim: int) -> Tensor:
    """Whether each dimension is shared by known factors (K, 2, batch, F): (K, batch, D).

    Dimension j is shared if factor j is equal in both images; dimensions beyond the factors are always shared.
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
