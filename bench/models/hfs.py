"""HFS (Roth et al. 2023): a penalty for a factorised support of the codes, which correlated factors have as well."""

import torch
from torch import Tensor

from bench.models.base import model
from bench.models.parts.draws import Draws
from bench.models.parts.terms import gaussian_kl
from bench.models.parts.vae import GaussianVAE, Latent
from bench.networks.base import Networks


@model()
class HFS(GaussianVAE):
    """loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I)) + gamma sum_{i<j} H_ij, of mean codes m of a batch.

    H_ij = max_{a,b} min_c (m_ai - m_ci)^2 + (m_bj - m_cj)^2 is the one-sided Hausdorff distance, within the batch, from
    the product of the supports of dimensions i and j to their joint support. In each step the sum is over `pairs`
    random pairs of dimensions; every set of pairs is equally likely. beta = 0 is HFS alone.
    """

    first: Tensor
    second: Tensor

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        super().build(seeds, networks)
        self.draws = Draws(seeds, "pairs of dimensions")
        first, second = torch.triu_indices(self.latent_dim, self.latent_dim, 1).unbind()
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)

    def regulariser(self, latent: Latent, step: Tensor) -> Tensor:
        distances = hausdorff(latent.mean[..., self.first], latent.mean[..., self.second])
        support = (distances * self.chosen(step)).sum(dim=1)
        return self.hyper["beta"] * gaussian_kl(latent.mean, latent.logvar) + self.hyper["gamma"] * support

    def chosen(self, step: Tensor) -> Tensor:
        """Whether each pair of dimensions counts in a step, (K, D (D - 1) / 2)."""
        ranks = self.draws(step, len(self.first)).argsort(dim=1, stable=True).argsort(dim=1)
        return ranks < self.hyper["pairs"][:, None]


def hausdorff(first: Tensor, second: Tensor) -> Tensor:
    """One-sided Hausdorff distances (K, P) of P pairs of dimensions, (K, batch, P) each, from product to batch.

    Only the farthest combination of each pair and the row nearest to it have a gradient. They are searched among
    batch^3 distances without a gradient; then their distance is computed again with one.
    """
    x, y = first.transpose(1, 2), second.transpose(1, 2)  # (K, P, batch)
    with torch.no_grad():
        squares = [(v[..., :, None] - v[..., None, :]).square() for v in (x, y)]  # (K, P, batch, row)
        least, nearest = (squares[0][..., :, None, :] + squares[1][..., None, :, :]).min(dim=-1)
        farthest = least.flatten(2).argmax(dim=-1, keepdim=True)
        row = nearest.flatten(2).gather(2, farthest)
        a, b = farthest // x.shape[2], farthest % x.shape[2]
    distance = (x.gather(2, a) - x.gather(2, row)).square() + (y.gather(2, b) - y.gather(2, row)).square()
    return distance.squeeze(2)
