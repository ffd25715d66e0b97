"""dSprites (Matthey et al. 2017), drawn rather than downloaded, and its noisy variant.

The official file is a deterministic drawing whose geometry is known to the pixel: one sample a pixel centre, polygon
fill, every vertex snapped to 1/256 pixel. All 737,280 images are drawn in seconds and kept bit-packed (377 MB).
"""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import counter
from bench.data.base import Card, DataError, DataSet
from bench.store import sha256_of, writing

log = logging.getLogger(__name__)

Array = NDArray[np.float64]
RADIUS = 0.15 * 64  # of a shape at scale 1, in pixels
SUBPIXELS = 256.0
SCALES = np.linspace(0.5, 1.0, 6)
ORIENTATIONS = np.linspace(0.0, 2 * np.pi, 40)  # both ends: index 0 and 39 are the same angle
CENTRES = 16 + 32 * np.linspace(0.0, 1.0, 32)
CACHED = 8  # images whose noise is made at once: what fits a core's cache
PACKED_SHAPE = (737_280, 64, 8)


class Sprites(DataSet):
    """Binary 64x64 images, one channel, from the bit-packed cache."""

    def __init__(self, card: Card, path: Path) -> None:
        super().__init__(card)
        self.packed = np.memmap(path, np.uint8, "r", shape=PACKED_SHAPE)

    def bits(self, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Images (n, 64, 64) of 0 and 1."""
        return np.unpackbits(self.packed[index], axis=-1)

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        return self.bits(index)[..., None].astype(np.float32)


class NoisySprites(Sprites):
    """min(sprite + U(0, 1), 1) for each pixel and channel (Locatello et al. 2019): a white sprite in colour noise."""

    def __init__(self, card: Card, path: Path) -> None:
        super().__init__(card, path)
        self.key = counter.root(card.options["seed"], "noise")
        self.places = counter.mix(np.arange(64 * 64 * 3, dtype=np.int32))

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        images = np.empty((len(index), 64, 64, 3), np.float32)
        for some in (slice(i, i + CACHED) for i in range(0, len(index), CACHED)):
            noise = self.noise(index[some], epoch[some])
            # noise is below 1, so this is min(sprite + noise, 1)
            np.maximum(noise, self.bits(index[some])[..., None], out=images[some])
        return images

    def noise(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        """U(0, 1) for each pixel and channel, a function of (seed, index, epoch): (n, 64, 64, 3)."""
        key = counter.fold(counter.fold(self.key, index.astype(np.int32)), epoch)
        words = counter.bits(counter.Key(key.a[:, None], key.b[:, None]), self.places)
        return np.asarray(counter.uniform(words)).reshape(-1, 64, 64, 3)


VARIANTS = {"plain": Sprites, "noisy": NoisySprites}


def load(card: Card, folder: Path) -> DataSet:
    """Open a variant of dSprites, drawing the images first where they are not cached.

    Raises:
        DataError: the cache cannot be written, or what was drawn is not dSprites.
    """
    path = _path(folder)
    if state(card, folder) != "ready":
        _draw(card, path)
    return VARIANTS[card.options["variant"]](card, path)


def state(card: Card, folder: Path) -> str:
    """ "ready", "not fetched", or "damaged" where the cached file has another size."""
    path = _path(folder)
    if not path.exists():
        return "not fetched"
    return "ready" if path.stat().st_size == np.prod(PACKED_SHAPE) else "damaged"


def verify(card: Card, folder: Path) -> None:
    """Check the cached file's bytes.

    Raises:
        DataError: it is missing or damaged.
    """
    path = _path(folder)
    if not path.exists() or sha256_of(path) != card.files[0].sha256:
        raise DataError(f"{path} is missing or damaged: delete it and it will be drawn again")


def _path(folder: Path) -> Path:
    return folder / "dsprites" / "packed.bin"


def _draw(card: Card, path: Path) -> None:
    log.info("drawing the 737,280 images of dSprites into %s (a few seconds, 377 MB, once)", path)
    with writing(path) as file:
        file.write(draw_all().data)
    verify(card, path.parents[1])


def draw_all() -> NDArray[np.uint8]:
    """Every image, bit-packed: (737280, 64, 8), shape > scale > orientation > x > y, y fastest."""
    images = np.empty((3, 6, 40, 32, 32, 64), ">u8")  # a row of pixels is a 64-bit word
    for i, vertices in enumerate((_square(), _ellipse(), _heart())):
        for j, scale in enumerate(SCALES):
            for k, angle in enumerate(ORIENTATIONS):
                images[i, j, k] = _block(vertices, scale, angle)
    return images.view(np.uint8).reshape(-1, 64, 8)


def _square() -> Array:
    return RADIUS * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def _ellipse() -> Array:
    t = 2 * np.pi * np.arange(100) / 100
    return np.stack([1.33 * RADIUS * np.cos(t), RADIUS / 1.33 * np.sin(t)], 1)


def _heart() -> Array:
    t = 2 * np.pi * np.arange(150) / 150
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([RADIUS * np.sin(t) ** 3, -RADIUS * y / 14.5 - 0.15 * RADIUS], 1)


# bit 63 of a word is column 0; SUFFIX[c] has every column from c on
SUFFIX = np.append(np.uint64(2**64 - 1) >> np.arange(64, dtype=np.uint64), np.uint64(0))


def _block(vertices: Array, scale: float, angle: float) -> NDArray[np.uint64]:
    """One shape, scale and orientation at every position: rows as words (32 x, 32 y, 64).

    An x coordinate depends on the x position alone and a y coordinate on the y position alone, so the edges that
    cross a row are found once for each y position and evaluated for all 32 x positions at once. A row is the XOR of
    the suffixes that start where an edge crosses it.
    """
    x, y = _snapped(vertices, scale, angle)
    x_next, y_next = np.roll(x, -1, 1), np.roll(y, -1, 1)
    position, edge, row = _crossings(y, y_next)
    y0 = y[position, edge]
    x0, dx = x[:, edge], (x_next - x)[:, edge]
    crossing = x0 + (row * SUBPIXELS + 128 - y0) * dx / (y_next[position, edge] - y0)
    column = np.clip(np.ceil((crossing - 128) / SUBPIXELS), 0, 64).astype(np.intp)
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


def _crossings(y: Array, y_next: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:
    """(position, edge, row) of every edge crossing a row's centre, ordered by position and row."""
    low, high = np.minimum(y, y_next), np.maximum(y, y_next)
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
