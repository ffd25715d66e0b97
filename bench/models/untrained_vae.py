"""An untrained VAE: the codes of the architecture at its random initial weights."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bench.data.base import DataSet
from bench.models.base import Codes, Fitted, Images, ModelError, State, model
from bench.models.parts.vae import GaussianVAE

ARCHITECTURES = {64: "locatello2019", 32: "small"}  # by image size


@model()
class UntrainedVAE(Fitted):
    """Encoder and decoder of a VAE at the weights that a seed gives them before any update.

    The architecture is the one made for images of this size; the weights are those every VAE of that seed starts from.

    Raises:
        ModelError: no architecture takes images of this size.
    """

    def __init__(self, image_shape: tuple[int, int, int], **hyper: float) -> None:
        super().__init__(image_shape, **hyper)
        if image_shape[0] not in ARCHITECTURES:
            sizes = sorted(ARCHITECTURES)
            raise ModelError(f"untrained_vae: no architecture takes {image_shape} images, only {sizes} pixels")
        self.architecture = ARCHITECTURES[image_shape[0]]
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
