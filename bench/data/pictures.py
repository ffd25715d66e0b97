"""One's own images made alike: files of a folder or an array of an .npz file, as bytes of one square size.

What is recognised (grey or colour, where the channels stand, what black and white are) is said; what cannot be known is
asked for. Nothing is held in memory but some images at a time.
"""

import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.data.base import DataError
from bench.data.image_contract import ROUNDING
from bench.store import npz
from bench.store.files import printable

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Bytes = NDArray[np.uint8]
ENDINGS = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG")  # nothing else is tried on a file, whatever its name says
FITS = ("crop", "pad", "stretch")
CHANNELS = {"grey": 1, "rgb": 3}
BACKGROUNDS = {"black": 0, "white": 255}
SIZES = (4, 1024)  # the least and the largest that images are made
STEP = 256  # rows of an array that are read at a time
MEND = "np.savez('mine.npz', images=images) writes one that can be read"


@dataclass(frozen=True)
class Asked:
    """What images are to become.

    Attributes:
        size: pixels a side; None: as they are, which must be square and of one size.
        fit: how an image that is not square becomes so: of `FITS`.
        channels: of `CHANNELS`; None: grey where all are grey.
        background: what shows through transparent pixels and around a padded image: of `BACKGROUNDS`.
        range: which values of an array are black and white; None: by its type.
        array: the name of the array of an .npz; None: the one called images, or the only one that can be.
    """

    size: int | None = None
    fit: str = "crop"
    channels: str | None = None
    background: str = "black"
    range: tuple[float, float] | None = None
    array: str | None = None


class Pictures(ABC):
    """Images that are to be made alike.

    Attributes:
        path: the folder or the file.
        count: how many there are.
        said: what was recognised of them, and what is done to them, in words.
        channels: how many they get.
        size: height and width that they get.
    """

    path: Path
    count: int
    channels: int
    size: int

    def __init__(self, path: Path, asked: Asked) -> None:
        self.path, self.asked = path, asked
        self.said: list[str] = []

    @abstractmethod
    def images(self) -> Iterator[Bytes]:
        """All in order, some (n, size, size, channels) at a time.

        Raises:
            DataError: one of them is broken; the message names it.
            StoreError: the file cannot be read.
        """

    def _settle(self, sizes: Counter[tuple[int, int]], grey: bool) -> None:
        """Decide on size and channels from the sizes (height, width) there are, and whether all are grey."""
        asked = self.asked
        self.channels = CHANNELS[asked.channels] if asked.channels else 1 if grey else 3
        if self.channels == 1 and not grey:
            self.said.append("colours are made grey")
        (height, width), _ = sizes.most_common(1)[0]
        there = f"{height}x{width}"
        if asked.size is None:
            if len(sizes) > 1:
                other = "x".join(map(str, sizes.most_common(2)[1][0]))
                raise DataError(f"{self.path}: images of {len(sizes)} sizes, such as {there} and {other}: {SIZED}")
            if height != width:
                raise DataError(f"{self.path}: images of {there} pixels are not square: {SIZED}")
        self.size = asked.size or height
        if set(sizes) == {(self.size, self.size)}:
            return
        shown = there if len(sizes) == 1 else f"{len(sizes)} sizes, most {there},"
        how = {"crop": "their middle square is kept", "pad": f"{asked.background} is added around them",
               "stretch": "their sides are stretched to a square"}[asked.fit]  # fmt: skip
        square = all(h == w for h, w in sizes)
        self.said.append(
            f"{shown} made {self.size}x{self.size} by Lanczos' filter"
            + ("" if square else f": {how} (fit={asked.fit})")
        )

    def _alike(self, picture: "Picture") -> Bytes:
        """One image as (size, size, channels)."""
        flat = _composited(picture, BACKGROUNDS[self.asked.background])
        flat = flat.convert("L" if self.channels == 1 else "RGB")
        fitted = _fitted(flat, self.size, self.asked)
        return np.asarray(fitted, np.uint8).reshape(self.size, self.size, self.channels)


SIZED = "size=64 makes them 64x64, and fit=crop, pad or stretch says how others become square"


