"""Converts a user's own images, files of a folder or an array of an .npz file, to bytes of one square size.

Recognised properties (grey or colour, the axis of channels, the values of black and white) are reported; what cannot
be recognised is an error that names the key to set. Only some images at a time are held in memory.
"""

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.data.base import DataError
from bench.data.image_contract import ROUNDING
from bench.data.one_picture import composited, fitted, mode, opened
from bench.store import npz
from bench.store.files import printable
from bench.values import counted

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Bytes = NDArray[np.uint8]
ENDINGS = (".png", ".jpg", ".jpeg")
FITS = ("crop", "pad", "stretch")
CHANNELS = {"grey": 1, "rgb": 3}
BACKGROUNDS = {"black": 0, "white": 255}
SIZES = (4, 1024)  # least and largest side in pixels
STEP = 256  # rows of an array that are read at a time
MEND = "np.savez('mine.npz', images=images) writes one that can be read"


@dataclass(frozen=True)
class ImageOptions:
    """How images are converted.

    Attributes:
        size: pixels a side; None: unchanged, then all must be square and of one size.
        fit: how an image becomes square, of `FITS`.
        channels: of `CHANNELS`; None: grey if all images are grey.
        background: colour behind transparent pixels and around a padded image, of `BACKGROUNDS`.
        range: the values of black and white in an array; None: by its type.
        array: the name of the array in an .npz; None: `images`, or the only array that can be images.
    """

    size: int | None = None
    fit: str = "crop"
    channels: str | None = None
    background: str = "black"
    range: tuple[float, float] | None = None
    array: str | None = None


class Pictures(ABC):
    """Images to convert to one size and number of channels.

    Attributes:
        path: the folder or the file.
        count: number of images.
        remarks: what was recognised and how images are converted, a line each.
        channels: number of channels after conversion.
        size: height and width after conversion.
    """

    path: Path
    count: int
    channels: int
    size: int

    def __init__(self, path: Path, options: ImageOptions) -> None:
        self.path, self.options = path, options
        self.remarks: list[str] = []

    @abstractmethod
    def images(self) -> Iterator[Bytes]:
        """The converted images in order, in blocks (n, size, size, channels).

        Raises:
            DataError: one of them is broken; the message names it.
            StoreError: the file cannot be read.
        """

    def _choose_format(self, sizes: Counter[tuple[int, int]], grey: bool) -> None:
        """Set size and channels from the options, the counts of (height, width) and whether all images are grey."""
        options = self.options
        self.channels = CHANNELS[options.channels] if options.channels else 1 if grey else 3
        if self.channels == 1 and not grey:
            self.remarks.append("colours are made grey")
        (height, width), _ = sizes.most_common(1)[0]
        most_common = f"{height}x{width}"
        if options.size is None:
            if len(sizes) > 1:
                other = "x".join(map(str, sizes.most_common(2)[1][0]))
                raise DataError(
                    f"{self.path}: images of {len(sizes)} sizes, such as {most_common} and {other}: {SIZED}"
                )
            if height != width:
                raise DataError(f"{self.path}: images of {most_common} pixels are not square: {SIZED}")
        self.size = options.size or height
        if set(sizes) == {(self.size, self.size)}:
            return
        shown = most_common if len(sizes) == 1 else f"{len(sizes)} sizes, most {most_common},"
        fitting = {
            "crop": "their middle square is kept",
            "pad": f"{options.background} is added around them",
            "stretch": "their sides are stretched to a square",
        }[options.fit]
        square = all(h == w for h, w in sizes)
        self.remarks.append(
            f"{shown} made {self.size}x{self.size} by Lanczos' filter"
            + ("" if square else f": {fitting} (fit={options.fit})")
        )

    def _converted(self, picture: "Picture") -> Bytes:
        """One converted image, (size, size, channels)."""
        background = BACKGROUNDS[self.options.background]
        flat = composited(picture, background)
        flat = flat.convert("L" if self.channels == 1 else "RGB")
        square = fitted(flat, self.size, self.options.fit, background)
        return np.asarray(square, np.uint8).reshape(self.size, self.size, self.channels)


SIZED = "size=64 makes them 64x64, and fit=crop, pad or stretch says how others become square"


