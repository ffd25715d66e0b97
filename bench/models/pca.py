"""Principal component analysis, the classical linear representation (Pearson 1901, Hotelling 1933)."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from bench.data.base import DataSet
from bench.models.base import Codes, Fitted, Images, ModelError, model

MOST_PIXELS = 64 * 64 * 3  # of an image of the suite


@model()
class PCA(Fitted):
    """Codes z = (x - mean) W / sigma: the first `latent_dim` principal components, each of unit variance.

    Fitted to `num_images` random images through the eigenvectors of their covariance matrix. The sign of a
    component is chosen so that its largest weight is positive.
    """

    names: tuple[str, ...] = ("mean", "components", "sigma")

    def fit(self, data: DataSet, seed: int) -> None:
        self.fit_images(self.sample(data, np.random.default_rng([seed, 0x9CA])), seed)

    def fit_images(self, x: Images, seed: int) -> None:
        """Learn from images (count, pixels)."""
        count, dims = len(x), int(self.hyper["latent_dim"])
        if not 1 <= dims < min(x.shape):
            name = type(self).__name__.lower()
            raise ModelError(f"{name}: latent_dim {dims} must be below the {count} images and the pixels of each")
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        x = x - mean
        variances, vectors = _largest(x, dims)
        vectors = vectors[:, ::-1]
        largest = np.abs(vectors).argmax(axis=0)
        vectors = vectors * np.sign(vectors[largest, range(dims)])
        sigma = np.sqrt(np.maximum(variances[::-1], 1e-12))
        self.arrays = {
            "mean": mean,
            "components": vectors.astype(np.float32, order="C"),
            "sigma": sigma.astype(np.float32),
        }

    def encode(self, images: Images) -> tuple[Codes, None]:
        centred = images.reshape(len(images), -1) - self.arrays["mean"]
        return (centred @ self.arrays["components"] / self.arrays["sigma"]).astype(np.float32), None

    def decode(self, codes: Codes) -> Images:
        pixels = (codes * self.arrays["sigma"]) @ self.arrays["components"].T + self.arrays["mean"]
        return np.clip(pixels, 0, 1).astype(np.float32).reshape(-1, *self.image_shape)


def _largest(x: NDArray[np.float32], dims: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The largest eigenvalues of the covariance of centred rows (count, pixels), ascending, and their eigenvectors.

    The covariance of images of more pixels than any of the suite's fills no memory: what it shares with the products of
    images with images is found from those.
    """
    count, pixels = x.shape
    if pixels <= MOST_PIXELS or pixels <= count:
        return _top(x.T @ x / np.float32(count - 1), dims)
    variances, of_images = _top(x @ x.T / np.float32(count - 1), dims)
    vectors = x.T @ of_images
    return variances, vectors / np.linalg.norm(vectors, axis=0)


def _top(matrix: NDArray[np.float32], dims: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    last = len(matrix) - 1
    variances, vectors = eigh(matrix, subset_by_index=[last + 1 - dims, last])
    return variances, vectors