class Files(Pictures):
    """The PNG and JPEG files below a folder, in the order of their names.

    Raises:
        DataError: there are none, or one is no image.
    """

    def __init__(self, path: Path, asked: Asked) -> None:
        super().__init__(path, asked)
        if asked.array is not None or asked.range is not None:
            raise DataError(f"array= and range= are of an .npz file, and {path} is a folder")
        self.names, others = _listed(path)
        if not self.names:
            holds = f"it holds {others[0]}" + (f" and {len(others) - 1:,} more" if others[1:] else "") if others else ""
            raise DataError(f"{path} holds no PNG or JPEG files{f': {holds}' if holds else ', it is empty'}")
        self.count = len(self.names)
        if others:
            more = f" and {len(others) - 1:,} more" if others[1:] else ""
            self.said.append(f"left out, neither PNG nor JPEG: {printable(others[0], 80)}{more}")
        sizes, modes = Counter[tuple[int, int]](), Counter[str]()
        for name in self.names:
            with _opened(path / name) as picture:
                width, height = picture.size
                turned = picture.format != "PNG" and picture.getexif().get(0x0112, 1) >= 5  # on its side
                sizes[(width, height) if turned else (height, width)] += 1
                modes[_mode(picture)] += 1
        self.said.insert(0, f"{self.count:,} files: {', '.join(f'{kind} {n:,}' for kind, n in modes.items())}")
        if any("transparency" in kind for kind in modes):
            self.said.append(f"transparent pixels are laid on {asked.background}")
        self._settle(sizes, all(kind.startswith("grey") for kind in modes))

    def images(self) -> Iterator[Bytes]:
        from PIL import ImageOps

        for name in self.names:
            with _opened(self.path / name) as picture:
                picture.load()
                yield self._alike(ImageOps.exif_transpose(picture))[None]


class Array(Pictures):
    """An array of an .npz file: (n, height, width), or with channels before or behind.

    Raises:
        DataError: no array can be images, or several can; its values are not what images have.
        StoreError: the file cannot be read.
    """

    def __init__(self, path: Path, asked: Asked) -> None:
        super().__init__(path, asked)
        self.heads = npz.heads(path, MEND)
        self.array = _chosen(self.heads, path, asked.array)
        head = self.heads[self.array]
        self.count, *rest = head.shape
        if head.dtype.kind not in "biuf":
            kind = "pickled objects, which are never unpickled" if head.dtype.hasobject else head.dtype
            raise DataError(f"{path}: {self.array} holds {kind}: save it as numbers")
        self.axis, self.depth, where = _channels(tuple(rest), f"{path}: {self.array} {head.shape}")
        spatial = [n for k, n in enumerate(rest, 1) if k != self.axis]
        if not self.count or not all(rest):
            raise DataError(f"{path}: {self.array} {head.shape} holds no images")
        kind = {1: "grey", 3: "RGB", 4: "RGBA"}[self.depth]
        self.said.append(f"{self.count:,} images of {printable(self.array)} {head.shape}: {kind}{where}, {head.dtype}")
        self.low, self.high = self._bounds(head.dtype)
        if self.depth == 4:
            self.said.append(f"transparent pixels are laid on {asked.background}")
        self._settle(Counter({(spatial[0], spatial[1]): self.count}), self.depth == 1)

    def images(self) -> Iterator[Bytes]:
        from PIL import Image

        for part in npz.rows(self.path, self.array, STEP):
            images = self._as_bytes(part)
            if images.shape[1:] == (self.size, self.size, self.channels):
                yield images
                continue
            plain = images[..., 0] if self.depth == 1 else images
            yield np.stack([self._alike(Image.fromarray(np.ascontiguousarray(image))) for image in plain])

    def _as_bytes(self, part: NDArray[Any]) -> Bytes:
        """Rows of the array as (n, height, width, channels)."""
        images = part[..., None] if self.axis is None else np.moveaxis(part, self.axis, -1)
        if part.dtype == np.uint8 and (self.low, self.high) == (0, 255):
            return images
        shares = (images.astype(np.float64) - self.low) / (self.high - self.low)
        return np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)

    def _bounds(self, dtype: np.dtype[Any]) -> tuple[float, float]:
        """Which values are black and white, by what is asked for or by type and values."""
        low, high = np.inf, -np.inf
        for part in npz.rows(self.path, self.array, STEP):
            least, most = float(part.min()), float(part.max())
            if not np.isfinite([least, most]).all():
                raise DataError(f"{self.path}: {self.array} holds NaN or infinite values")
            low, high = min(low, least), max(high, most)
        if self.asked.range:
            bounds = self.asked.range
        elif dtype.kind == "f" or high <= 1:
            bounds = (0.0, 1.0)
        else:
            bounds = (0.0, 255.0)
        slack = ROUNDING * (bounds[1] - bounds[0]) if dtype.kind == "f" else 0
        if low < bounds[0] - slack or high > bounds[1] + slack:
            told = "is asked for" if self.asked.range else f"of {dtype} is black to white"
            likely = next((b for b in ((0, 255), (-1, 1), (0, 65535)) if b[0] <= low and high <= b[1]), (low, high))
            mend = f"range=[{likely[0]:g},{likely[1]:g}]"
            raise DataError(
                f"{self.path}: {self.array} has values from {low:g} to {high:g}, and {bounds[0]:g} to {bounds[1]:g} "
                f"{told}: {mend} maps other values"
            )
        kept = ", rounded to 255 steps" if dtype.kind == "f" else ""
        self.said.append(f"black is {bounds[0]:g} and white {bounds[1]:g}, there are {low:g} to {high:g}{kept}")
        return bounds


