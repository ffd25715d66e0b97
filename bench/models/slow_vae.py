"""SlowVAE (Klindt et al. 2021): a Laplace prior on the difference of codes between the images of a pair."""

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

    Expectation, KL and the entropy H(q) are means over both images of pairs, cross entropies are means over pairs. The
    Laplace prior is centred at the other image's mean and has the rate `rate_prior`. These weights are those of the
    authors' code: a sum over the pair would count the KL and the entropy twice. The term that gamma weighs is recorded
    as `kl_laplace`.
    """

    own_pairs = "laplace"
    recorded = ("kl_laplace",)

    def losses(
        self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False, **inputs: Tensor
    ) -> dict[str, Tensor]:
        terms = super().losses(images, noise, step, curves=curves, **inputs)
        return terms | {"loss": 2 * terms["reconstruction"] + terms["regulariser"]}

    def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
        difference = torch.sub(*latent.mean.chunk(2, dim=1))
        rate = self.hyper["rate_prior"][:, None, None]
        crossed = sum(
            laplace_cross_entropy(mean, logvar, rate).sum(dim=2).mean(dim=1)
            for mean, logvar in zip((difference, -difference), latent.logvar.chunk(2, dim=1), strict=True)
        )
        kl_laplace = crossed - gaussian_entropy(latent.logvar)
        kl = gaussian_kl(latent.mean, latent.logvar)
        return {"regulariser": self.hyper["beta"] * kl + self.hyper["gamma"] * kl_laplace, "kl_laplace": kl_laplace}


def gaussian_entropy(logvar: Tensor) -> Tensor:
    """H(N(., exp(logvar))), summed over dimensions, mean over the batch: (K,)."""
    return 0.5 * (logvar + math.log(2 * math.pi * math.e)).sum(dim=2).mean(dim=1)


def laplace_cross_entropy(mean: Tensor, logvar: Tensor, rate: Tensor) -> Tensor:
    """-E[log p(z)], elementwise, of z ~ N(mean, exp(logvar)) and p the Laplace distribution about 0."""
    deviation = (logvar / 2).exp()
    distance = mean / deviation
    near = deviation * math.sqrt(2 / math.pi) * (-distance.square() / 2).exp()
    return rate * (near + mean * (distance / math.sqrt(2)).erf()) - (rate / 2).log()
