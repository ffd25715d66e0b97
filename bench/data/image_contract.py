"""Checks the contract of every data set's images: float32 in [0, 1], (n, height, width, channels), 1 or 3 channels.

Floats of other widths are converted. Anything else is refused, and the message holds the mend. Type and shape of every
batch are checked, values only of the first images that are read.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.arrays import numbers

CHANNELS = (1, 3)
ROUNDING = 1e-4  # tolerance outside [0, 1], for sums of pixels


def check_shape(shape: tuple[int, ...]) -> None:
    """Check the image shape of a card.

    Raises:
        ValueError: it is not (height, width, channels) with one or three channels; the message holds the mend.
    """
    if len(shape) != 3 or not all(isinstance(n, int | np.integer) and n > 0 for n in shape):
        raise ValueError(f"image_shape {shape} is not (height, width, channels)")
    if shape[2] in CHANNELS:
        return
    if shape[0] in CHANNELS:
        raise ValueError(f"image_shape {shape} has channels first: let read() return np.moveaxis(images, 1, -1)")
    mend = {
        2: "let read() add a third, or make a factor of the second",
        4: "let read() leave out the transparency, images[..., :3]",
    }.get(shape[2], "let read() make one or three of them")
    raise ValueError(f"image_shape {shape} has {shape[2]} channels, pictures have 1 or 3: {mend}")


def as_images(values: Any, count: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A batch from `read`, as float32 (count, *shape).

    Raises:
        ValueError: it holds integers or has another shape; the message says which, and the mend.
    """
    images = numbers(values, "the batch")
    if images.shape != (count, *shape):
        raise ValueError(f"the batch is {images.shape}, not {(count, *shape)}{_reshaped(images.shape, count, shape)}")
    if images.dtype.kind != "f":
        mend = "images.astype(np.float32) / 255" if images.size and images.max() > 1 else "images.astype(np.float32)"
        raise ValueError(f"the batch is of {images.dtype}, not floats in [0, 1]: {mend}")
    return images.astype(np.float32, copy=False)


def _reshaped(got: tuple[int, ...], count: int, shape: tuple[int, ...]) -> str:
    height, width, channels = shape
    if got == (count, channels, height, width):
        return ", channels first: np.moveaxis(images, 1, -1)"
    if got == (count, height, width) and channels == 1:
        return ": images[..., None]"
    return ", as the card's image_shape and the number of indices say"


def check_values(images: NDArray[np.float32]) -> None:
    """Check that all values lie in [0, 1].

    Raises:
        ValueError: some do not; the message holds the smallest, the largest and the mend.
    """
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return
    if not np.isfinite([low, high]).all():
        raise ValueError(f"the batch has {np.sum(~np.isfinite(images))} NaN or infinite values")
    if low >= 0 and high <= 255:
        mend = "images / 255"
    elif low >= -1 and high <= 1 + ROUNDING:
        mend = "(images + 1) / 2"
    else:
        mend = "np.clip(images, 0, 1), or scale them"
    raise ValueError(f"the batch has values from {low:.4g} to {high:.4g}, not in [0, 1]: {mend}")