def pictures(path: Path, asked: Asked) -> Pictures:
    """The images of a folder or of an .npz file.

    Raises:
        DataError: it is neither, or what is in it cannot be made alike.
        StoreError: the file cannot be read.
    """
    if path.is_dir():
        return Files(path, asked)
    if not path.exists():
        raise DataError(f"there is no {path}: images= is a folder of PNG and JPEG files, or an .npz file")
    return Array(path, asked)


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """Files below a folder that end like images, by their paths in it, and the others; hidden ones are neither."""
    try:
        found = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    except OSError as fault:
        raise DataError(f"cannot read {fault.filename or folder}: {fault.strerror or fault}") from fault
    seen = [name for name in found if not any(part.startswith(".") for part in name.split("/"))]
    return [n for n in seen if n.lower().endswith(ENDINGS)], [n for n in seen if not n.lower().endswith(ENDINGS)]


@contextmanager
def _opened(path: Path) -> "Iterator[Picture]":
    """A file as an image; whatever is wrong with it is a DataError that names it."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                yield picture
    except DataError:
        raise
    except UnidentifiedImageError as fault:
        raise DataError(f"{path} is no PNG or JPEG image: replace it or take it out of the folder") from fault
    except Exception as fault:  # what a damaged file raises is not documented
        raise DataError(f"{path} is broken: {printable(str(fault), 200) or type(fault).__name__}") from fault


def _mode(picture: "Picture") -> str:
    """What a file holds, in words."""
    grey = picture.mode in ("1", "L", "LA", "La") or picture.mode.startswith("I")
    deep = " of 16 bits" if picture.mode.startswith("I") else ""
    return ("grey" if grey else "colour") + deep + (" with transparency" if picture.has_transparency_data else "")


def _composited(picture: "Picture", background: int) -> "Picture":
    """An image without transparency, of 8 bits: L or RGB."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits, which a conversion would cut off at 255
        deep = np.clip(np.asarray(picture, np.int64), 0, 65535)
        return Image.fromarray(np.rint(deep / 257).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    grey = picture.mode in ("L", "LA", "La")
    above = picture.convert("RGBA")
    below = Image.new("RGBA", above.size, (background,) * 3 + (255,))
    return Image.alpha_composite(below, above).convert("L" if grey else "RGB")


def _fitted(picture: "Picture", size: int, asked: Asked) -> "Picture":
    """An image as a square of a size."""
    from PIL import Image

    width, height = picture.size
    if (width, height) == (size, size):
        return picture
    box = (0.0, 0.0, float(width), float(height))
    if asked.fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    elif asked.fit == "pad" and width != height:
        side = max(width, height)
        colour = (BACKGROUNDS[asked.background],) * len(picture.getbands())
        padded = Image.new(picture.mode, (side, side), colour if len(colour) > 1 else colour[0])
        padded.paste(picture, ((side - width) // 2, (side - height) // 2))
        picture, box = padded, (0.0, 0.0, float(side), float(side))
    return picture.resize((size, size), Image.Resampling.LANCZOS, box=box)


def _chosen(heads: dict[str, npz.Head], path: Path, asked: str | None) -> str:
    """The array that holds the images."""
    shown = ", ".join(f"{printable(name, 40)} {head.shape}" for name, head in list(heads.items())[:12]) or "nothing"
    if asked is not None:
        if asked not in heads:
            raise DataError(f"{path} has no array {asked!r}, it holds {shown}")
        return asked
    if "images" in heads:
        return "images"
    able = [n for n, head in heads.items() if len(head.shape) in (3, 4) and head.dtype.kind in "biuf"]
    if len(able) == 1:
        return able[0]
    which = f"array={able[0]} takes that one" if able else "images are (n, height, width) or with channels"
    raise DataError(f"{path}: {len(able) or 'no'} arrays can be the images, it holds {shown}: {which}")


def _channels(rest: tuple[int, ...], what: str) -> tuple[int | None, int, str]:
    """Of an image's shape: which axis of the array is channels (None: there is none), how many, and that in words."""
    if len(rest) == 2:
        return None, 1, ""
    if len(rest) == 3 and rest[2] in (1, 3, 4):
        return 3, rest[2], ", channels last"
    if len(rest) == 3 and rest[0] in (1, 3, 4):
        return 1, rest[0], ", channels first"
    raise DataError(f"{what} is no array of images: (n, height, width), with 1, 3 or 4 channels before or behind")
