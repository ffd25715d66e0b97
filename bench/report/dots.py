"""Pages of small images with text, drawn pixel by pixel: exact and fast."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.report.sights import Images

GREY = "#404040"
Anchor = Literal["la", "rm", "ma", "lm"]  # anchor of a text: left, middle or right; ascender or middle


def page(width: int, height: int) -> Image.Image:
    """A white page, in dots."""
    return Image.new("RGB", (width, height), "white")


def write(canvas: Image.Image, place: tuple[int, int], text: str, size: int, anchor: Anchor = "la") -> None:
    """Write text of a size in dots."""
    ImageDraw.Draw(canvas).text(place, text, GREY, _font(size), anchor=anchor)


def length(text: str, size: int) -> int:
    """The width of a text in dots."""
    return round(_font(size).getlength(text))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The typeface of the figures; Pillow's default lacks the Greek letters of models' names."""
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def side(images: Images, most: int) -> int:
    """The side of images enlarged by a whole factor to at most `most` dots, but never reduced."""
    return images.shape[-2] * max(1, most // images.shape[-2])


def enlarged(image: Images, most: int) -> Image.Image:
    """An image (height, width, channels) in [0, 1], enlarged, each of its pixels a square of dots."""
    factor = side(image, most) // image.shape[-2]
    dots = (255 * image.clip(0, 1)).round().astype(np.uint8)
    dots = np.broadcast_to(dots, (*dots.shape[:2], 3)).repeat(factor, axis=0).repeat(factor, axis=1)
    return Image.fromarray(np.ascontiguousarray(dots))


def paste(canvas: Image.Image, places: Sequence[tuple[int, int]], images: Images, most: int) -> None:
    """Put images (N, height, width, channels) at N places, by their upper left corners."""
    for place, image in zip(places, images, strict=True):
        canvas.paste(enlarged(image, most), place)
