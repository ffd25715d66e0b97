"""Downstream accuracy of runs that a metric calls poor, middling and good (paper: figures 22, 23)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.agreement import MIN_RUNS, TooFewRunsError, fewest_seeds, settings
from bench.analysis.intervals import bootstrap, iqm

Floats = NDArray[np.float64]
GROUPS = ("lowest third", "middle third", "highest third")


def accuracy_by_third(
    scores: pd.DataFrame, metric: str, names: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    """Median and IQM of downstream accuracies of the runs in each third of a metric, on one data set.

    Args:
        scores: as `wide` gives it, of one data set.
        metric: the score whose order makes the thirds; ties are split in the order of the table.
        names: downstream accuracies.
        rng: of the bootstrap over seeds: thirds are formed anew in each draw.

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

    columns = np.ascontiguousarray(y.T)

    def medians(rows: NDArray[np.int64]) -> Floats:
        return np.stack([np.median(columns[:, rows[part]], axis=1) for part in _thirds(x[rows])])

    low, high = bootstrap(medians, settings(complete), rng)
    found = []
    for g, part in enumerate(_thirds(x)):
        centre = {"median": np.median(y[part], axis=0), "iqm": iqm(y[part])}
        found.append(pd.DataFrame({"third": GROUPS[g], "name": list(names), "low": low[g], "high": high[g]} | centre))
    return pd.concat(found, ignore_index=True).assign(metric=metric, runs=len(x), seeds=fewest_seeds(complete))


def _thirds(x: Floats) -> list[NDArray[np.int64]]:
    """Rows of the lowest, middle and highest third."""
    return np.array_split(np.argsort(x, kind="stable"), len(GROUPS))
