"""An untrained VAE: the codes of the architecture at its random initial weights."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bench.data.base import DataSet
from bench.models.base import Codes, Fitted, Images, State, model
from bench.models.parts.vae import GaussianVAE

LARGE = 64  # least height of images, in pixels, for which the study's networks are used


@model()
class UntrainedVAE(Fitted):
    """Encoder and decoder of a VAE at the initial weights of a seed, before any update.

    The architecture is the study's for images of 64x64 pixels or more, else `small`. Every VAE of that architecture and
    seed starts from these weights.

    Raises:
        ModelError: the architecture does not take images of this size.
    """

    def __init__(self, image_shape: tuple[int, int, int], **hyper: float) -> None:
        super().__init__(image_shape, **hyper)
        self.architecture = "locatello2019" if image_shape[0] >= LARGE else "small"
        self.vae = self._initial(0)

    def fit(self, data: DataSet, seed: int) -> None:
        self.vae = self._initial(seed)

    def encode(self, images: Images) -> tuple[Codes, Codes | None]:
        return self.vae.encode(images)

    def decode(self, codes: Codes) -> Images:
        return self.vae.decode(codes)

    def logits(self, codes: Codes) -> Images | None:
        return self.vae.logits(codes)

    def state(self) -> State:
        return self.vae.state()

    def load(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        self.vae.load(state)

    def _initial(self, seed: int) -> GaussianVAE:
        return GaussianVAE(self.image_shape, self.architecture, int(self.hyper["latent_dim"]), (seed,))
