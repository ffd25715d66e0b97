"""DC-IGN (Kulkarni et al. 2015): mini-batches in which one factor varies, and one dimension that may say so."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench import random_bits
from bench.models.base import ModelError, model
from bench.models.parts.pairs import Words, factors_of, rows_of
from bench.models.parts.terms import bernoulli_reconstruction, gaussian_kl
from bench.models.parts.vae import GaussianVAE, Latent
from bench.networks.base import Networks


@model()
class DCIGN(GaussianVAE):
    """A VAE that is trained on groups of `images` images in which one factor alone varies, each factor in turn.

    Dimension i is that of the i-th factor that has several values; further ones are nobody's. The decoder is given the
    dimension of the factor that varies as it is, and of all others the group's mean. No gradient goes through that:
    codes get `invariance` times their distance from it in its place.

    loss = E[-log p(x | clamped z)] + KL(q(z|x) || N(0, I)) + invariance / 2 E[|z - clamped z|^2], where clamped z is
    held fixed in the dimensions that are clamped: this has that gradient.

    Raises:
        ModelError: `images` is not a whole number from 2, or differs within one stack.
    """

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        super().build(seeds, networks)
        self.views = self.whole("images", least=2)  # type: ignore[misc]
        self.factors = self.latent_dim  # those that vary, once the data set is known

    def check_views(self, factor_sizes: Sequence[int]) -> None:
        self.factors = sum(size > 1 for size in factor_sizes)
        if not factor_sizes:
            raise ModelError("dc_ign trains on images of which one factor varies: the data set has no factor grid")
        if not 1 <= self.factors <= self.latent_dim:
            raise ModelError(
                f"dc_ign has a dimension for each factor that varies: the data set has {self.factors}, "
                f"trainer.latent_dim is {self.latent_dim}"
            )

    def partners(self, index: Tensor, words: Words, factor_sizes: Sequence[int]) -> Tensor:
        others, batch = self.views - 1, index.shape[1]
        if batch < self.factors:
            raise ModelError(
                f"dc_ign varies each of {self.factors} factors in a step: trainer.batch_size is {batch}, fewer"
            )
        random = words(others * len(factor_sizes)).unflatten(2, (others, -1))
        new_factors = [random_bits.below(random[..., i], size) for i, size in enumerate(factor_sizes)]
        turns = iter(self.turns(batch, self.factors, index.device).unbind(1))
        never = torch.zeros(batch, dtype=torch.bool, device=index.device)
        varied = torch.stack([next(turns) if size > 1 else never for size in factor_sizes], dim=1)
        held = factors_of(index, factor_sizes)[:, :, None]
        rows = rows_of(torch.where(varied[:, None], torch.stack(new_factors, dim=-1), held), factor_sizes)
        return rows.transpose(1, 2).flatten(1)

    def turns(self, groups: int, count: int, device: torch.device) -> Tensor:
        """Which of so many factors, or dimensions, varies in each group of a step: (groups, count)."""
        group = torch.arange(groups, device=device) % self.factors
        return group[:, None] == torch.arange(count, device=device)

    def clamped(self, z: Tensor) -> Tensor:
        """Codes (K, images * groups, D) with the group's mean in all dimensions but that of the factor that varies."""
        codes = z.unflatten(1, (self.views, -1))
        varies = self.turns(codes.shape[2], self.latent_dim, z.device)
        return torch.where(varies, codes, codes.mean(dim=1, keepdim=True).detach()).flatten(1, 2)

    def reconstruction(self, latent: Latent, images: Tensor) -> Tensor:
        return bernoulli_reconstruction(self.decoder(self.clamped(latent.z)), images)

    def regulariser(self, latent: Latent, step: Tensor) -> Tensor:
        apart = (latent.z - self.clamped(latent.z)).square().sum(dim=2).mean(dim=1)
        return gaussian_kl(latent.mean, latent.logvar) + 0.5 * self.hyper["invariance"] * apart
