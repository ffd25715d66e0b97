"""A VAE that trains on pairs of images; its configuration names the rule by which pairs are drawn."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from bench.models.base import ModelError
from bench.models.parts.pairs import Words, partner_rows
from bench.models.parts.possible_pairs import check_moves, check_pairs
from bench.models.parts.vae import GaussianVAE


class PairedVAE(GaussianVAE):
    """K variational autoencoders of pairs of images: batches hold all first images, then all second ones.

    Args:
        pairs: the rule by which pairs are drawn, of `bench.study.run.PAIRS`; None: the model's own.
        categorical: whether each factor of the data set is unordered; empty: all factors are ordered.
    """

    views = 2
    own_pairs: ClassVar[str] = "paper"

    def __init__(
        self, *networks: Any, pairs: str | None = None, categorical: Sequence[bool] = (), **settings: Any
    ) -> None:
        super().__init__(*networks, **settings)
        self.pairs, self.categorical = pairs or self.own_pairs, tuple(categorical)

    def check_views(self, factor_sizes: Sequence[int]) -> None:
        name = type(self).__module__.rpartition(".")[2]
        if self.pairs == "laplace":
            check_moves(name, self.hyper["rate"].tolist(), factor_sizes, self.categorical)
        else:
            check_pairs(name, [-1] if self.pairs == "uniform" else self.hyper["changes"].tolist(), factor_sizes)
        if self.sees_factors and self.latent_dim < len(factor_sizes):
            raise ModelError(
                f"{name} gives each factor a latent dimension: trainer.latent_dim must be {len(factor_sizes)} or more, "
                f"got {self.latent_dim}"
            )

    def partners(self, index: Tensor, words: Words, factor_sizes: Sequence[int]) -> Tensor:
        return partner_rows(self.pairs, index, words, dict(self.hyper.items()), factor_sizes, self.categorical)
