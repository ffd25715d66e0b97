"""An autoencoder with biological constraints (Whittington et al. 2023): penalties on negative codes and on activity."""

from torch import Tensor
from torch.nn import functional as F

from bench.models.autoencoder import Autoencoder
from bench.models.base import model
from bench.models.parts.decayed import Decayed


@model()
class BioAE(Decayed, Autoencoder):
    """loss = -log p(x | z) / pixels + mean_j max(-z_j, 0) + activity mean_j z_j^2, z = encoder(x).

    It is trained as by Hsu et al. 2023: weights decay and their gradients are clipped by element; biases are exempt.
    """

    def penalty(self, codes: Tensor) -> Tensor:
        energy = codes.square().mean(dim=(1, 2))
        return F.relu(-codes).mean(dim=(1, 2)) + self.hyper["activity"] * energy

    def losses(self, images: Tensor, noise: Tensor, step: Tensor, *, curves: bool = False) -> dict[str, Tensor]:
        losses = super().losses(images, noise, step, curves=curves)
        pixels = images[0, 0].numel()
        return losses | {"loss": losses["reconstruction"] / pixels + losses["regulariser"]}
