"""FactorVAE (Kim & Mnih 2018): a penalty on the total correlation, which a jointly trained discriminator estimates."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.models.base import model
from bench.models.parts.draws import Draws
from bench.models.parts.terms import gaussian_kl
from bench.models.parts.vae import GaussianVAE, Latent
from bench.networks.base import Networks
from bench.networks.parts.layers import Dense


@model()
class FactorVAE(GaussianVAE):
    """loss = E[-log p(x|z)] + KL(q(z|x) || N(0, I)) + gamma E[log D(z) - log(1 - D(z))].

    The discriminator D classifies codes against shuffled codes: each dimension is permuted separately over the same
    batch. A separate Adam trains D on -(0.5 E[log D(z)] + 0.5 E[log(1 - D(z_shuffled))]). Both updates use the same
    forward pass, and neither gradient reaches the other's weights.
    """

    def new_adversary(self, seeds: tuple[int, ...], networks: Networks, latent_dim: int) -> nn.Module:
        self.shuffle = Shuffle(seeds)
        return Discriminator(seeds, latent_dim, networks.discriminator)

    def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
        assert self.adversary is not None
        logits, shuffled = self.adversary(latent.z, self.shuffle(latent.z.detach(), step))
        kl = gaussian_kl(latent.mean, latent.logvar)
        return {
            "regulariser": kl + self.hyper["gamma"] * (logits[..., 0] - logits[..., 1]).mean(dim=1),
            "adversary": discriminator_loss(logits, shuffled),
        }


class Shuffle(nn.Module):
    """Permutes each dimension of codes (K, batch, D) over the batch; for each model a function of (seed, step)."""

    def __init__(self, seeds: tuple[int, ...]) -> None:
        super().__init__()
        self.draws = Draws(seeds, "shuffle")

    def forward(self, z: Tensor, step: Tensor) -> Tensor:
        return z.gather(1, self.draws(step, z[0].numel()).view(z.shape).argsort(dim=1))


class Discriminator(nn.Module):
    """K discriminators: six hidden layers of leaky ReLU (slope 0.2) and two logits (real, shuffled)."""

    def __init__(self, seeds: tuple[int, ...], latent_dim: int, units: int) -> None:
        super().__init__()
        widths = [latent_dim, *[units] * 6, 2]
        self.layers = nn.ModuleList(
            Dense(seeds, f"discriminator.{i}", widths[i], widths[i + 1]) for i in range(len(widths) - 1)
        )

    def forward(self, z: Tensor, shuffled: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (K, batch, 2) of codes and of shuffled ones.

        A GPU, which is bound by reading the weights, reads them once for both; a CPU adds in the order of this version.
        """
        if not z.is_cuda:
            return self.logits(z), self.logits(shuffled)
        of_both = self.logits(torch.cat([z, shuffled], dim=1))
        return of_both[:, : z.shape[1]], of_both[:, z.shape[1] :]

    def logits(self, z: Tensor) -> Tensor:
        """Of codes (K, n, D)."""
        for layer in self.layers[:-1]:
            z = F.leaky_relu(layer(z), 0.2)
        logits: Tensor = self.layers[-1](z)
        return logits


def discriminator_loss(logits: Tensor, shuffled: Tensor) -> Tensor:
    """-(0.5 E[log p(real|z)] + 0.5 E[log p(shuffled|z_shuffled)]) of logits (K, batch, 2): (K,).

    Probabilities are clipped to [1e-6, 1 - 1e-6], as the study did.
    """
    real, fake = (x.softmax(dim=2).clamp(1e-6, 1 - 1e-6).log() for x in (logits, shuffled))
    return -(0.5 * real[..., 0] + 0.5 * fake[..., 1]).mean(dim=1)
