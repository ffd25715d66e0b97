"""SlowVAE (Klindt et al. 2021): between the images of a pair most latent dimensions move little, a few far."""

import math

import torch
from torch import Tensor

from bench.models.base import model
from bench.models.parts.paired_vae import PairedVAE
from bench.models.parts.terms import gaussian_kl
from bench.models.parts.vae import Latent


@model()
class SlowVAE(PairedVAE):
    """loss = 2 E[-log p(x|z)] + beta KL(q || N(0, I)) + gamma (H(q1; Laplace(z2)) + H(q2; Laplace(z1)) - H(q)).

    Expectation, KL and the entropy H(q) are means over both images of pairs, cross entropies means over pairs; the rate
    of the Laplace prior about the other image's mean is `rate_prior`. So it stands in the authors' code: a sum over
    the pair would have the KL twice, and subtract both entropies. `kl_laplace`, what gamma weighs, is recorded.
    """

    own_pairs = "laplace"
    recorded = ("kl_laplace",)

    def losses(
        self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False, **seen: Tensor
    ) -> dict[str, Tensor]:
        terms = super().losses(images, noise, step, curves=curves, **seen)
        return terms | {"loss": 2 * terms["reconstruction"] + terms["regulariser"]}

    def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
        moved = torch.sub(*latent.mean.chunk(2, dim=1))
        rate = self.hyper["rate_prior"][:, None, None]
        crossed = sum(
            laplace_cross_entropy(mean, logvar, rate).sum(dim=2).mean(dim=1)
            for mean, logvar in zip((moved, -moved), latent.logvar.chunk(2, dim=1), strict=True)
        )
        kl_laplace = crossed - gaussian_entropy(latent.logvar)
        kl = gaussian_kl(latent.mean, latent.logvar)
        return {"regulariser": self.hyper["beta"] * kl + self.hyper["gamma"] * kl_laplace, "kl_laplace": kl_laplace}


def gaussian_entropy(logvar: Tensor) -> Tensor:
    """H(N(., exp(logvar))), summed over dimensions, mean over the batch: (K,)."""
    return 0.5 * (logvar + math.log(2 * math.pi * math.e)).sum(dim=2).mean(dim=1)


def laplace_cross_entropy(mean: Tensor, logvar: Tensor, rate: Tensor) -> Tensor:
    """-E[log p(z)] of z from N(mean, exp(logvar)) and p the Laplace distribution about 0, each entry for itself."""
    deviation = (logvar / 2).exp()
    distance = mean / deviation
    near = deviation * math.sqrt(2 / math.pi) * (-distance.square() / 2).exp()
    return rate * (near + mean * (distance / math.sqrt(2)).erf()) - (rate / 2).log()
