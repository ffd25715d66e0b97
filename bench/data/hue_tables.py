"""Draws the file that rooms3d reads: the values of each pixel of each geometry at every hue.

A hue has one of six levels in each channel. So a channel of a pixel has six values if the filter that made it covered
one region, 36 if it covered two, and so on. The values are stored pixel by pixel. A table in front of them holds, for
each pixel, the offset of its values and its kind: on which of four variables they depend.
"""

import colorsys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from bench.data.rooms import FLOOR, OBJECT, SKY, WALL, View, view
from bench.data.solids import SHAPES
from bench.data.stored import shrunk

Window = tuple[slice, slice]
SIDE = 64  # pixels of an image
SKY_COLOUR = np.array([153, 226, 249], np.uint8)
LEVELS = np.array([0, 0.2, 0.4, 0.6, 0.8, 1])  # of a hue in a channel
HUES = np.array([np.rint(5 * np.array(colorsys.hsv_to_rgb(h / 10, 1, 1))) for h in range(10)], np.int64)  # as levels
CASES = (3, 6, 6, 6)  # of the variables: the channel, for the colour of the sky; the levels of floor, wall and object
KIND_BITS = len(CASES)  # a kind has one bit for each variable, the channel's is the highest
REACH = 3  # pixels of an image that the filter covers beside its own
THREADS = 4  # that draw; the filter, half of the work, runs in parallel


def blocks(scales: int, shapes: int, azimuths: int) -> Iterator[bytes]:
    """The file for so many scales, shapes and azimuths: int32 of offset << 4 | kind for each pixel, then the values."""
    geometries = [(SHAPES[shape], scale, azimuth) for scale, shape, azimuth in np.ndindex(scales, shapes, azimuths)]
    places, values, start = [], [], 0
    threads = ThreadPoolExecutor(THREADS)
    try:
        for kinds, geometry_values in threads.map(lambda geometry: _table(view(*geometry)), geometries):
            places.append((start + _first(kinds) << KIND_BITS | kinds).astype("<i4").tobytes())
            values.append(geometry_values.tobytes())
            start += len(geometry_values)
    finally:
        threads.shutdown(cancel_futures=True)  # an interruption does not wait for the rest
    yield from places
    yield from values


def steps() -> NDArray[np.int64]:
    """Offsets of the hues within the values of a pixel, (4 variables, 10 hues, 16 kinds, 3 channels).

    The place of a value is the sum of four offsets: of the channel, which is the same at all hues, and of the hues of
    floor, wall and object.
    """
    moves = np.stack([np.tile(np.arange(3), (10, 1)), HUES, HUES, HUES])
    strides = np.array([_strides(kind) for kind in range(1 << KIND_BITS)]).T
    return moves[:, :, None, :] * strides[:, None, :, None]


def _counting(kind: int) -> list[bool]:
    """Which of the four variables the values of a kind depend on."""
    return [bool(kind >> k & 1) for k in reversed(range(KIND_BITS))]


def _strides(kind: int) -> list[int]:
    """Strides of the four variables within the values of a kind, in row-major order; 0 for those without effect."""
    sizes = [size if counts else 1 for size, counts in zip(CASES, _counting(kind), strict=True)]
    return [counts * int(np.prod(sizes[k + 1 :])) for k, counts in enumerate(_counting(kind))]


def _counts() -> NDArray[np.int64]:
    """Number of values of a pixel of each kind, (16,)."""
    bits = np.array([_counting(kind) for kind in range(1 << KIND_BITS)])
    return np.where(bits, CASES, 1).prod(axis=1)


def _first(kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Offsets of the values of consecutive pixels of these kinds."""
    counts = _counts()[kinds]
    return np.cumsum(counts) - counts


def _table(scene: View) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """The kind of each pixel of a geometry (4096,), and the concatenated values of all pixels."""
    images = _cases(scene).reshape(*CASES, -1)
    kinds = np.zeros(images.shape[-1], np.int64)
    for k in range(len(CASES)):
        kinds = kinds << 1 | (images != images.take([0], axis=k)).any(axis=tuple(range(len(CASES))))
    first, counts = _first(kinds), _counts()
    values = np.empty(counts[kinds].sum(), np.uint8)
    for kind in np.unique(kinds):
        pixels = np.flatnonzero(kinds == kind)
        free = tuple(slice(None) if counts else 0 for counts in _counting(kind))
        values[first[pixels][:, None] + np.arange(counts[kind])] = images[free][..., pixels].reshape(-1, len(pixels)).T
    return kinds, values


def _cases(scene: View) -> NDArray[np.uint8]:
    """Images of one channel for every case of the variables, (3, 6, 6, 6, 64, 64)."""
    images = np.empty((*CASES, SIDE, SIDE), np.uint8)
    images[:] = _rendered(scene, (slice(0, SIDE), slice(0, SIDE)), solids=1)
    window = _reached(scene.region == OBJECT)
    images[..., *window] = _rendered(scene, window, solids=CASES[3])
    return images


def _reached(mask: NDArray[np.bool_]) -> Window:
    """The rows and columns of an image whose filter covers marked pixels of the large image."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) // 3 for axis in (1, 0))
    return _around(rows[0], rows[-1] + 1), _around(columns[0], columns[-1] + 1)


def _around(start: int, stop: int) -> slice:
    return slice(max(0, start - REACH), min(SIDE, stop + REACH))


def _rendered(scene: View, window: Window, solids: int) -> NDArray[np.uint8]:
    """A window of the images at the first `solids` levels of the object, (3, 6, 6, solids, height, width).

    Each is drawn large and reduced as the original was, with the same rounding and clipping at each step.
    """
    wide = [_around(s.start, s.stop) for s in window]
    region, shade, gloss = (layer[*(slice(3 * s.start, 3 * s.stop) for s in wide)] for layer in scene)
    level = np.floor(np.minimum(LEVELS[:, None, None] * shade + gloss, 1) * 255 + 0.5).astype(np.uint8)
    floor, wall, solid = (level * (region == part) for part in (FLOOR, WALL, OBJECT))
    rows, columns = (slice(s.start - w.start, s.stop - w.start) for s, w in zip(window, wide, strict=True))

    def channel(c: int, floors: int) -> NDArray[np.uint8]:
        large = SKY_COLOUR[c] * (region == SKY) + floor[:floors, None, None] + wall[:, None] + solid[:solids]
        small = shrunk(large.reshape(-1, *region.shape), *(s.stop - s.start for s in wide))
        return small.reshape(*large.shape[:3], *small.shape[1:])[..., rows, columns]

    first = channel(0, floors=CASES[1])
    # no filter covers both sky and floor, so the sky of another channel adds the same at every level of the floor
    return np.stack([first, *(first + (channel(c, floors=1) - first[:1]) for c in (1, 2))])
