"""One image of a user: opened from a PNG or JPEG file, freed of transparency, fitted into a square."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.data.base import DataError
from bench.store.files import check_regular, printable

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FORMATS = ("PNG", "JPEG")  # the only formats that are tried, whatever the file name says


@contextmanager
def opened(path: Path) -> "Iterator[Picture]":
    """An opened image file; any fault of it is raised as a DataError that names it."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            check_regular(path.stat())  # a pipe would be waited for
            with Image.open(path, formats=FORMATS) as picture:
                yield picture
    except DataError:
        raise
    except UnidentifiedImageError as fault:
        raise DataError(f"{path} is no PNG or JPEG image: replace it or take it out of the folder") from fault
    except Exception as fault:  # the errors for a damaged file are not documented
        raise DataError(f"{path} is broken: {printable(str(fault), 200) or type(fault).__name__}") from fault


def mode(picture: "Picture") -> str:
    """The kind of an image, in words, such as "grey of 16 bits"."""
    grey = picture.mode in ("1", "L", "LA", "La") or picture.mode.startswith("I")
    deep = " of 16 bits" if picture.mode.startswith("I") else ""
    return ("grey" if grey else "colour") + deep + (" with transparency" if picture.has_transparency_data else "")


def composited(picture: "Picture", background: int) -> "Picture":
    """An image without transparency, of 8 bits: L or RGB."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits, which `convert` would clip at 255
        deep = np.clip(np.asarray(picture, np.int64), 0, 65535)
        return Image.fromarray(np.rint(deep / 257).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    grey = picture.mode in ("L", "LA", "La")
    above = picture.convert("RGBA")
    below = Image.new("RGBA", above.size, (background,) * 3 + (255,))
    return Image.alpha_composite(below, above).convert("L" if grey else "RGB")


def fitted(picture: "Picture", size: int, fit: str, background: int) -> "Picture":
    """An image fitted into a square of `size` pixels: cropped, padded with a grey value (0 to 255), or stretched."""
    from PIL import Image

    width, height = picture.size
    if (width, height) == (size, size):
        return picture
    box = (0.0, 0.0, float(width), float(height))
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    elif fit == "pad" and width != height:
        side = max(width, height)
        colour = (background,) * len(picture.getbands())
        padded = Image.new(picture.mode, (side, side), colour if len(colour) > 1 else colour[0])
        padded.paste(picture, ((side - width) // 2, (side - height) // 2))
        picture, box = padded, (0.0, 0.0, float(side), float(side))
    return picture.resize((size, size), Image.Resampling.LANCZOS, box=box)
