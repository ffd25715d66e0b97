"""Do scores rank runs alike among runs that a third score ranks equal? Partial rank correlations, with intervals."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.scores.agreement import CELL, complete_runs, with_interval
from bench.analysis.statistics.ranks import spearman_influence

Floats = NDArray[np.float64]
LEAST_RUNS = 10  # for an interval: of 6 to 8 runs of two settings, intervals of 95 % hold 89 to 92 %


def partial_correlations(scores: pd.DataFrame, rows: Sequence[str], column: str, given: str) -> pd.DataFrame:
    """Rank correlations of scores with one score, given another, over the runs of one data set.

    Args:
        scores: as `agreement.wide` returns them, of one data set.
        rows: score names.
        column: the score that they are correlated with.
        given: the score that is held equal.

    Returns:
        Long table as `agreement.rank_correlations` returns it, with the column "given". Ends and p are also missing
        below `LEAST_RUNS` runs.

    Raises:
        TooFewRunsError: fewer than `MIN_RUNS` runs have every score.
    """
    complete, labels, seeds = complete_runs(scores, list(dict.fromkeys([*rows, column, given])))
    labels = labels if len(complete) >= LEAST_RUNS else None
    cells = []
    for row in rows:
        estimates = partly_correlated(complete[[row, column, given]].to_numpy(), labels)
        cells.append({"row": row, "column": column, "given": given} | {n: float(estimates[n]) for n in CELL})
    return pd.DataFrame(cells).assign(runs=len(complete), seeds=seeds)


def partly_correlated(values: Floats, labels: NDArray[np.int64] | None) -> dict[str, Floats]:
    """The rank correlation of the first two of three columns given the third, with its interval by Fisher's z.

    That is the correlation of what is left of two ranks when the third is regressed out, from the three correlations

        (r12 - r13 r23) / sqrt((1 - r13^2) (1 - r23^2)),

    whose influences are weighted by its derivatives. It is missing where the third score ranks runs as another does.

    Args:
        values: (N, 3).
        labels: (N,) the setting of each row, numbered from 0; None: no interval.

    Returns:
        As `agreement.correlated`, of one correlation.
    """
    rho, influence = spearman_influence(values)
    r12, r13, r23 = rho[0, 1], rho[0, 2], rho[1, 2]
    left1, left2 = 1 - r13**2, 1 - r23**2
    if not min(left1, left2) > 1e-12:
        left1 = left2 = np.nan
    scale = np.sqrt(left1 * left2)
    point = np.asarray(np.clip((r12 - r13 * r23) / scale, -1, 1))
    of_partial = (
        influence[:, 0, 1] / scale
        + influence[:, 0, 2] * (point * r13 / left1 - r23 / scale)
        + influence[:, 1, 2] * (point * r23 / left2 - r13 / scale)
    )
    return with_interval(point, of_partial, labels)
