"""Measures of handwritten digits, as Morpho-MNIST has them (Castro et al. 2019, section 3).

A digit is enlarged fourfold and smoothed; its stroke consists of the points at least half as bright as the brightest.
Everything is computed as in the authors' code with the libraries of its time, even the random order of equal pixels.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
SCALE = 4  # enlargement of a digit
OUTSIDE = 0.02  # fraction of a digit's ink outside the parallelogram around it


class Measures(NamedTuple):
    """Lengths are in pixels of the digit, the slant is in radians, positive to the right."""

    thickness: float
    slant: float
    width: float
    length: float


def measured(digit: NDArray[np.uint8]) -> Measures:
    """Measures of a digit (height, width); all are 0 for a black image."""
    ink = _enlarged(digit)
    if not ink.any():
        return Measures(0.0, 0.0, 0.0, 0.0)
    stroke = ink >= (ink.min() + ink.max()) / 2
    depth = ndimage.distance_transform_edt(stroke)
    axis = _medial_axis(stroke, depth)
    shear, middle = _shear(ink)
    thickness = 2 * depth[axis].mean() / SCALE
    return Measures(
        float(thickness), float(np.arctan(-shear)), _width(ink, shear, middle) / SCALE, _length(axis) / SCALE
    )


def _enlarged(digit: NDArray[np.uint8]) -> Array:
    """The digit enlarged by cubic interpolation and smoothed by a Gaussian; whole grey levels, rounded down."""
    rows, columns = (_cubics(n) for n in digit.shape)
    large = np.clip(rows @ (digit / 255) @ columns.T, 0, 1)
    smooth = _gaussian(len(large)) @ large @ _gaussian(large.shape[1]).T
    return np.floor(255 * np.round(smooth, 9))


@cache
def _cubics(n: int) -> Array:
    """Catmull-Rom interpolation as a matrix (4n, n) from pixels to pixels of the enlarged digit."""
    position = (np.arange(SCALE * n) + 0.5) / SCALE - 0.5
    pixel_before = np.floor(position).astype(int)
    t = position - pixel_before
    weights = 0.5 * np.array([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3])
    matrix = np.zeros((len(position), n))
    for k, weight in enumerate(weights):
        pixel = np.abs(pixel_before + k - 1)  # the image is reflected at its borders
        np.add.at(matrix, (np.arange(len(position)), np.where(pixel >= n, 2 * (n - 1) - pixel, pixel)), weight)
    return matrix


@cache
def _gaussian(n: int) -> Array:
    return np.asarray(ndimage.gaussian_filter1d(np.eye(n), SCALE / 3, axis=0, mode="reflect"))


def _shear(ink: Array) -> tuple[float, float]:
    """Shift of each row to the right of the row above, from second moments, and the mean row."""
    row, column = np.indices(ink.shape)
    share = ink / ink.sum()
    x, y = (share * column).sum(), (share * row).sum()
    return float((share * (column - x) * (row - y)).sum() / (share * (row - y) ** 2).sum()), float(y)


def _width(ink: Array, shear: float, middle: float) -> float:
    """Distance of the two slanted lines that each have half of the `OUTSIDE` ink on their outer side."""
    row, column = np.indices(ink.shape)
    right_of = np.floor(column + 0.5 - shear * (row - middle)).astype(int) + 1  # the next slanted line to the right
    places = ink.shape[1]
    shares = np.bincount(np.clip(right_of, 0, places).ravel(), ink.ravel(), places + 1)[:places].cumsum() / ink.sum()
    left, right = np.interp([OUTSIDE / 2, 1 - OUTSIDE / 2], shares, np.arange(places))
    return float(right - left)


def _length(axis: NDArray[np.bool_]) -> float:
    """Total length of the steps between neighbouring pixels of the axis."""
    padded, (height, width) = np.pad(axis, 1), axis.shape
    steps = {(1, 2): 1, (2, 1): 1, (2, 0): np.sqrt(2), (2, 2): np.sqrt(2)}  # to the right, down and diagonal
    counts = {(i, j): (axis & padded[i : i + height, j : j + width]).sum() for i, j in steps}
    return float(sum(steps[step] * counts[step] for step in steps))


def _medial_axis(stroke: NDArray[np.bool_], depth: Array) -> NDArray[np.bool_]:
    """The stroke thinned to its skeleton: pixels are removed, the outermost first, as long as its shape stays."""
    neighbours = ndimage.correlate(stroke.astype(np.int64), np.ones((3, 3), np.int64), mode="constant")
    row, column = np.nonzero(stroke)
    by_chance = np.random.RandomState(0).permutation(len(row))  # as scikit-image did
    order = np.lexsort((by_chance, -neighbours[row, column], depth[row, column]))
    pixels = np.pad(stroke, 1)
    _thin(pixels, row[order] + 1, column[order] + 1, _needed())
    return pixels[1:-1, 1:-1]


@njit(cache=True)
def _thin(pixels: Any, rows: Any, columns: Any, needed: Any) -> None:
    """Remove pixels one by one, in place, unless the 3x3 neighbourhood needs its centre."""
    for i, j in zip(rows, columns):  # noqa: B905 - the compiler knows no `strict`
        code = 0
        for k in range(9):
            code |= pixels[i - 1 + k // 3, j - 1 + k % 3] << k
        pixels[i, j] = needed[code]


@cache
def _needed() -> NDArray[np.bool_]:
    """For each pattern of 3x3 pixels (bits in row order): whether its centre connects parts or is the end of a line."""
    needed = np.zeros(512, bool)
    for code in range(512):
        block = (code >> np.arange(9) & 1).reshape(3, 3)
        if block[1, 1]:
            without = block.copy()
            without[1, 1] = 0
            parts, parts_without = (ndimage.label(b, np.ones((3, 3)))[1] for b in (block, without))
            needed[code] = parts != parts_without or block.sum() < 3
    return needed
