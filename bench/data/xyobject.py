"""XYObject (Michlo et al. 2023): one square of 25x25 positions, 5 sizes and 24 colours on black: a positive control."""

from pathlib import Path

from bench.data.base import Card, DataSet
from bench.data.formula import Array, Formula

STEP = 2  # pixels between positions
SMALLEST, LARGEST = 7, 15  # pixels a side; sizes differ by two, so that each keeps the largest one's centre
HUES, SHADES = 6, 4  # colours run through red, yellow, green, cyan, blue and magenta, the darkest shades first


class Square(Formula):
    """A square of one colour; x, y and size move its sides by whole pixels."""

    def drawn(self, factors: tuple[Array, ...], row: Array, column: Array, channel: Array) -> Array:
        x, y, scale, colour = factors
        side = SMALLEST + 2 * scale
        margin = (LARGEST - side) // 2
        left, top = STEP * x + margin, STEP * y + margin
        inside = (column >= left) & (column < left + side) & (row >= top) & (row < top + side)
        shade = self.white * (colour // HUES + 1) // SHADES
        on = (colour % HUES - 2 * channel + 1) % HUES < HUES // 2  # each channel is in three neighbouring hues
        return inside * (shade * on)


def load(card: Card, folder: Path) -> DataSet:
    """XYObject."""
    return Square(card)
