"""The denoising autoencoder (Vincent et al. 2008): it reconstructs an image from a copy with missing pixels."""

from torch import Tensor

from bench import random_bits
from bench.models.autoencoder import Autoencoder
from bench.models.base import ModelError, model
from bench.models.parts.draws import Draws
from bench.networks.base import Networks


@model()
class DenoisingAutoencoder(Autoencoder):
    """loss = -log p(x | z), z = encoder(x with each pixel set to 0 with probability `level`).

    Level 0 is the plain autoencoder. Codes are those of complete images.

    Raises:
        ModelError: the level is not in [0, 1); at 1 every pixel is missing.
    """

    def build(self, seeds: tuple[int, ...], networks: Networks) -> None:
        for level in self.hyper["level"].tolist():
            if not 0 <= level < 1:
                raise ModelError(f"denoising_autoencoder: level must be from 0 to below 1, got {level:g}")
        super().build(seeds, networks)
        self.draws = Draws(seeds, "mask")

    def shown(self, images: Tensor, step: Tensor) -> Tensor:
        shape = images.shape[:4]  # all channels of a pixel are masked together
        words = self.draws(step, shape[1:].numel())
        mask = random_bits.uniform(words) > self.hyper["level"][:, None]
        return images * mask.view(*shape, 1)
