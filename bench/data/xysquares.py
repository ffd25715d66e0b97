"""XYSquares (Michlo et al. 2023): a red, a green and a blue square, each in one of 8x8 cells: a negative control.

Cells do not overlap, so two images differ by as many pixels whether a square moved by one cell or by seven.
"""

from pathlib import Path

from bench.data.base import Card, DataSet
from bench.data.formula import Array, Formula

CELLS, SIDE = 8, 8  # cells in a row, and pixels along the side of a cell


class Squares(Formula):
    """Channel c is 1 in the cell (x, y) of its square, 0 elsewhere; the factors are x and y of red, green and blue."""

    white = 1

    def drawn(self, factors: tuple[Array, ...], row: Array, column: Array, channel: Array) -> Array:
        cells = [y * CELLS + x for x, y in zip(factors[0::2], factors[1::2], strict=True)]
        cell_of_channel = sum(cell * (channel == c) for c, cell in enumerate(cells))  # (n, 1, 1, channels)
        return row // SIDE * CELLS + column // SIDE == cell_of_channel


def load(card: Card, folder: Path) -> DataSet:
    """XYSquares."""
    return Squares(card)
