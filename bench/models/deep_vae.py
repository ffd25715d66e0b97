"""A VAE with several stochastic layers (Rezende et al. 2014; Burda et al. 2016)."""

from torch import Tensor, nn
from torch.nn import functional as F

from bench.models.base import Codes, Images, ModelError, model
from bench.models.parts.stacked import Stacked
from bench.models.parts.terms import bernoulli_reconstruction, gaussian_kl, sampled_kl, total_correlation
from bench.models.parts.vae import Latent
from bench.networks.base import Networks
from bench.networks.parts.layers import Dense, float32


@model()
class DeepVAE(Stacked):
    """A Gaussian VAE with layers h1..hL of D dimensions each; with one layer it is the VAE.

    Generation p(x, h) = p(x|h1) p(h1|h2) ... p(hL), recognition q(h|x) = q(h1|x) q(h2|h1) ... q(hL|hL-1), all factors
    Gaussians of diagonal covariance. loss = E[-log p(x|h1) + log q(h|x) - log p(h)]; the KL of the top layer and the
    entropies of the others are in closed form.

    Codes are layer `layer`, counted from the image: mean and log-variance given the means of the layers below it.

    Raises:
        ModelError: `layers` or `layer` is not a whole number from 1, or differs within one stack.
    """

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        self.layers = self.whole("layers")
        self.layer = self.whole("layer")
        if self.layer > self.layers:
            raise ModelError(f"deep_vae: layer {self.layer} is above the {self.layers} layers of the model")
        dims = self.latent_dim
        above = range(2, self.layers + 1)
        self.encoder = networks.encoder(dims)
        self.decoder = networks.decoder(dims)
        self.recognition = nn.ModuleList(Conditional(seeds, f"recognition.{i}", dims, networks.hidden) for i in above)
        self.generation = nn.ModuleList(Conditional(seeds, f"generation.{i}", dims, networks.hidden) for i in above)

    @property
    def noise_dim(self) -> int:
        return self.layers * self.latent_dim

    def recognise(self, images: Tensor, noise: Tensor | None = None) -> list[Latent]:
        """Latents h1..hL of images, each sampled with D columns of the noise; without noise, each at its mean."""
        latents: list[Latent] = []
        for i in range(self.layers):
            mean, logvar = self.encoder(images) if i == 0 else self.recognition[i - 1](latents[-1].z)
            z = mean
            if noise is not None:
                z = mean + (logvar / 2).exp() * noise[..., i * self.latent_dim : (i + 1) * self.latent_dim]
            latents.append(Latent(mean, logvar, z))
        return latents

    def losses(self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False) -> dict[str, Tensor]:
        latents = self.recognise(images, noise)
        reconstruction = bernoulli_reconstruction(self.decoder(latents[0].z), images)
        kl = gaussian_kl(latents[-1].mean, latents[-1].logvar)
        for latent, above, generate in zip(latents, latents[1:], self.generation, strict=False):
            kl = kl + sampled_kl(latent.logvar, latent.z, *generate(above.z))
        monitored = {"total_correlation": total_correlation(*latents[self.layer - 1])} if curves else {}
        loss = reconstruction + kl
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl, "regulariser": kl, **monitored}

    def codes_of(self, images: Tensor) -> tuple[Tensor, Tensor]:
        latent = self.recognise(images)[self.layer - 1]
        return latent.mean, latent.logvar

    def logits(self, codes: Codes) -> Images | None:
        """None for several layers: the codes are one of these, and p(x|h) depends on a sample of the first."""
        return super().logits(codes) if self.layers == 1 else None

    def logits_of(self, codes: Tensor) -> Tensor:
        for generate in reversed(list(self.generation)[: self.layer - 1]):
            codes, _ = generate(codes)  # the mean of the layer below
        logits: Tensor = self.decoder(codes)
        return logits


class Conditional(nn.Module):
    """K Gaussians conditional on another layer: (K, batch, D) -> mean and log-variance, one hidden layer of ReLUs."""

    def __init__(self, seeds: tuple[int, ...], name: str, dims: int, units: int) -> None:
        super().__init__()
        self.hidden = Dense(seeds, f"{name}.hidden", dims, units)
        self.mean = Dense(seeds, f"{name}.mean", units, dims)
        self.logvar = Dense(seeds, f"{name}.logvar", units, dims)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        h = F.relu(self.hidden(h))
        with float32(h.device):
            return self.mean(h.float()), self.logvar(h.float())
