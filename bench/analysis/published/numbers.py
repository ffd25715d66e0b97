"""Numbers that papers print, with their sources: `results/published/numbers.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bench.store.files import read_json
from bench.store.shipped import published


@dataclass(frozen=True)
class Item:
    """One figure or table of a paper.

    Attributes:
        name: such as "fig5".
        title, where: its subject; its place in the paper.
        source: the paper: its title, url and, for the 2019 study, the `study` behind its numbers.
        exactness: printed, or how it was read off a plot.
        quantity: the quantity and its unit.
        scale: the unit of the numbers in our unit; 0.01 for per cent.
        tolerance: largest error of a number by printing or reading, in the item's unit.
        rows, columns: labels of the numbers, by our names if we have the same.
        values: a matrix (rows, columns) for each data set; None for a number that is not printed.
        standard_errors: of some values.
        score, representation, statistic: the same quantity in our table, if it is a statistic of settings.
        settings: row -> our (model, value).
        same_as: row -> our model.
    """

    name: str
    title: str
    where: str
    source: Mapping[str, Any]
    exactness: str
    quantity: str
    scale: float
    tolerance: float
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Mapping[str, list[list[float | None]]]
    standard_errors: Mapping[str, list[list[float | None]]] = field(default_factory=dict)
    score: str | None = None
    representation: str = "mean"
    statistic: str = "median"
    settings: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    same_as: Mapping[str, str] = field(default_factory=dict)

    def numbers(self) -> pd.DataFrame:
        """A row per printed number: item, dataset, row, column, published; of a symmetric matrix the upper triangle."""
        symmetric = self.rows == self.columns
        rows = [
            {"item": self.name, "dataset": dataset, "row": row, "column": column, "published": matrix[i][j]}
            for dataset, matrix in self.values.items()
            for i, row in enumerate(self.rows)
            for j, column in enumerate(self.columns)
            if matrix[i][j] is not None and (i < j or not symmetric)
        ]
        return pd.DataFrame(rows)


def items() -> list[Item]:
    """Every figure and table in the file, in its order.

    Raises:
        StoreError: the file cannot be read.
    """
    document = read_json(published("numbers.json"))
    entries = {name: dict(entry) for name, entry in document["items"].items()}
    for entry in entries.values():
        entry["source"] = document["sources"][entry["source"]]
        entry["rows"], entry["columns"] = tuple(entry["rows"]), tuple(entry["columns"])
    return [Item(name=name, **entry) for name, entry in entries.items()]
