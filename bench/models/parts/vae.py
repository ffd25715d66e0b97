"""The Gaussian variational autoencoder that every objective of the study shares, stacked K models deep."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from bench.models.parts.stacked import Stacked, Updates
from bench.models.parts.terms import bernoulli_reconstruction, gaussian_kl, total_correlation
from bench.networks.base import Networks


class Latent(NamedTuple):
    """Codes of one batch for each model: mean, log-variance and a sample z, each (K, batch, D)."""

    mean: Tensor
    logvar: Tensor
    z: Tensor

    @classmethod
    def sample(cls, mean: Tensor, logvar: Tensor, noise: Tensor) -> "Latent":
        """z = mean + exp(logvar / 2) noise."""
        return cls(mean, logvar, mean + (logvar / 2).exp() * noise)


class GaussianVAE(Stacked):
    """K variational autoencoders (Kingma & Welling 2014): loss = reconstruction + regulariser.

    A subclass is one objective: it defines `regulariser` from the latent codes and its hyper-parameters. A subclass
    with an adversary defines `new_adversary` and `objective` instead.
    """

    updates: ClassVar[Mapping[str, Updates]] = {"adversary": Updates(betas=(0.5, 0.9))}

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        self.encoder = networks.encoder(self.latent_dim)
        self.decoder = networks.decoder(self.latent_dim)
        self.adversary = self.new_adversary(seeds, networks, self.latent_dim)

    def new_adversary(self, seeds: tuple[int, ...], networks: Networks, latent_dim: int) -> nn.Module | None:
        """A network that is trained against the models, with its separate loss; None: the objective has none."""
        return None

    def regulariser(self, latent: Latent, step: Tensor) -> Tensor:
        """The term that the loss adds to the reconstruction, (K,), at a step counted from 0, an int32 tensor (1,)."""
        raise NotImplementedError(f"{type(self).__name__} defines neither regulariser nor objective")

    def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
        """The "regulariser" and, with an adversary, the loss of the "adversary", each (K,)."""
        return {"regulariser": self.regulariser(latent, step)}

    def latent(self, images: Tensor, noise: Tensor) -> Latent:
        """The codes that the objective reads; a model of several views may combine those of the views here."""
        mean, logvar = self.encoder(images)
        return Latent.sample(mean, logvar, noise)

    def reconstruction(self, latent: Latent, images: Tensor) -> Tensor:
        """Estimate of E[-log p(x|z)] by one sample per image, (K,); the gradient goes through the sample."""
        return bernoulli_reconstruction(self.decoder(latent.z), images)

    def losses(
        self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False, **inputs: Tensor
    ) -> dict[str, Tensor]:
        """Loss of each model and its parts, each (K,)."""
        latent = self.latent(images, noise, **inputs)
        reconstruction = self.reconstruction(latent, images)
        terms = self.objective(latent, step)
        loss = reconstruction + terms["regulariser"]
        losses = {"loss": loss, "reconstruction": reconstruction, **terms}
        if curves:
            losses["kl"] = gaussian_kl(latent.mean, latent.logvar)
            losses["total_correlation"] = total_correlation(*latent)
        return losses

    def players(self) -> dict[str, dict[str, Tensor]]:
        weights = super().players()["loss"]
        vae = {n: p for n, p in weights.items() if not n.startswith("adversary.")}
        adversary = {n: p for n, p in weights.items() if n.startswith("adversary.")}
        return {"loss": vae, "adversary": adversary} if adversary else {"loss": vae}
