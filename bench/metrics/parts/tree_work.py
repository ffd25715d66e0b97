"""How much boosting one metric may ask for: wide codes of many classes would take hours."""

from collections.abc import Iterable

import numpy as np

from bench.metrics.base import Ints, SkippedError
from bench.metrics.parts.split_bounds import ALIGNED

SECONDS = 120.0  # of a CPU core, that the fits of a metric may take together
EXACT = 1.6e-9  # seconds of an exact tree a row, a dim and a round, where trees of one round are counted in eights
XGBOOST = 8e-9  # of a tree of XGBoost


def check_tree_work(dims: int, labels: Iterable[Ints], num_rounds: int, *, exact: bool = True) -> None:
    """Refuse fits that would take more than two minutes of a CPU core.

    Args:
        dims: of the codes.
        labels: those of the training rows, (n,) of each fit.
        num_rounds: of boosting, each with a tree a class.
        exact: whether trees are exact, or XGBoost's.

    Raises:
        SkippedError: the fits are too large; the message says how many dims are taken.
    """
    seconds = num_rounds * sum(len(y) * _of_a_row(len(np.unique(y)), exact) for y in labels)  # of each dim
    if seconds * dims > SECONDS:
        raise SkippedError(
            f"boosted trees of these factors take codes of {SECONDS // seconds:,.0f} dims at most, got {dims:,}: they "
            f"would take {seconds * dims / 60:,.0f} CPU minutes; reduce the codes, such as to their principal "
            "components, or give fewer rows"
        )


def _of_a_row(classes: int, exact: bool) -> float:
    """Seconds of the trees of one round, a row and a dim."""
    if not exact:
        return classes * XGBOOST
    trees = classes if classes > 2 else 1
    return -(-trees // ALIGNED) * ALIGNED * EXACT
