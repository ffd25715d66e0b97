"""What each pixel of a geometry of rooms3d is at every hue: the file that rooms3d reads, drawn.

A hue has one of six levels in each channel. So a pixel of one channel has six values where the filter that made it saw
one region, 36 where it saw two, and so on. They are stored pixel by pixel; before them lies, for every pixel, where its
values begin, and its kind: which of four things they depend on.
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
LEVELS = np.array([0, 0.2, 0.4, 0.6, 0.8, 1])  # what a hue may be in a channel
HUES = np.array([np.rint(5 * np.array(colorsys.hsv_to_rgb(h / 10, 1, 1))) for h in range(10)], np.int64)  # as levels
CASES = (3, 6, 6, 6)  # of what a value may depend on: the channel, by the sky; the levels of floor, wall and object
KIND_BITS = len(CASES)  # a kind has a bit for each, the channel's the highest
REACH = 3  # pixels of an image, how far the filter sees beyond its own
THREADS = 4  # that draw; the filter, half of the work, runs at once in all of them


def blocks(scales: int, shapes: int, azimuths: int) -> Iterator[bytes]:
    """The file of the first so many scales, shapes and azimuths: where values begin << 4 | kind, int32; the values."""
    geometries = [(SHAPES[shape], scale, azimuth) for scale, shape, azimuth in np.ndindex(scales, shapes, azimuths)]
    places, values, start = [], [], 0
    threads = ThreadPoolExecutor(THREADS)
    try:
        for kinds, own in threads.map(lambda geometry: _table(view(*geometry)), geometries):
            places.append((start + _first(kinds) << KIND_BITS | kinds).astype("<i4").tobytes())
            values.append(own.tobytes())
            start += len(own)
    finally:
        threads.shutdown(cancel_futures=True)  # who interrupts this does not wait for the rest
    yield from places
    yield from values


def steps() -> NDArray[np.int64]:
    """How far hues move within the values of a pixel, (4, 10 hues, 16 kinds, 3 channels).

    The sum over the four is the place of a value: the channel's own step, which is the same at all hues, and those of
    the hues of floor, wall and object.
    """
    moves = np.stack([np.tile(np.arange(3), (10, 1)), HUES, HUES, HUES])
    strides = np.array([_strides(kind) for kind in range(1 << KIND_BITS)]).T
    return moves[:, :, None, :] * strides[:, None, :, None]


def _counting(kind: int) -> list[bool]:
    """Which of the four things values of a kind depend on."""
    return [bool(kind >> k & 1) for k in reversed(range(KIND_BITS))]


def _strides(kind: int) -> list[int]:
    """How far one case of each of the four moves within the values of a kind, in which the last is the fastest."""
    sizes = [size if counts else 1 for size, counts in zip(CASES, _counting(kind), strict=True)]
    return [counts * int(np.prod(sizes[k + 1 :])) for k, counts in enumerate(_counting(kind))]


def _counts() -> NDArray[np.int64]:
    """How many values a pixel of each kind has."""
    bits = np.array([_counting(kind) for kind in range(1 << KIND_BITS)])
    return np.where(bits, CASES, 1).prod(axis=1)


def _first(kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the values of pixels of these kinds begin that lie after each other."""
    counts = _counts()[kinds]
    return np.cumsum(counts) - counts


def _table(seen: View) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """The kind of each pixel of a geometry (4096,), and the values of all pixels after each other."""
    images = _cases(seen).reshape(*CASES, -1)
    kinds = np.zeros(images.shape[-1], np.int64)
    for k in range(len(CASES)):
        kinds = kinds << 1 | (images != images.take([0], axis=k)).any(axis=tuple(range(len(CASES))))
    first, counts = _first(kinds), _counts()
    values = np.empty(counts[kinds].sum(), np.uint8)
    for kind in np.unique(kinds):
        here = np.flatnonzero(kinds == kind)
        free = tuple(slice(None) if counts else 0 for counts in _counting(kind))
        values[first[here][:, None] + np.arange(counts[kind])] = images[free][..., here].reshape(-1, len(here)).T
    return kinds, values


def _cases(seen: View) -> NDArray[np.uint8]:
    """One channel in every case, (3, 6, 6, 6, 64, 64)."""
    images = np.empty((*CASES, SIDE, SIDE), np.uint8)
    images[:] = _drawn(seen, (slice(0, SIDE), slice(0, SIDE)), solids=1)
    window = _reached(seen.region == OBJECT)
    images[..., *window] = _drawn(seen, window, solids=CASES[3])
    return images


def _reached(where: NDArray[np.bool_]) -> Window:
    """The rows and columns of an image whose filter sees some pixels of a large one."""
    rows, columns = (np.flatnonzero(where.any(axis=axis)) // 3 for axis in (1, 0))
    return _around(rows[0], rows[-1] + 1), _around(columns[0], columns[-1] + 1)


def _around(start: int, stop: int) -> slice:
    return slice(max(0, start - REACH), min(SIDE, stop + REACH))


def _drawn(seen: View, window: Window, solids: int) -> NDArray[np.uint8]:
    """A window of the cases at the first levels of the object, (3, 6, 6, solids, height, width).

    Each is drawn large and reduced as the original was, with all that is rounded and clipped on the way.
    """
    wide = [_around(s.start, s.stop) for s in window]
    region, shade, gloss = (layer[*(slice(3 * s.start, 3 * s.stop) for s in wide)] for layer in seen)
    level = np.floor(np.minimum(LEVELS[:, None, None] * shade + gloss, 1) * 255 + 0.5).astype(np.uint8)
    floor, wall, solid = (level * (region == part) for part in (FLOOR, WALL, OBJECT))
    rows, columns = (slice(s.start - w.start, s.stop - w.start) for s, w in zip(window, wide, strict=True))

    def channel(c: int, floors: int) -> NDArray[np.uint8]:
        large = SKY_COLOUR[c] * (region == SKY) + floor[:floors, None, None] + wall[:, None] + solid[:solids]
        small = shrunk(large.reshape(-1, *region.shape), *(s.stop - s.start for s in wide))
        return small.reshape(*large.shape[:3], *small.shape[1:])[..., rows, columns]

    first = channel(0, floors=CASES[1])
    # no filter sees both sky and floor, so another channel's sky changes the values at every level of the floor alike
    return np.stack([first, *(first + (channel(c, floors=1) - first[:1]) for c in (1, 2))])