class Files(Pictures):
    """The PNG and JPEG files below a folder, in the order of their names.

    Raises:
        DataError: there are none, or one is no image.
    """

    def __init__(self, path: Path, options: ImageOptions) -> None:
        super().__init__(path, options)
        if options.array is not None or options.range is not None:
            raise DataError(f"array= and range= are of an .npz file, and {path} is a folder")
        self.names, others = _listed(path)
        if not self.names:
            holds = f"it holds {others[0]}" + (f" and {len(others) - 1:,} more" if others[1:] else "") if others else ""
            raise DataError(f"{path} holds no PNG or JPEG files{f': {holds}' if holds else ', it is empty'}")
        self.count = len(self.names)
        if others:
            more = f" and {len(others) - 1:,} more" if others[1:] else ""
            self.remarks.append(f"left out, neither PNG nor JPEG: {printable(others[0], 80)}{more}")
        sizes, modes = Counter[tuple[int, int]](), Counter[str]()
        for name in self.names:
            with opened(path / name) as picture:
                width, height = picture.size
                rotated = picture.format != "PNG" and picture.getexif().get(0x0112, 1) >= 5  # by 90 degrees
                sizes[(width, height) if rotated else (height, width)] += 1
                modes[mode(picture)] += 1
        kinds = ", ".join(f"{kind} {n:,}" for kind, n in modes.items())
        self.remarks.insert(0, f"{counted(self.count, 'file')}: {kinds}")
        if any("transparency" in kind for kind in modes):
            self.remarks.append(f"transparent pixels are laid on {options.background}")
        self._choose_format(sizes, all(kind.startswith("grey") for kind in modes))

    def images(self) -> Iterator[Bytes]:
        from PIL import ImageOps

        for name in self.names:
            with opened(self.path / name) as picture:
                picture.load()
                yield self._converted(ImageOps.exif_transpose(picture))[None]


class Array(Pictures):
    """An array of an .npz file: (n, height, width), or with an axis of channels first or last.

    Raises:
        DataError: no array or several can be images, or values are outside the range from black to white.
        StoreError: the file cannot be read.
    """

    def __init__(self, path: Path, options: ImageOptions) -> None:
        super().__init__(path, options)
        self.heads = npz.heads(path, MEND)
        self.array = _chosen(self.heads, path, options.array)
        head = self.heads[self.array]
        self.count, *rest = head.shape or (0,)
        if head.dtype.kind not in "biuf":
            kind = "pickled objects, which are never unpickled" if head.dtype.hasobject else head.dtype
            raise DataError(f"{path}: {self.array} holds {kind}: save it as numbers")
        self.axis, self.depth, channels_place = _channels(tuple(rest), f"{path}: {self.array} {head.shape}")
        spatial = [n for k, n in enumerate(rest, 1) if k != self.axis]
        if not self.count or not all(rest):
            raise DataError(f"{path}: {self.array} {head.shape} holds no images")
        kind = {1: "grey", 3: "RGB", 4: "RGBA"}[self.depth]
        self.remarks.append(
            f"{counted(self.count, 'image')} of {printable(self.array)} {head.shape}: "
            f"{kind}{channels_place}, {head.dtype}"
        )
        self.low, self.high = self._bounds(head.dtype)
        if self.depth == 4:
            self.remarks.append(f"transparent pixels are laid on {options.background}")
        self._choose_format(Counter({(spatial[0], spatial[1]): self.count}), self.depth == 1)

    def images(self) -> Iterator[Bytes]:
        from PIL import Image

        for part in npz.rows(self.path, self.array, STEP):
            images = self._as_bytes(part)
            if images.shape[1:] == (self.size, self.size, self.channels):
                yield images
                continue
            plain = images[..., 0] if self.depth == 1 else images
            yield np.stack([self._converted(Image.fromarray(np.ascontiguousarray(image))) for image in plain])

    def _as_bytes(self, part: NDArray[Any]) -> Bytes:
        """Rows of the array as (n, height, width, channels)."""
        images = part[..., None] if self.axis is None else np.moveaxis(part, self.axis, -1)
        if part.dtype == np.uint8 and (self.low, self.high) == (0, 255):
            return images
        shares = (images.astype(np.float64) - self.low) / (self.high - self.low)
        return np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)

    def _bounds(self, dtype: np.dtype[Any]) -> tuple[float, float]:
        """The values of black and white, from the options or from type and values."""
        low, high = np.inf, -np.inf
        for part in npz.rows(self.path, self.array, STEP):
            least, most = float(part.min()), float(part.max())
            if not np.isfinite([least, most]).all():
                raise DataError(f"{self.path}: {self.array} holds NaN or infinite values")
            low, high = min(low, least), max(high, most)
        if self.options.range:
            bounds = self.options.range
        elif dtype.kind == "f" or high <= 1:
            bounds = (0.0, 1.0)
        else:
            bounds = (0.0, 255.0)
        slack = ROUNDING * (bounds[1] - bounds[0]) if dtype.kind == "f" else 0
        if low < bounds[0] - slack or high > bounds[1] + slack:
            reason = "is asked for" if self.options.range else f"of {dtype} is black to white"
            likely = next((b for b in ((0, 255), (-1, 1), (0, 65535)) if b[0] <= low and high <= b[1]), (low, high))
            mend = f"range=[{likely[0]:g},{likely[1]:g}]"
            raise DataError(
                f"{self.path}: {self.array} has values from {low:g} to {high:g}, and {bounds[0]:g} to {bounds[1]:g} "
                f"{reason}: {mend} maps other values"
            )
        rounding = ", rounded to 255 steps" if dtype.kind == "f" else ""
        self.remarks.append(f"black is {bounds[0]:g} and white {bounds[1]:g}, there are {low:g} to {high:g}{rounding}")
        return bounds


