"""A contact sheet of a data set: what each factor does, and what random images look like."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.data.base import DataSet
from bench.store import writing

COLUMNS = 10


def draw_sheet(data: DataSet, path: Path) -> None:
    """Write a png: a row for each factor that sweeps it and holds the others, then rows of random images."""
    rows = _sweeps(data) if data.card.grid else _classes(data)
    rng = np.random.default_rng(0)
    rows += [("random" if i == 0 else "", rng.choice(len(data), COLUMNS, replace=False)) for i in range(2)]
    figure = Figure(figsize=(0.62 * COLUMNS + 1.3, 0.62 * len(rows) + 0.75), dpi=150)
    left, top = 1.25 / figure.get_figwidth(), 1 - 0.5 / figure.get_figheight()
    axes = figure.subplots(
        len(rows), COLUMNS, gridspec_kw={"wspace": 0.06, "hspace": 0.06, "left": left, "right": 0.99, "top": top,
                                         "bottom": 0.02}
    )  # fmt: skip
    for line, (label, index) in zip(axes, rows, strict=True):
        for ax, image in zip(line, data.images(index), strict=False):
            ax.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
        for i, ax in enumerate(line):
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(color="0.8", visible=i < len(index))
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    shape = " x ".join(map(str, data.card.image_shape))
    heading = f"{data.card.title}: {len(data):,} images, {shape}"
    figure.suptitle(heading, fontsize=11, y=1 - 0.18 / figure.get_figheight())
    with writing(path) as file:
        figure.savefig(file, format="png")


def _sweeps(data: DataSet) -> list[tuple[str, NDArray[np.int64]]]:
    """A row for each factor: up to ten of its values, the other factors at the middle of theirs."""
    sizes = np.array(data.card.factor_sizes)
    rows = []
    for k, name in enumerate(data.card.factor_names):
        values = np.unique(np.linspace(0, sizes[k] - 1, COLUMNS).round().astype(int))
        factors = np.tile(sizes // 2, (len(values), 1))
        factors[:, k] = values
        rows.append((f"{name}\n({sizes[k]})", data.index(factors)))
    return rows


def _classes(data: DataSet) -> list[tuple[str, NDArray[np.int64]]]:
    """A row for each class of the first factor: ten random images of it."""
    rng = np.random.default_rng(0)
    values = data.factors(np.arange(len(data)))[:, 0]
    name = data.card.factor_names[0]
    found = {int(v): np.flatnonzero(values == v) for v in np.unique(values)}
    return [(f"{name} {v}", rng.choice(index, min(COLUMNS, len(index)), replace=False)) for v, index in found.items()]
