"""The centre of the seeds of each setting: median and interquartile mean (IQM), with intervals.

The few seeds of one setting estimate their variance poorly, so the variances of all settings of a score are pooled
(empirical Bayes, Smyth 2004). From 6 seeds on, the median's interval interpolates order statistics of the setting
(Hettmansperger & Sheather 1986); from 20 on, the IQM's interval is Yuen's.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import inf
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special, stats

from bench.analysis.statistics.intervals import LEVEL, MIN_SEEDS, Floats, iqm, t_ends, winsorised

NAMES = ("median", "low", "high", "iqm", "iqm_low", "iqm_high")
ORDER_STATISTICS_FROM = 6  # seeds
YUEN_FROM = 20
CENTRES: Mapping[str, Callable[..., Any]] = {"median": np.median, "iqm": iqm}


def centres(settings: Sequence[ArrayLike], span: tuple[float, float] = (-inf, inf)) -> pd.DataFrame:
    """Median and IQM of the seeds of each setting of one score on one data set, with 95 % intervals.

    Args:
        settings: the values of each setting, one per seed; NaN is left out.
        span: the least and the largest value that the score can have, beyond which no interval reaches.

    Returns:
        A row per setting: median, low, high, iqm, iqm_low, iqm_high, seeds. Intervals are missing below `MIN_SEEDS`
        seeds.
    """
    values = [np.asarray(v, dtype=np.float64) for v in settings]
    values = [v[~np.isnan(v)] for v in values]
    rows = [{"median": np.median(v), "iqm": float(iqm(v))} if len(v) else {} for v in values]
    enough = [k for k, v in enumerate(values) if len(v) >= MIN_SEEDS]
    if enough:
        variances, freedoms = moderated([values[k].var(ddof=1) for k in enough], [len(values[k]) - 1 for k in enough])
        for k, variance, freedom in zip(enough, variances, freedoms, strict=True):
            low, high = _median_interval(values[k], variance, freedom)
            iqm_low, iqm_high = _iqm_interval(values[k], variance, freedom)
            ends = {"low": low, "high": high, "iqm_low": iqm_low, "iqm_high": iqm_high}
            rows[k] |= {name: float(np.clip(end, *span)) for name, end in ends.items()}
    return pd.DataFrame(rows, columns=list(NAMES)).astype(float).assign(seeds=[len(v) for v in values])


def moderated(variances: Sequence[float], freedoms: Sequence[float]) -> tuple[Floats, Floats]:
    """Variances of settings shrunk towards a common one, and their degrees of freedom, which this increases."""
    v, df = np.array(variances, dtype=np.float64), np.array(freedoms, dtype=np.float64)
    if len(v) < 2 or not v.any():
        return v, df
    floored = np.maximum(v, 1e-4 * np.median(v[v > 0]))  # for settings whose seeds all have the same value
    e = np.log(floored) - special.digamma(df / 2) + np.log(df / 2)
    rest = max(e.var(ddof=1) - special.polygamma(1, df / 2).mean(), 1e-2)
    half = 0.5 + 1 / rest
    for _ in range(8):  # the inverse of trigamma, by Newton
        trigamma = special.polygamma(1, half)
        half += trigamma * (1 - trigamma / rest) / special.polygamma(2, half)
    prior = 2 * half
    level = np.exp(e.mean() + special.digamma(half) - np.log(half))
    return (prior * level + df * v) / (prior + df), df + prior


@cache
def error_factor(centre: str, seeds: int) -> float:
    """Standard error of a centre ("median" or "iqm") of normal values, divided by the standard error of their mean."""
    z = np.random.default_rng(0).standard_normal((max(300_000 // seeds, 4_000), seeds))
    return float(np.sqrt(seeds * np.mean(CENTRES[centre](np.concatenate([z, -z]), axis=1) ** 2)))


def _moderated_interval(values: Floats, centre: str, variance: float, freedom: float) -> tuple[float, float]:
    error = error_factor(centre, len(values)) * np.sqrt(variance / len(values))
    low, high = t_ends(float(CENTRES[centre](values)), error, freedom)
    return float(low), float(high)


def _median_interval(values: Floats, variance: float, freedom: float) -> tuple[float, float]:
    if len(values) < ORDER_STATISTICS_FROM:
        return _moderated_interval(values, "median", variance, freedom)
    x, count = np.sort(values), len(values)
    covers = 1 - 2 * stats.binom.cdf(np.arange(count // 2), count, 0.5)  # of the d-th lowest to the d-th highest value
    depth = int((covers >= LEVEL).sum())
    share = (covers[depth - 1] - LEVEL) / (covers[depth - 1] - covers[depth])
    share = (count - depth) * share / (depth + (count - 2 * depth) * share)
    low = (1 - share) * x[depth - 1] + share * x[depth]
    high = (1 - share) * x[count - depth] + share * x[count - depth - 1]
    return float(low), float(high)


def _iqm_interval(values: Floats, variance: float, freedom: float) -> tuple[float, float]:
    if len(values) < YUEN_FROM:
        return _moderated_interval(values, "iqm", variance, freedom)
    untrimmed = len(values) - 2 * (len(values) // 4)
    error = np.sqrt((len(values) - 1) * winsorised(values).var(ddof=1) / untrimmed / (untrimmed - 1))
    low, high = t_ends(float(iqm(values)), error, untrimmed - 1)
    return float(low), float(high)
