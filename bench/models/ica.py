"""Independent component analysis by FastICA (Hyvarinen 1999): the classical method with independent sources."""

import numpy as np
from numpy.typing import NDArray

from bench.models.base import Codes, Images, ModelError, model
from bench.models.pca import PCA

Array = NDArray[np.float64]

# Full fixed-point steps do not converge on dSprites: its components come in pairs, and steps alternate between two
# rotations.
STEP = 0.75


@model()
class ICA(PCA):
    """Codes s = R z: a rotation R of the whitened principal components z that makes them independent.

    R has orthonormal rows and is a fixed point of the symmetric FastICA iteration with the contrast log cosh. It
    recovers the sources up to order and sign if at most one of them is Gaussian; otherwise R is arbitrary.

    Raises:
        ModelError: the iteration did not converge within `max_iter` steps.
    """

    names = (*PCA.names, "rotation")

    def fit_images(self, x: Images, seed: int) -> None:
        super().fit_images(x, seed)
        whitened = super().encode(x)[0].astype(np.float64)
        rotation = fast_ica(whitened, np.random.default_rng([seed, 0x1CA]), int(self.hyper["max_iter"]))
        self.arrays["rotation"] = rotation.astype(np.float32)

    def encode(self, images: Images) -> tuple[Codes, None]:
        return super().encode(images)[0] @ self.arrays["rotation"].T, None

    def decode(self, codes: Codes) -> Images:
        return super().decode(codes @ self.arrays["rotation"])


def fast_ica(z: Array, rng: np.random.Generator, max_iter: int, tolerance: float = 1e-6) -> Array:
    """The rotation (D, D) of whitened data (N, D) at which w = E[z g(w'z)] - E[g'(w'z)] w, g = tanh, up to scale.

    Raises:
        ModelError: after `max_iter` steps the last step still changes a row: 1 - |cosine| is above the tolerance.
    """
    rotation = _orthonormal(rng.standard_normal((z.shape[1], z.shape[1])))
    for _ in range(max_iter):
        g = np.tanh(z @ rotation.T)
        target = g.T @ z / len(z) - (1 - g**2).mean(axis=0)[:, None] * rotation
        sign = np.sign((target * rotation).sum(axis=1, keepdims=True))
        target *= sign / np.linalg.norm(target, axis=1, keepdims=True)
        last, rotation = rotation, _orthonormal((1 - STEP) * rotation + STEP * target)
        if (1 - np.abs((rotation * last).sum(axis=1))).max() < tolerance:
            return rotation
    raise ModelError(f"ica: the components did not converge within max_iter = {max_iter} steps")


def _orthonormal(matrix: Array) -> Array:
    """The nearest matrix with orthonormal rows."""
    left, _, right = np.linalg.svd(matrix)
    return left @ right
