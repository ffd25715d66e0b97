"""The pixels as codes: the baseline of every learned representation."""

import numpy as np

from bench.data.base import DataSet
from bench.models.base import Codes, Fitted, Images, ModelError, model


@model()
class RawPixels(Fitted):
    """Codes are the pixels of the image average-pooled to `size` x `size`: D = size^2 channels.

    Pooling keeps D small enough for metrics whose cost grows with it. Nothing is learned.

    Raises:
        ModelError: `size` does not divide the images' height and width.
    """

    names = ("size",)

    def __init__(self, image_shape: tuple[int, int, int], **hyper: float) -> None:
        super().__init__(image_shape, **hyper)
        self.size = int(hyper["size"])
        if self.size < 1 or image_shape[0] % self.size or image_shape[1] % self.size:
            raise ModelError(
                f"raw_pixels: size {self.size} does not divide images of {image_shape[0]}x{image_shape[1]} pixels: "
                "give model.raw_pixels.hyper.size=N that does"
            )

    def fit(self, data: DataSet, seed: int) -> None:
        self.arrays = {"size": np.array([self.size], np.float32)}  # a file of weights must not be empty

    def encode(self, images: Images) -> tuple[Codes, None]:
        height, width, channels = self.image_shape
        blocks = images.reshape(-1, self.size, height // self.size, self.size, width // self.size, channels)
        return blocks.mean(axis=(2, 4)).reshape(len(images), -1), None

    def decode(self, codes: Codes) -> Images:
        height, width, channels = self.image_shape
        small = np.clip(codes, 0, 1).astype(np.float32).reshape(-1, self.size, self.size, channels)
        return small.repeat(height // self.size, axis=1).repeat(width // self.size, axis=2)
