"""The middle of the seeds of one setting: median and interquartile mean, of them and of resamples of them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.analysis.intervals import DRAWS, iqm, percentile_interval

Floats = NDArray[np.float64]


def redrawn(values: Floats, seeds: int, rng: np.random.Generator) -> Floats:
    """Resamples of `seeds` values each, drawn with replacement, in rising order: (draws, seeds)."""
    return np.sort(values[rng.integers(len(values), size=(DRAWS, seeds), dtype=np.int32)], axis=1)


def medians(ordered: Floats) -> Floats:
    """Median of each row of values in rising order."""
    count = ordered.shape[1]
    return (ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2


def iqms(ordered: Floats) -> Floats:
    """Interquartile mean of each row of values in rising order."""
    count = ordered.shape[1]
    return ordered[:, count // 4 : count - count // 4].mean(axis=1)


def centres(values: ArrayLike, rng: np.random.Generator) -> dict[str, float]:
    """Median and IQM of the seeds of one setting, each with its bootstrap interval.

    Args:
        values: one a seed; missing ones are left out.
        rng: of the draws.

    Returns:
        median, low, high, iqm, iqm_low, iqm_high, seeds. One seed has no interval: its ends are NaN.
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    names = ("median", "low", "high", "iqm", "iqm_low", "iqm_high")
    if len(known) == 0:
        return dict.fromkeys(names, np.nan) | {"seeds": 0}
    ends = [np.nan] * 4
    if len(known) > 1:
        ordered = redrawn(known, len(known), rng)
        low, high = percentile_interval(np.stack([medians(ordered), iqms(ordered)], axis=1))
        ends = [float(end) for end in (low[0], high[0], low[1], high[1])]
    found = (float(np.median(known)), *ends[:2], float(iqm(known)), *ends[2:])
    return dict(zip(names, found, strict=True)) | {"seeds": len(known)}
