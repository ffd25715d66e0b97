"""The geometry of dSprites: every image of the official file, drawn.

The official file is a deterministic drawing whose geometry is known to the pixel. Shapes are polygons on a 64x64
canvas, row 0 on top, sampled once at each pixel's centre; vertices lie on a grid of 1/256 pixel.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RADIUS = 0.15 * 64  # of a shape at scale 1, in pixels
SUBPIXELS = 256.0
SCALES = np.linspace(0.5, 1.0, 6)
ORIENTATIONS = np.linspace(0.0, 2 * np.pi, 40)  # includes both ends: indices 0 and 39 are the same angle
CENTRES = 16 + 32 * np.linspace(0.0, 1.0, 32)
# bit 63 of a word is column 0; SUFFIX[c] has every column from c on
SUFFIX = np.append(np.uint64(2**64 - 1) >> np.arange(64, dtype=np.uint64), np.uint64(0))


def blocks() -> Iterator[bytes]:
    """Bit-packed images, a block for each shape, scale and orientation, with 32 x by 32 y positions each."""
    for vertices in (_square(), _ellipse(), _heart()):
        for scale in SCALES:
            for angle in ORIENTATIONS:
                yield _block(vertices, scale, angle).astype(">u8").tobytes()


def _square() -> Array:
    return RADIUS * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def _ellipse() -> Array:
    t = 2 * np.pi * np.arange(100) / 100
    return np.stack([1.33 * RADIUS * np.cos(t), RADIUS / 1.33 * np.sin(t)], 1)


def _heart() -> Array:
    t = 2 * np.pi * np.arange(150) / 150
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([RADIUS * np.sin(t) ** 3, -RADIUS * y / 14.5 - 0.15 * RADIUS], 1)


def _block(vertices: Array, scale: float, angle: float) -> NDArray[np.uint64]:
    """One shape, scale and orientation at every position: rows as words (32 x, 32 y, 64).

    An x coordinate depends on the x position alone and a y coordinate on the y position alone, so the edges that
    cross a row are found once for each y position and evaluated for all 32 x positions at once. A row is the XOR of
    the suffixes that start where an edge crosses it.
    """
    x, y = _snapped(vertices, scale, angle)
    position, edge, row = _crossings(y)
    column = _columns(x, y, position, edge, row)
    target = position * 64 + row
    first = np.flatnonzero(np.r_[True, target[1:] != target[:-1]])
    rows = np.zeros((32, 32 * 64), np.uint64)
    rows[:, target[first]] = np.bitwise_xor.reduceat(SUFFIX[column], first, axis=1)
    return rows.reshape(32, 32, 64)


def _snapped(vertices: Array, scale: float, angle: float) -> tuple[Array, Array]:
    """Vertex coordinates in 1/256 pixel, (32 positions, vertices) each: rotated counter-clockwise on screen."""
    c, s = np.cos(angle), np.sin(angle)
    x = scale * (c * vertices[:, 0] + s * vertices[:, 1])
    y = scale * (-s * vertices[:, 0] + c * vertices[:, 1])
    return np.rint((x + CENTRES[:, None]) * SUBPIXELS), np.rint((y + CENTRES[:, None]) * SUBPIXELS)


def _crossings(y: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:
    """(position, edge, row) of every edge crossing a row's centre, ordered by position and row."""
    low, high = np.minimum(y, _next(y)), np.maximum(y, _next(y))
    first = np.floor((low - 128) / SUBPIXELS).astype(np.int64) + 1
    last = np.floor((high - 128) / SUBPIXELS).astype(np.int64)
    counts = np.where(low == high, 0, np.maximum(last - first + 1, 0))
    position, edge = np.nonzero(counts)
    repeats = counts[position, edge]
    offset = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    position, edge = np.repeat(position, repeats), np.repeat(edge, repeats)
    row = first[position, edge] + offset
    order = np.argsort(position * 64 + row, kind="stable")
    return position[order], edge[order], row[order]


def _columns(
    x: Array, y: Array, position: NDArray[np.intp], edge: NDArray[np.intp], row: NDArray[np.int64]
) -> NDArray[np.intp]:
    """The first column at or right of each crossing, for each x position: (32, crossings)."""
    start, rise = y[position, edge], _next(y)[position, edge] - y[position, edge]
    run = (_next(x) - x)[:, edge]
    crossing = x[:, edge] + (row * SUBPIXELS + 128 - start) * run / rise
    return np.clip(np.ceil((crossing - 128) / SUBPIXELS), 0, 64).astype(np.intp)


def _next(coordinate: Array) -> Array:
    """The other end of each edge."""
    return np.roll(coordinate, -1, axis=1)
