"""Estimates of a group of runs: the IQM of each score, and what it would have been with other seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.intervals import DRAWS, iqm, resamples

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """K scores of the runs of one model (or setting) on one data set."""

    point: Array  # (K,) IQM, missing where there is no run
    drawn: Array  # (DRAWS, K)
    runs: Array  # (K,) how many have the score
    coverage: Array  # (K,) share of the wanted runs that have it
    seeds: int  # the fewest of a setting

    @classmethod
    def nothing(cls, columns: int) -> Self:
        """That of no runs."""
        missing = np.full((DRAWS, columns), np.nan)
        return cls(missing[0], missing, np.zeros(columns), np.zeros(columns), 0)


def estimate(runs: pd.DataFrame, names: Sequence[str], wanted: NDArray[np.int64], rng: np.random.Generator) -> Estimate:
    """IQM of each score over runs, redrawn with seeds resampled within each setting.

    Args:
        runs: a row each, with the column "value" (the setting) and one for each score; a hole is missing.
        names: K scores.
        wanted: (K,) how many runs should have each score.
        rng: of the bootstrap.
    """
    values = runs[list(names)].to_numpy(np.float64)
    settings = [repr(v) for v in runs["value"].astype(float)]  # nan: a model that sweeps nothing
    point, drawn = np.full(len(names), np.nan), np.full((DRAWS, len(names)), np.nan)
    held = ~np.isnan(values)
    for pattern in dict.fromkeys(tuple(h) for h in held.T if h.any()):  # what the same runs have is drawn together
        rows = np.flatnonzero(pattern)
        picks = resamples([settings[r] for r in rows], DRAWS, rng)
        for column in np.flatnonzero((pattern == held.T).all(axis=1)):
            mine = values[rows, column]
            point[column], drawn[:, column] = iqm(mine), iqm(mine[picks], axis=1)
    count = held.sum(axis=0).astype(np.float64)
    coverage = np.where(wanted > 0, count / np.maximum(wanted, 1), 0.0)
    seeds = int(min(np.unique(settings, return_counts=True)[1], default=0))
    return Estimate(point, drawn, count, coverage, seeds)
