"""InfoGAN (Chen et al. 2016): a generator that a critic judges, and whose codes it must find again in its images."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from bench import random_bits
from bench.models.base import model
from bench.models.parts.draws import Draws
from bench.models.parts.stacked import Stacked, Updates
from bench.models.parts.terms import bernoulli_reconstruction
from bench.networks.base import Networks

EPSILON = 1e-8  # added to probabilities, as Lin et al. 2020 have it
BETAS = 0.5, 0.99  # with 0.999, the default, steps are small for so long that a generator gone dark stays dark


@model()
class InfoGAN(Stacked):
    """The generator lowers -E[log D(G(c, n))] + info L, the critic -E[log D(x)] - E[log(1 - D(G(c, n)))] + info L.

    L = -E[log q(c | G(c, n))], q = N(Q(x), I): both are to make it easy to find the code c, uniform in (-1, 1)^D, and
    not the noise n, as uniform, of `noise` dimensions. G is the decoder of the VAEs; D and Q are outputs of one of
    their encoders, which learns at twice the generator's rate. Both gradients of a step are of the same draws.

    The critic's loss has `smooth` E[|gradient of its logit at x|^2] besides (R1 of Mescheder et al. 2018, whose gamma
    is twice `smooth`): Lin et al. normalise layers to the same end, which the schedule's networks do not; without
    either the generator goes dark within 50 steps and stays so. With `smooth` 0 both losses are theirs.

    Images are encoded by Q. A code is decoded with the noise at 0, and clipped to (-1, 1), for the generator was never
    asked for anything beyond.

    Raises:
        ModelError: `noise` is not a whole number from 0, or differs within one stack.
    """

    updates: ClassVar[Mapping[str, Updates]] = {
        "loss": Updates(betas=BETAS),
        "critic": Updates(betas=BETAS, rate=2),
    }
    recorded = ("critic",)
    second_order = True

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        self.extra = self.whole("noise", least=0)
        self.encoder = networks.encoder(1 + self.latent_dim, variance=False)
        self.decoder = networks.decoder(self.latent_dim + self.extra)
        self.draws = Draws(seeds, "codes")

    @property
    def noise_dim(self) -> int:
        return 0  # it draws its own, which is uniform

    def players(self) -> dict[str, dict[str, Tensor]]:
        everybody = self.learned()
        return {
            "loss": {n: p for n, p in everybody.items() if n.startswith("decoder.")},
            "critic": {n: p for n, p in everybody.items() if not n.startswith("decoder.")},
        }

    def learned(self) -> dict[str, Tensor]:
        return super().players()["loss"]

    def given(self, step: Tensor, batch: int) -> Tensor:
        """What the generator is given in a step: codes and noise side by side, (K, batch, D + noise)."""
        dims = self.latent_dim + self.extra
        return 2 * random_bits.uniform(self.draws(step, batch * dims)).unflatten(1, (batch, dims)) - 1

    def losses(self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False) -> dict[str, Tensor]:
        given = self.given(step, images.shape[1])
        images = images.detach().requires_grad_()
        outputs, _ = self.encoder(torch.cat([images, self.decoder(given).sigmoid()], dim=1))
        (real, recognised), (fake, recovered) = (o.split([1, self.latent_dim], dim=2) for o in outputs.chunk(2, dim=1))
        informed = self.hyper["info"] * code_nll(recovered, given[..., : self.latent_dim])
        (slopes,) = torch.autograd.grad(real.sum(), [images], create_graph=True)
        steepness = slopes.square().sum(dim=(2, 3, 4)).mean(dim=1)
        judged = surprise(real.sigmoid()) + surprise(1 - fake.sigmoid())
        watched = {}
        if curves:
            watched = {"reconstruction": bernoulli_reconstruction(self.logits_of(recognised), images)}
        return {
            "loss": surprise(fake.sigmoid()) + informed,
            "critic": judged + informed + self.hyper["smooth"] * steepness,
            "regulariser": informed,
            **watched,
        }

    def codes_of(self, images: Tensor) -> tuple[Tensor, None]:
        outputs, _ = self.encoder(images)
        return outputs[..., 1:], None

    def logits_of(self, codes: Tensor) -> Tensor:
        logits: Tensor = self.decoder(F.pad(codes.clamp(-1, 1), (0, self.extra)))
        return logits


def surprise(probability: Tensor) -> Tensor:
    """-E[log p] of what happened, (K,), by its probabilities (K, batch, 1)."""
    return -(probability + EPSILON).log().mean(dim=(1, 2))


def code_nll(recognised: Tensor, codes: Tensor) -> Tensor:
    """-E[log N(codes; recognised, I)], summed over dimensions: (K,), of codes (K, batch, D)."""
    return (0.5 * (recognised - codes).square() + 0.5 * math.log(2 * math.pi)).sum(dim=2).mean(dim=1)
