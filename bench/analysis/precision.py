"""How many seeds are needed: the width of a 95 % interval at n seeds of each setting."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.agreement import MIN_SEEDS, TooFewRunsError, fewest_seeds, settings
from bench.analysis.centres import iqms, medians, redrawn
from bench.analysis.intervals import DRAWS, percentile_interval, resample_counts
from bench.analysis.ranks import resampled_spearman

Floats = NDArray[np.float64]
SEEDS = (2, 3, 5, 10, 20, 50)


def width_against_seeds(scores: pd.DataFrame, names: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """Interval widths that a study with n seeds a setting would have, on one data set.

    n seeds are drawn with replacement from those there are, 1,000 times, and the statistic taken of each draw. Beyond
    the seeds there are this foretells, from how these vary, what more would give.

    Args:
        scores: as `wide` gives it, of one data set.
        names: score names.
        rng: of the draws.

    Returns:
        Long table: statistic ("median" and "iqm" of a setting's seeds: the middle setting's width; "rank correlation"
        of two scores over all runs: the middle pair's), name (of the score; missing for pairs), seeds (n), width,
        low, high (tenths of settings or pairs are narrower, wider), runs, available (seeds of the smallest setting).

    Raises:
        TooFewRunsError: fewer than `MIN_SEEDS` seeds of some setting: how they vary is not known.
    """
    complete = scores[list(names)].dropna()
    fewest = fewest_seeds(complete) if len(complete) else 0
    if fewest < MIN_SEEDS:
        raise TooFewRunsError(f"{fewest} seeds of the smallest setting, {MIN_SEEDS} are needed to know how they vary")
    strata = settings(complete)
    groups = [
        complete.to_numpy()[rows] for rows in pd.Series(range(len(complete))).groupby(list(map(str, strata))).agg(list)
    ]
    found: list[dict[str, Any]] = []
    for seeds in SEEDS:
        found += _setting_widths(groups, names, seeds, rng)
        if len(names) > 1 and len(groups) > 1:
            widths = _correlation_widths(complete.to_numpy(), strata, seeds, rng)
            found.append({"statistic": "rank correlation", "name": None, "seeds": seeds} | _spread(widths))
    return pd.DataFrame(found).assign(runs=len(complete), available=fewest)


def _setting_widths(
    groups: Sequence[Floats], names: Sequence[str], seeds: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    drawn = np.empty((DRAWS, 2, len(groups), len(names)))
    for k, values in enumerate(groups):
        for n, column in enumerate(values.T):
            ordered = redrawn(column, seeds, rng)
            drawn[:, 0, k, n], drawn[:, 1, k, n] = medians(ordered), iqms(ordered)
    low, high = percentile_interval(drawn)
    widths = high - low
    return [
        {"statistic": statistic, "name": name, "seeds": seeds} | _spread(widths[s, :, n])
        for s, statistic in enumerate(("median", "iqm"))
        for n, name in enumerate(names)
    ]


def _correlation_widths(x: Floats, strata: Sequence[object], seeds: int, rng: np.random.Generator) -> Floats:
    drawn = resampled_spearman(x, x, resample_counts([repr(s) for s in strata], DRAWS, rng, seeds))
    low, high = percentile_interval(drawn)
    return np.array([high[i, j] - low[i, j] for i, j in combinations(range(x.shape[1]), 2)])


def _spread(widths: Floats) -> dict[str, float]:
    known = widths[~np.isnan(widths)]
    if len(known) == 0:
        return dict.fromkeys(("width", "low", "high"), np.nan)
    low, middle, high = np.quantile(known, [0.1, 0.5, 0.9])
    return {"width": float(middle), "low": float(low), "high": float(high)}
