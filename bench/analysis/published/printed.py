"""Printed numbers for two sides of a claim: the same score of the same models on the same data set."""

from dataclasses import dataclass

import numpy as np

from bench.analysis.published.numbers import Item, items


@dataclass(frozen=True)
class Printed:
    """Two numbers of one figure or table, each the mean over its settings of one side.

    Attributes:
        more, less: number of the first side and of the second, in our unit.
        where: the figure or table, and the paper.
    """

    more: float
    less: float
    where: str


def printed(
    more: tuple[str, float | None],
    less: tuple[str, float | None],
    score: str,
    dataset: str,
    representation: str = "mean",
) -> list[Printed]:
    """Every figure or table that has both sides.

    Args:
        more: a model and a value of its swept hyper-parameter; None: all values.
        less: the other side.
        score: name of the score.
        dataset: name of the data set.
        representation: of the codes that the score is of.
    """
    of_codes = [item for item in items() if item.representation == representation]
    pairs = [(item, _number(item, more, score, dataset), _number(item, less, score, dataset)) for item in of_codes]
    return [
        Printed(first, second, f"{item.where} of {item.source['title']}")
        for item, first, second in pairs
        if first is not None and second is not None
    ]


def _number(item: Item, side: tuple[str, float | None], score: str, dataset: str) -> float | None:
    """Mean over the settings of one side; None if the item has none of them."""
    if dataset not in item.values or (item.score != score and (item.score or score not in item.columns)):
        return None
    model, value = side
    rows = [i for i, row in enumerate(item.rows) if _is_of(item, row, model, value)]
    columns = range(len(item.columns)) if item.score else [item.columns.index(score)]
    values = [item.values[dataset][i][j] for i in rows for j in columns]
    numbers = [v for v in values if v is not None]
    return float(np.mean(numbers)) * item.scale if numbers else None


def _is_of(item: Item, row: str, model: str, value: float | None) -> bool:
    if item.settings:
        setting = item.settings.get(row)
        return setting is not None and setting[0] == model and value in (None, setting[1])
    return value is None and item.score is not None and row == model
