"""How much boosting one metric may ask for: wide codes of many classes would take hours."""

from collections.abc import Iterable

import numpy as np

from bench.metrics.base import Ints, SkippedError
from bench.metrics.parts.split_bounds import LANES, is_wide

MOST = 120.0  # CPU seconds of a metric's fits together


def check_tree_work(dims: int, labels: Iterable[Ints], num_rounds: int, *, exact: bool = True) -> None:
    """Refuse fits that would take more than two minutes of a CPU core.

    Args:
        dims: of the codes.
        labels: those of the training rows, (n,) of each fit.
        num_rounds: of boosting, each with a tree a class.
        exact: the trees are `exact_trees`, not XGBoost's.

    Raises:
        SkippedError: the fits are too large; the message says how many dims are taken.
    """
    fits = [(len(y), len(np.unique(y))) for y in labels]

    def seconds(dims: int) -> float:
        return sum(_nanoseconds(rows, dims, classes, exact) * rows for rows, classes in fits) * dims * num_rounds / 1e9

    if seconds(dims) > MOST:
        most = int(dims * MOST / seconds(dims))
        while seconds(most) > MOST:  # fewer dims may cost more each
            most = int(most * MOST / seconds(most))
        raise SkippedError(
            f"boosted trees of these factors take codes of {most:,} dims at most, got {dims:,}: they would take "
            f"{seconds(dims) / 60:,.0f} CPU minutes; reduce the codes, such as to their principal components, or give "
            "fewer rows"
        )


def _nanoseconds(rows: int, dims: int, classes: int, exact: bool) -> float:
    """Of a row, dim and round, as measured of 100 to 10,000 rows: what bounds cost a node counts more of few rows."""
    trees = classes if classes > 2 else 1
    if exact and is_wide(rows, dims, classes):
        return -(-trees // LANES) * LANES * (0.7 + 1_500 / rows)
    return 8.0 * trees