def pictures(path: Path, options: ImageOptions) -> Pictures:
    """The images of a folder or of an .npz file.

    Raises:
        DataError: it is neither, or its images cannot be converted.
        StoreError: the file cannot be read.
    """
    if path.is_dir():
        return Files(path, options)
    if not path.exists():
        raise DataError(f"there is no {path}: images= is a folder of PNG and JPEG files, or an .npz file")
    return Array(path, options)


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """Relative paths of the image files below a folder, by their endings, and of what else lies there, hidden or not.

    A link to nothing is an image file by its ending, and is broken.
    """

    def fail(fault: OSError) -> None:
        raise DataError(f"cannot read {fault.filename}: {fault.strerror}") from fault

    walk = os.walk(folder, onerror=fail)  # other ways leave out what they cannot list
    paths = sorted((Path(where) / name).relative_to(folder).as_posix() for where, _, files in walk for name in files)
    visible = [name for name in paths if not any(part.startswith(".") for part in name.split("/"))]
    return [n for n in visible if n.lower().endswith(ENDINGS)], [n for n in visible if not n.lower().endswith(ENDINGS)]


def _chosen(heads: dict[str, npz.Head], path: Path, requested: str | None) -> str:
    """The name of the array that holds the images."""
    shown = ", ".join(f"{printable(name, 40)} {head.shape}" for name, head in list(heads.items())[:12]) or "nothing"
    if requested is not None:
        if requested not in heads:
            raise DataError(f"{path} has no array {requested!r}, it holds {shown}")
        return requested
    if "images" in heads:
        return "images"
    candidates = [n for n, head in heads.items() if len(head.shape) in (3, 4) and head.dtype.kind in "biuf"]
    if len(candidates) == 1:
        return candidates[0]
    hint = f"array={candidates[0]} takes that one" if candidates else "images are (n, height, width) or with channels"
    raise DataError(f"{path}: {len(candidates) or 'no'} arrays can be the images, it holds {shown}: {hint}")


def _channels(rest: tuple[int, ...], array_name: str) -> tuple[int | None, int, str]:
    """From the shape behind n: the array's axis of channels (None: there is none), their number, and words for it."""
    if len(rest) == 2:
        return None, 1, ""
    if len(rest) == 3 and rest[2] in (1, 3, 4):
        return 3, rest[2], ", channels last"
    if len(rest) == 3 and rest[0] in (1, 3, 4):
        return 1, rest[0], ", channels first"
    raise DataError(f"{array_name} is no array of images: (n, height, width), with 1, 3 or 4 channels before or behind")
