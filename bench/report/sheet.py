"""A contact sheet of a data set: the effect of each factor, and random images."""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.data.base import DataError, DataSet
from bench.store.files import StoreError, writing

COLUMNS = 10
DPI = 200
# inches; a 64-pixel image fills 128 dots, so that all its pixels have the same size
CELL, GAP, LABELS, HEAD, MARGIN = 0.64, 0.06, 1.05, 0.62, 0.14


@dataclass(frozen=True)
class Row:
    """A line of the sheet: its label, a remark below it, the images, and a factor 0..1 for the brightness of each."""

    label: str
    remark: str
    index: NDArray[np.int64]
    brightness: NDArray[np.float64] | None = None


def draw_sheet(data: DataSet, path: Path) -> None:
    """Write a png: a row for each factor, which varies while the others are fixed, then rows of random images.

    If a sampling draws images unevenly, the rows of factors show the two factors that are drawn least evenly, darker
    for rarer combinations, and the random images are drawn by the sampling.

    Raises:
        DataError: the images or factors of the data set cannot be drawn.
        StoreError: the picture cannot be written.
    """
    try:
        figure = _figure(data)
    except (DataError, StoreError):
        raise
    except Exception as fault:  # of a plug-in
        raise DataError(f"the contact sheet of {data.card.name}: {type(fault).__name__}: {fault}") from fault
    with writing(path) as file:
        figure.savefig(file, format="png")


def _figure(data: DataSet) -> Figure:
    of_factors = _sweeps if data.card.grid else _classes if data.card.factor_names else lambda data: []
    if _shows_rarity(data):
        of_factors = _joint
    rows = [*of_factors(data), *_random(data)]
    pitch = CELL + GAP
    width, height = LABELS + COLUMNS * pitch + MARGIN, HEAD + len(rows) * pitch + MARGIN
    figure = Figure(figsize=(width, height), dpi=DPI)
    for i, row in enumerate(rows):
        bottom = height - HEAD - i * pitch - CELL
        _label(figure, row, (LABELS - 0.1) / width, (bottom + CELL / 2) / height)
        brightness = np.ones(len(row.index)) if row.brightness is None else row.brightness
        for j, (image, share) in enumerate(zip(data.images(row.index), brightness, strict=True)):
            left = LABELS + j * pitch
            _picture(figure, image * np.float32(share), (left / width, bottom / height, CELL / width, CELL / height))
    _title(figure, data, LABELS / width, 1 - 0.17 / height, 0.2 / height)
    return figure


def _shows_rarity(data: DataSet) -> bool:
    """Whether rows of factors show how often their combinations are drawn."""
    return data.card.grid and data.rows is not None and len(data.card.factor_sizes) > 1


def _title(figure: Figure, data: DataSet, left: float, top: float, line: float) -> None:
    facts = f"{len(data):,} images of {' × '.join(map(str, data.card.image_shape))}"
    facts += "; the darker, the rarer in training" if _shows_rarity(data) else ""
    figure.text(left, top, data.card.title, fontsize=10, fontweight="bold", va="top")
    figure.text(left, top - line, facts, fontsize=7, color="0.35", va="top")


def _label(figure: Figure, row: Row, right: float, middle: float) -> None:
    figure.text(right, middle, row.label, fontsize=8, ha="right", va="bottom" if row.remark else "center")
    figure.text(right, middle, row.remark, fontsize=6, color="0.45", ha="right", va="top", linespacing=1.4)


def _picture(figure: Figure, image: NDArray[np.float32], place: tuple[float, float, float, float]) -> None:
    axes = figure.add_axes(place)
    axes.set_axis_off()
    axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _sweeps(data: DataSet) -> list[Row]:
    """A row for each factor: up to ten of its values, with the other factors at their middle values."""
    sizes = np.array(data.card.factor_sizes)
    rows = []
    for k, name in enumerate(data.card.factor_names):
        values = np.linspace(0, sizes[k] - 1, min(COLUMNS, sizes[k])).round().astype(np.int64)
        factors = np.tile(sizes // 2, (len(values), 1))
        factors[:, k] = values
        remark = f"{sizes[k]} values" if len(values) == sizes[k] else f"{len(values)} of {sizes[k]} values"
        rows.append(Row(name, remark, data.index(factors)))
    return rows


def _classes(data: DataSet) -> list[Row]:
    """A row for each of up to ten values of the first factor: random images with this value."""
    rng = np.random.default_rng(0)
    values = data.factors(np.arange(len(data)))[:, 0]
    present = np.unique(values)
    shown = present[np.linspace(0, len(present) - 1, min(COLUMNS, len(present))).round().astype(np.int64)]
    name = data.card.factor_names[0]
    members = [np.flatnonzero(values == v) for v in shown]
    return [
        Row(f"{name} {v}", f"{len(m):,} images", rng.choice(m, min(COLUMNS, len(m)), replace=False))
        for v, m in zip(shown, members, strict=True)
    ]


def _joint(data: DataSet) -> list[Row]:
    """A row for each of up to ten values of one factor, a column for each of another; the others have middle values."""
    assert data.rows is not None
    sizes = data.card.factor_sizes
    shares = data.rows.shares(len(data)).reshape(sizes)
    pairs = list(combinations(range(len(sizes)), 2))
    joints = [shares.sum(axis=tuple({*range(len(sizes))} - {*pair})) for pair in pairs]
    (one, other), joint = max(
        zip(pairs, joints, strict=True),
        key=lambda item: float(np.abs(item[1] - item[1].mean()).sum()),
    )
    row_values, column_values = (
        np.linspace(0, sizes[k] - 1, min(COLUMNS, sizes[k])).round().astype(np.int64) for k in (one, other)
    )
    rows = []
    for value in row_values:
        factors = np.tile(np.array(sizes) // 2, (len(column_values), 1))
        factors[:, one], factors[:, other] = value, column_values
        label = f"{data.card.factor_names[one]} {value}"
        brightness = joint[value, column_values] / joint.max()
        rows.append(Row(label, f"against {data.card.factor_names[other]}", data.index(factors), brightness))
    return rows


def _random(data: DataSet) -> list[Row]:
    rng = np.random.default_rng(0)
    if data.rows is None:
        index = rng.choice(len(data), 2 * COLUMNS, replace=len(data) < 2 * COLUMNS)
    else:
        index = np.resize(rng.permutation(data.choose(rng, 2 * COLUMNS)), 2 * COLUMNS)
    return [Row("random", "", index[:COLUMNS]), Row("", "", index[COLUMNS:])]
