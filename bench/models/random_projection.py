"""Random projection (Johnson & Lindenstrauss 1984): a random linear code; only the mean is learned."""

import numpy as np

from bench.data.base import DataSet
from bench.models.base import Codes, Fitted, Images, ModelError, model


@model()
class RandomProjection(Fitted):
    """Codes z = (x - mean) P, P_ij ~ N(0, 1 / D): squared distances between images are preserved in expectation.

    Codes are decoded to the image nearest the mean among all images with these codes.

    Raises:
        ModelError: `latent_dim` is not between 1 and the number of pixels.
    """

    names = ("mean", "projection")

    def fit(self, data: DataSet, seed: int) -> None:
        rng = np.random.default_rng([seed, 0x9A9D])
        mean = self.sample(data, rng).mean(axis=0, dtype=np.float64).astype(np.float32)
        dims = int(self.hyper["latent_dim"])
        if not 1 <= dims <= len(mean):
            raise ModelError(f"random_projection: latent_dim {dims} must be from 1 to the {len(mean)} pixels")
        projection = rng.standard_normal((len(mean), dims), np.float32) / np.float32(dims**0.5)
        self.arrays = {"mean": mean, "projection": projection}

    def encode(self, images: Images) -> tuple[Codes, None]:
        centred: Images = images.reshape(len(images), -1) - self.arrays["mean"]
        return centred @ self.arrays["projection"], None

    def decode(self, codes: Codes) -> Images:
        pixels = codes @ np.linalg.pinv(self.arrays["projection"]) + self.arrays["mean"]
        return np.clip(pixels, 0, 1).astype(np.float32).reshape(-1, *self.image_shape)
