"""Downstream accuracy of the runs in each third of a metric (paper: figures 22, 23)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from bench.analysis.names import in_range
from bench.analysis.scores.agreement import MIN_RUNS, TooFewRunsError, fewest_seeds, settings
from bench.analysis.statistics.intervals import (
    DRAWS,
    MIN_SEEDS,
    iqm,
    numbered,
    percentile_interval,
    resample_counts,
    stretched,
)

Floats = NDArray[np.float64]
GROUPS = ("lowest third", "middle third", "highest third")


def accuracy_by_third(
    scores: pd.DataFrame, metric: str, names: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    """Median and IQM of downstream accuracies of the runs in each third of a metric, on one data set.

    Args:
        scores: as `wide` returns them, of one data set.
        metric: the score that orders the runs into thirds; ties are split in the order of the table.
        names: downstream accuracies.
        rng: of the bootstrap over seeds, which forms thirds in each draw; no interval below `MIN_SEEDS` seeds.

    Returns:
        Long table: metric, third, name, median, low, high, iqm, runs, seeds.

    Raises:
        TooFewRunsError: fewer than `MIN_RUNS` runs have all scores, or they do not differ in the metric.
    """
    complete = scores[[metric, *names]].dropna()
    x, y = complete[metric].to_numpy(), complete[list(names)].to_numpy()
    if len(x) < MIN_RUNS or len(np.unique(x)) < len(GROUPS):
        raise TooFewRunsError(
            f"{len(x)} runs have {metric} and the accuracies, of {len(np.unique(x))} values of {metric}; "
            f"{MIN_RUNS} runs of {len(GROUPS)} values are needed"
        )

    rows = np.argsort(x, kind="stable")
    order = np.argsort(y[rows], axis=0, kind="stable").T
    parts, seeds = np.array_split(rows, len(GROUPS)), fewest_seeds(complete)
    middles = np.stack([np.median(y[part], axis=0) for part in parts])
    low, high = np.full((2, *middles.shape), np.nan)
    if seeds >= MIN_SEEDS:
        cells = settings(complete)
        counts = resample_counts(cells, DRAWS, rng)[:, rows]
        draws = _medians(np.take_along_axis(y[rows].T, order, axis=1), order, counts, len(GROUPS))
        low, high = in_range(percentile_interval(stretched(middles, draws, numbered(cells))), names)
    thirds = []
    for g, part in enumerate(parts):
        centre = {"median": middles[g], "iqm": iqm(y[part])}
        thirds.append(pd.DataFrame({"third": GROUPS[g], "name": list(names), "low": low[g], "high": high[g]} | centre))
    return pd.concat(thirds, ignore_index=True).assign(metric=metric, runs=len(x), seeds=seeds)


@njit(cache=True)
def _medians(values: Floats, order: NDArray[np.int64], counts: NDArray[np.int64], groups: int) -> Floats:
    """Medians of resamples cut into equal groups along their rows: (draws, groups, columns).

    Args:
        values: (columns, N), each column in ascending order.
        order: (columns, N): the row of each value.
        counts: (draws, N): how often each row is drawn.
        groups: number of groups; if it does not divide the rows, the first groups have one more, as in `array_split`.
    """
    draws, total = counts.shape
    medians = np.empty((draws, groups, len(values)))
    group_counts = np.empty((groups, total), np.int64)  # how often each row is drawn into each group
    for d in range(draws):
        size, rest = divmod(counts[d].sum(), groups)
        sizes = np.full(groups, size)
        sizes[:rest] += 1
        group_counts[:] = 0
        group, room = 0, sizes[0]
        for row in range(total):
            copies = counts[d, row]
            while copies:
                if room == 0:
                    group += 1
                    room = sizes[group]
                added = min(copies, room)
                group_counts[group, row] += added
                copies -= added
                room -= added
        for c in range(len(values)):
            for g in range(groups):
                below, i = 0, -1
                while below <= (sizes[g] - 1) // 2:  # until the lower of the two middle values is reached
                    i += 1
                    below += group_counts[g, order[c, i]]
                j = i
                while below <= sizes[g] // 2:
                    j += 1
                    below += group_counts[g, order[c, j]]
                medians[d, g, c] = (values[c, i] + values[c, j]) / 2
    return medians
