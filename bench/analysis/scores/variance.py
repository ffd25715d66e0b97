"""How much of a score's variance the model and its strength explain, the rest being the seed (paper: table 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.scores.agreement import TooFewRunsError, fewest_seeds
from bench.analysis.statistics.intervals import MIN_SEEDS, numbered, t_ends

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
SETTING = ["model", "value"]


@dataclass(frozen=True)
class Explained:
    """Shares of the variance of S scores that a grouping of settings explains.

    Attributes:
        omega: (S,) omega squared, without what seeds alone would explain: unbiased, so sometimes below 0.
        plain: (S,) R squared of least squares on one indicator a group, as papers print it.
        low: (S,) of the 95 % interval of omega.
        high: (S,).
    """

    omega: Floats
    plain: Floats
    low: Floats
    high: Floats


def explained(scores: Floats, groups: Labels) -> Explained:
    """Variance between groups of settings, as a share of all of it.

    The interval is a t interval of -log(1 - omega). Each setting's part of the variance of omega is the larger of two:
    as its seeds show it, and as normal seeds of the same variance would.

    Args:
        scores: (K, n, S): settings, seeds, scores.
        groups: (K,) the group of each setting, numbered from 0.

    Returns:
        The ends are missing with fewer than `MIN_SEEDS` seeds; everything is missing where a score is constant.
    """
    settings, seeds, _ = scores.shape
    alone = np.arange(settings)
    means, variances = scores.mean(axis=1), scores.var(axis=1, ddof=1)
    within = variances.mean(axis=0)
    off, between = _between(means, groups, within, seeds)
    off_each, between_each = _between(means, alone, within, seeds)
    total = between_each + within
    spread = scores.var(axis=(0, 1))
    spread = np.where(spread > 1e-12 * (scores**2).mean(axis=(0, 1)), spread, np.nan)
    total = np.where(np.isnan(spread), np.nan, total)
    omega, plain = between / total, (off**2).mean(axis=0) / spread
    if seeds < MIN_SEEDS:
        missing = np.full_like(omega, np.nan)
        return Explained(omega, plain, missing, missing)
    count, group_count = settings * seeds, int(groups.max()) + 1
    scale = total * (1 - omega) * settings
    on_mean = 2 * (off - omega * off_each) / scale
    on_variance = -((group_count - 1) / count + omega * (1 - (settings - 1) / count)) / scale
    residuals = scores - means[:, None]
    surplus = (residuals**2 * seeds / (seeds - 1) - variances[:, None]) * np.sqrt((seeds - 1) / max(seeds - 2, 1))
    seen = (on_mean[:, None] * residuals + on_variance * surplus).var(axis=1, ddof=1) / seeds
    normal = on_mean**2 * variances / seeds + on_variance**2 * 2 * variances**2 / (seeds + 1)
    parts = np.maximum(seen, normal)
    variance = parts.sum(axis=0)
    freedom = (seeds - 1) * variance**2 / np.maximum((parts**2).sum(axis=0), 1e-300)
    ends = t_ends(-np.log1p(-np.minimum(omega, 1 - 1e-12)), np.sqrt(variance), freedom)
    low, high = (np.clip(1 - np.exp(-end), 0, 1) for end in ends)
    return Explained(omega, plain, low, high)


def _between(means: Floats, groups: Labels, within: Floats, seeds: int) -> tuple[Floats, Floats]:
    """Offset of each setting's group from the mean of all (K, S), and its variance without the seeds' part."""
    member = np.eye(int(groups.max()) + 1)[groups]  # (K, groups)
    of_group = (member.T @ means) / member.sum(axis=0)[:, None]
    off = of_group[groups] - means.mean(axis=0)
    noise = (member.shape[1] - 1) / (len(means) * seeds) * within
    return off, (off**2).mean(axis=0) - noise


def omega_of_plain(plain: float, full: float, groups: int, settings: int, runs: int) -> float:
    """Omega squared from a printed R squared, exactly.

    Args:
        plain: R squared of the grouping.
        full: R squared of the settings (model x strength) themselves.
        groups: how many groups.
        settings: how many settings.
        runs: how many runs.
    """
    noise = (1 - full) / (runs - settings)
    return (plain - (groups - 1) * noise) / (1 + noise)


def variance_explained(scores: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Variance explained by the model, and by model x strength, on one data set.

    Settings have equal weight: each contributes as many seeds as the smallest one has.

    Args:
        scores: as `wide` gives it, of one data set.
        names: score names.

    Returns:
        Long table: name, by ("model" or "model x strength"), explained (omega squared), low, high, plain (R squared),
        runs, seeds.

    Raises:
        TooFewRunsError: fewer than two models, or a setting with a single seed.
    """
    complete = scores[list(names)].dropna()
    complete = complete[complete.index.get_level_values("value").notna()].sort_index()
    models = complete.index.unique("model")
    seeds = fewest_seeds(complete) if len(complete) else 0
    if len(models) < 2 or seeds < 2:
        raise TooFewRunsError(
            f"{len(models)} models with strengths and {len(complete)} runs have all of these scores, the smallest "
            f"setting has {seeds}; two models, and two seeds of each setting, are needed"
        )
    balanced = complete.groupby(SETTING).head(seeds)
    keys = balanced.index.droplevel([n for n in balanced.index.names if n not in SETTING])
    block = balanced.to_numpy().reshape(-1, seeds, len(names))
    owners = numbered([model for model, _ in keys[::seeds]])
    parts = []
    for by, groups in (("model", owners), ("model x strength", np.arange(len(block)))):
        share = explained(block, groups)
        ends = {"low": share.low, "high": share.high, "plain": share.plain}
        parts.append(pd.DataFrame({"name": list(names), "by": by, "explained": share.omega} | ends))
    return pd.concat(parts, ignore_index=True).assign(runs=len(balanced), seeds=seeds)
