"""The Gaussian variational autoencoder that every gradient-trained objective shares, stacked K models deep."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.models.base import Codes, Images, Learner, ModelError, State
from bench.models.nets import ARCHITECTURES, Architecture, Decoder, Encoder
from bench.models.terms import bernoulli_reconstruction, gaussian_kl, total_correlation
from bench.registry import unknown


class Latent(NamedTuple):
    """Codes of one batch for each model: mean, log-variance and a sample z, each (K, batch, D)."""

    mean: Tensor
    logvar: Tensor
    z: Tensor


class GaussianVAE(Learner, nn.Module):
    """K variational autoencoders (Kingma & Welling 2014): loss = reconstruction + regulariser.

    A subclass is one objective: it defines `regulariser` from the latent codes and its hyper-parameters, which
    are (K,) tensors under their own names in `self.hyper`. One with an adversary
    defines `new_adversary` and `objective` instead.

    Args:
        image_shape: height, width, channels.
        architecture: a name in `bench.models.nets.ARCHITECTURES`.
        latent_dim: D.
        seeds: K seeds, one for each model's initial weights.
        hyper: K dictionaries of hyper-parameters.
        convolution: how convolutions are computed, a name of `bench.models.convolutions`.

    Raises:
        ModelError: the images do not fit the architecture, or a hyper-parameter is not a number.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        architecture: str,
        latent_dim: int,
        seeds: Sequence[int] = (0,),
        hyper: Sequence[Mapping[str, float]] = ({},),
        convolution: str = "grouped",
    ) -> None:
        super().__init__()
        if architecture not in ARCHITECTURES:
            raise unknown("architecture", architecture, ARCHITECTURES)
        networks = ARCHITECTURES[architecture]
        size = networks.image_size
        if image_shape[:2] != (size, size):
            raise ModelError(f"architecture {architecture!r} takes {size}x{size} images, got {image_shape}")
        self.image_shape, self.fleet = image_shape, len(seeds)
        self.encoder = Encoder(tuple(seeds), networks, image_shape[2], latent_dim, convolution)
        self.decoder = Decoder(tuple(seeds), networks, image_shape[2], latent_dim, convolution)
        self.hyper = nn.ParameterDict(
            {k: nn.Parameter(torch.tensor([float(h[k]) for h in hyper]), requires_grad=False) for k in hyper[0]}
        )

        self.adversary = self.new_adversary(tuple(seeds), networks, latent_dim)

    def new_adversary(self, seeds: tuple[int, ...], networks: Architecture, latent_dim: int) -> nn.Module | None:
        """A network that is trained against the models, on a loss of its own; None: there is none."""
        return None

    def regulariser(self, latent: Latent, step: Tensor) -> Tensor:
        """What the objective adds to the reconstruction, (K,), at a step counted from 0, an int32 tensor (1,)."""
        raise NotImplementedError(f"{type(self).__name__} defines neither regulariser nor objective")

    def objective(self, latent: Latent, step: Tensor) -> dict[str, Tensor]:
        """The "regulariser" and, where there is one, the loss of the "adversary", each (K,)."""
        return {"regulariser": self.regulariser(latent, step)}

    def losses(self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False) -> dict[str, Tensor]:
        """Loss of each model and its parts, each (K,).

        Args:
            images: (K, batch, height, width, channels) in [0, 1].
            noise: (K, batch, D) standard normal: z = mean + exp(logvar / 2) noise.
            step: updates done so far, an int32 tensor (1,).
            curves: add what is only looked at, the estimate of the total correlation.
        """
        mean, logvar = self.encoder(images)
        latent = Latent(mean, logvar, mean + (logvar / 2).exp() * noise)
        reconstruction = bernoulli_reconstruction(self.decoder(latent.z), images)
        terms = self.objective(latent, step)
        loss = reconstruction + terms["regulariser"]
        watched = {"total_correlation": total_correlation(*latent)} if curves else {}
        return {"loss": loss, "reconstruction": reconstruction, "kl": gaussian_kl(mean, logvar), **terms, **watched}

    def players(self) -> dict[str, dict[str, Tensor]]:
        """Who lowers which loss: its name -> the stacked weights that follow its gradient, each (K, ...)."""
        own: dict[str, Tensor] = {n: p for n, p in self.named_parameters() if n.startswith(("encoder.", "decoder."))}
        if self.adversary is None:
            return {"loss": own}
        its: dict[str, Tensor] = {f"adversary.{n}": p for n, p in self.adversary.named_parameters()}
        return {"loss": own, "adversary": its}

    def learned(self) -> dict[str, Tensor]:
        """The stacked weights of encoder and decoder by name, each (K, ...)."""
        return self.players()["loss"]

    def member(self, k: int) -> State:
        """The weights of model k alone."""
        return member(self.learned(), k)

    def load_member(self, k: int, state: Mapping[str, NDArray[Any]]) -> None:
        """Set the weights of model k.

        Raises:
            ModelError: names or shapes are those of another architecture.
        """
        set_member(self.learned(), k, state)

    def state(self) -> State:
        return self.member(0)

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.load_member(0, state)

    @torch.inference_mode()
    def encode(self, images: Images) -> tuple[Codes, Codes]:
        mean, logvar = self.encoder(torch.from_numpy(images).to(self._device)[None])
        return mean[0].cpu().numpy(), logvar[0].cpu().numpy()

    @torch.inference_mode()
    def decode(self, codes: Codes) -> Images:
        logits = self.decoder(torch.from_numpy(codes).to(self._device)[None])
        return logits[0].sigmoid().cpu().numpy()

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device


def member(stacked: Mapping[str, Tensor], k: int) -> State:
    """Slice k of stacked tensors, as arrays of their own."""
    return {n: p[k].detach().cpu().numpy().copy() for n, p in stacked.items()}


def set_member(stacked: Mapping[str, Tensor], k: int, state: Mapping[str, NDArray[Any]]) -> None:
    """Set slice k of stacked tensors.

    Raises:
        ModelError: names or shapes are those of another architecture.
    """
    mine = {n: tuple(p.shape[1:]) for n, p in stacked.items()}
    theirs = {n: tuple(a.shape) for n, a in state.items()}
    if mine != theirs:
        wrong = sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))
        raise ModelError(f"these weights are of another architecture: {', '.join(wrong[:4])} differ")
    with torch.no_grad():
        for name, p in stacked.items():
            p[k].copy_(torch.from_numpy(state[name]))
