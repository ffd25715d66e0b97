"""Manifold flattening: do points between two codes decode to images too? (Bengio et al. 2013, arXiv:1207.4404)"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.models.base import Codes, Images


def between(first: NDArray[np.float32], second: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """Points on the straight line between corresponding rows of two arrays: (steps, N, ...), ends included.

    Raises:
        ValueError: fewer than two steps.
    """
    if steps < 2:
        raise ValueError(f"a line has two ends, got steps = {steps}")
    shares = np.linspace(0, 1, steps, dtype=np.float32).reshape(-1, *[1] * first.ndim)
    return (1 - shares) * first + shares * second


def nearest_distances(images: Images, data: Images) -> NDArray[np.float64]:
    """Root mean squared pixel difference of each image to the nearest image of a data set, (N,).

    Args:
        images: (N, height, width, channels).
        data: (M, height, width, channels).

    Raises:
        ValueError: the shapes of images differ, or there is no data.
    """
    if images.shape[1:] != data.shape[1:] or len(data) == 0:
        raise ValueError(f"images {images.shape} cannot be compared with data {data.shape}")
    x, y = (a.reshape(len(a), -1).astype(np.float64) for a in (images, data))
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T
    return np.sqrt(np.maximum(squares.min(axis=1), 0) / x.shape[1])


def midpoint_distances(
    first: Images,
    second: Images,
    data: Images,
    encode: Callable[[Images], tuple[Codes, Codes | None]],
    decode: Callable[[Codes], Images],
) -> dict[str, NDArray[np.float64]]:
    """Distances of midpoints of pairs to the nearest data image, each (N,).

    Args:
        first: the first image of each pair, not among the data.
        second: the second image of each pair.
        data: real images.
        encode: images to mean and log-variance.
        decode: codes to images.

    Returns:
        "pixels": of the mean of two images; "codes": of the decoded mean of their codes; "decoded": of the decoded
        first image, the part that is due to the learner's blur alone.
    """
    a, b = encode(first)[0], encode(second)[0]
    return {
        "pixels": nearest_distances(between(first, second, 3)[1], data),
        "codes": nearest_distances(decode(between(a, b, 3)[1]), data),
        "decoded": nearest_distances(decode(a), data),
    }
