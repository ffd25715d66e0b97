"""How much boosting one metric may ask for: wide codes of many classes would take hours."""

from collections.abc import Iterable

import numpy as np

from bench.metrics.base import Ints, SkippedError

MOST = 1.5e10  # rows x dims x trees of a metric's fits together; exact trees and XGBoost take about 8 ns of each
NANOSECONDS = 8.0


def check_tree_work(dims: int, labels: Iterable[Ints], num_rounds: int) -> None:
    """Refuse fits that would take more than two minutes of a CPU core.

    Args:
        dims: of the codes.
        labels: those of the training rows, (n,) of each fit.
        num_rounds: of boosting, each with a tree a class.

    Raises:
        SkippedError: the fits are too large; the message says how many dims are taken.
    """
    trees = sum(len(y) * num_rounds * len(np.unique(y)) for y in labels)
    if trees * dims > MOST:
        raise SkippedError(
            f"boosted trees of these factors take codes of {MOST // trees:,.0f} dims at most, got {dims:,}: they would "
            f"take {trees * dims * NANOSECONDS / 6e10:,.0f} CPU minutes; reduce the codes, such as to their principal "
            "components, or give fewer rows"
        )
