"""ControlVAE (Shao et al. 2020): a controller sets beta in every step, so that the KL follows a rising target."""

import torch
from torch import Tensor

from bench.models.base import model
from bench.models.parts.terms import gaussian_kl
from bench.models.parts.vae import GaussianVAE, Latent
from bench.networks.base import Networks

FIRST_TARGET, RISE = 0.5, 0.15  # nats, the values of the authors' dSprites runs


@model()
class ControlVAE(GaussianVAE):
    """loss = E[-log p(x|z)] + beta(t) KL(q(z|x) || N(0, I)), beta(t) = max(1, 1 + kp / (1 + exp(e)) + I(t)).

    This is the proportional-integral controller of the authors' code. e = C(t) - KL is the distance of the KL below its
    target. I(t) = I(t - 1) + ki e, but I(t) = I(t - 1) if the unclamped beta of the last step was below 1. C(t) starts
    at 0.5 and rises by 0.15 every `period` steps, up to c_max. Beta is recorded; no gradient goes through it.
    """

    recorded = ("beta",)
    integral: Tensor
    unclamped: Tensor

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        super().build(seeds, networks)
        self.register_buffer("integral", torch.zeros(len(seeds)))
        self.register_buffer("unclamped", torch.ones(len(seeds)))

    def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
        kl = gaussian_kl(latent.mean, latent.logvar)
        beta = self.control(kl, step)
        return {"regulariser": beta * kl, "beta": beta}

    def target(self, step: Tensor) -> Tensor:
        """C of each model, (K,), at a step counted from 0."""
        unbounded = FIRST_TARGET + RISE * ((step + 1) / self.hyper["period"]).floor()
        return torch.minimum(unbounded, self.hyper["c_max"])

    @torch.no_grad()
    def control(self, kl: Tensor, step: Tensor) -> Tensor:
        """Beta of each model for its KL, (K,); also advances the state of the controllers by a step."""
        error = self.target(step) - kl
        self.integral += torch.where(self.unclamped < 1, 0.0, self.hyper["ki"] * error)
        self.unclamped.copy_(1 + self.hyper["kp"] * (-error).sigmoid() + self.integral)
        return self.unclamped.clamp(min=1)
