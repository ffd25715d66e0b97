"""Does a score rank settings alike on two data sets? (paper: figures 4 right, 17, 18)"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from bench.analysis.scores.agreement import MIN_RUNS, TooFewRunsError
from bench.analysis.statistics.centres import error_factor, moderated
from bench.analysis.statistics.intervals import LEVEL, MIN_SEEDS, Floats
from bench.analysis.statistics.ranks import row_spearman

SETTING = ["model", "value"]
CLIP = 0.999  # largest correlation for Fisher's z, which is infinite at 1
DRAWS = 150  # of medians, for the standard error of one correlation
LEAST_ATTENUATION = 0.1


def setting_medians(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """Medians over seeds of one score: a row per setting (model, value) with a value, a column per data set."""
    scored = scores[name].dropna()
    scored = scored[scored.index.get_level_values("value").notna()]
    medians = scored.groupby(["dataset", *SETTING], sort=False).median()
    return medians.unstack("dataset").dropna(axis="columns", how="all")


def agreement_across_datasets(scores: pd.DataFrame, names: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """Rank correlation of a score between data sets, over the medians of the settings that both have.

    Medians of few seeds are noisy. Noise multiplies their correlation by about the factor `attenuation`, which no
    method estimates well. The interval is therefore the union of two: that of the correlation, and that of the
    correlation divided by the attenuation.

    Args:
        scores: as `wide` returns them, of several data sets.
        names: score names.
        rng: of the draws of medians.

    Returns:
        Long table: name, row, column (data sets), spearman, low, high, p, attenuation, settings, seeds (the fewest of a
        setting). Ends, p and attenuation are missing below `MIN_SEEDS` seeds.

    Raises:
        TooFewRunsError: no score has two data sets with `MIN_RUNS` settings in common.
    """
    parts = [part for name in names for part in _pairs(scores, name, rng)]
    if not parts:
        count = scores.index.get_level_values("dataset").nunique()
        raise TooFewRunsError(f"{count} data sets; two are needed that have {MIN_RUNS} settings of a score in common")
    return pd.DataFrame(parts)


def _pairs(scores: pd.DataFrame, name: str, rng: np.random.Generator) -> list[dict[str, object]]:
    medians = setting_medians(scores, name)
    scored = scores[name].dropna()
    groups = scored.groupby(["dataset", *SETTING])
    counts, variances = groups.size(), groups.var(ddof=1)
    rows: list[dict[str, object]] = []
    for first, second in combinations(medians.columns, 2):
        common = medians.index[medians[[first, second]].notna().all(axis=1)]
        if len(common) < MIN_RUNS:
            continue
        keys = [[(dataset, *key) for key in common] for dataset in (first, second)]
        seeds = int(min(counts.loc[k].min() for k in keys))
        sides = [medians.loc[common, dataset].to_numpy() for dataset in (first, second)]
        noise = None
        if seeds >= MIN_SEEDS:
            noise = [median_noise(variances.loc[k].tolist(), counts.loc[k].tolist()) for k in keys]
        cell = correlated_medians(sides, noise, rng) | {"settings": len(common), "seeds": seeds}
        rows += [{"name": name, "row": r, "column": c} | cell for r, c in ((first, second), (second, first))]
    return rows


def median_noise(variances: Sequence[float], counts: Sequence[int]) -> Floats:
    """Variance of the median of each setting (K,), from the variance and number of its seeds."""
    pooled = moderated(variances, [count - 1 for count in counts])[0]
    return pooled / np.array(counts) * np.array([error_factor("median", count) for count in counts]) ** 2


def correlated_medians(
    medians: Sequence[Floats], noise: Sequence[Floats] | None, rng: np.random.Generator
) -> dict[str, Any]:
    """Rank correlation of the medians of the same settings on two sides.

    Args:
        medians: (K,) of each side.
        noise: (K,) of each side, the variances of the medians; None: no interval.
        rng: of the draws of medians.

    Returns:
        spearman, low, high, p (of no correlation), attenuation.
    """
    point = float(row_spearman(medians[0][None], medians[1][None])[0])
    if noise is None or np.isnan(point):
        return {"spearman": point} | dict.fromkeys(("low", "high", "p", "attenuation"), np.nan)
    draws, attenuation = [], 1.0
    for median, variance in zip(medians, noise, strict=True):
        total = median.var(ddof=1)
        without_noise = max(total - variance.mean(), 0.05 * total)
        weight = 1 / (without_noise + variance)
        centre = (weight * median).sum() / weight.sum()
        shrunk = centre + (median - centre) * np.sqrt(without_noise * weight)  # medians whose variance has no noise
        draws.append(shrunk + rng.standard_normal((DRAWS, len(median))) * np.sqrt(variance))
        attenuation *= float(np.nanmean(row_spearman(np.broadcast_to(shrunk, draws[-1].shape), draws[-1])))
    attenuation = max(attenuation, LEAST_ATTENUATION)
    z, z_of_draws = (np.arctanh(np.clip(r, -CLIP, CLIP)) for r in (point, row_spearman(*draws)))
    error = float(z_of_draws.std())
    half = special.ndtri((1 + LEVEL) / 2) * error
    low, high = float(np.tanh(z - half)), float(np.tanh(z + half))
    return {
        "spearman": point,
        "low": max(min(low, low / attenuation), -1),
        "high": min(max(high, high / attenuation), 1),
        "p": float(2 * special.ndtr(-abs(z) / max(error, 1e-300))),
        "attenuation": attenuation,
    }
