"""The share of a score's variance that the model and its strength explain, and not the seed (paper: table 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bench.analysis.scores.agreement import TooFewRunsError, fewest_seeds
from bench.analysis.statistics.intervals import MIN_SEEDS, Floats, numbered, t_ends

Labels = NDArray[np.int64]
SETTING = ["model", "value"]


@dataclass(frozen=True)
class Explained:
    """Shares of the variance of S scores that a grouping of settings explains.

    Attributes:
        omega: (S,) omega squared, corrected for the variance that seeds alone explain: unbiased, so it can be below 0.
        plain: (S,) R squared of least squares on an indicator per group, which papers print.
        low: (S,) low end of the 95 % interval of omega.
        high: (S,) high end.
    """

    omega: Floats
    plain: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Mean:
    """Mean over scores and data sets of omega squared, with the ends of its 95 % interval."""

    omega: float
    low: float
    high: float


def explained(scores: Floats, groups: Labels) -> Explained:
    """Variance between groups of settings, as a share of the total variance.

    The interval is a t interval of -log(1 - omega). Each setting contributes to the variance of omega the larger of
    two estimates: one from its seeds, and one for normal seeds of the same variance.

    Args:
        scores: (K, n, S): settings, seeds, scores.
        groups: (K,) the group of each setting, numbered from 0.

    Returns:
        The shares; the ends are missing below `MIN_SEEDS` seeds, and everything is missing for a constant score.
    """
    seeds, influence = scores.shape[1], _influences(scores, groups)
    omega, plain = influence.omega, influence.plain
    if seeds < MIN_SEEDS:
        missing = np.full_like(omega, np.nan)
        return Explained(omega, plain, missing, missing)
    variances = scores.var(axis=1, ddof=1)
    normal = influence.by_mean**2 * variances / seeds + influence.by_variance**2 * 2 * variances**2 / (seeds + 1)
    parts = np.maximum(influence.by_run.var(axis=1, ddof=1) / seeds, normal)
    return Explained(omega, plain, *_ends(omega, parts, seeds - 1))


def mean_explained(blocks: Sequence[tuple[Floats, Labels]]) -> Mean:
    """The mean of omega squared over scores and data sets, with an interval as in `explained`.

    A run changes the shares of all its scores together, so their covariances within each setting count as well as their
    variances; runs of different data sets are independent.

    Args:
        blocks: scores (K, n, S) and groups (K,) of each data set, as `explained` takes them.

    Returns:
        Everything is missing if a score is constant on a data set, the ends also below `MIN_SEEDS` seeds.
    """
    influences = [_influences(*block) for block in blocks]
    shares = np.concatenate([influence.omega for influence in influences])
    omega = float(shares.mean())
    if min(scores.shape[1] for scores, _ in blocks) < MIN_SEEDS or not omega < 1:
        return Mean(omega, np.nan, np.nan)
    parts, freedoms = [], []
    for (scores, _), influence in zip(blocks, influences, strict=True):
        seeds = scores.shape[1]
        weights = (1 - influence.omega) / len(shares) / (1 - omega)  # derivatives of -log(1 - mean)
        by_mean, by_variance = influence.by_mean * weights, influence.by_variance * weights
        residuals = scores - scores.mean(axis=1, keepdims=True)
        covariances = residuals.swapaxes(1, 2) @ residuals / (seeds - 1)
        normal = np.einsum("ks,kst,kt->k", by_mean, covariances, by_mean) / seeds
        normal += np.einsum("s,kst,t->k", by_variance, 2 * covariances**2, by_variance) / (seeds + 1)
        parts.append(np.maximum((influence.by_run @ weights).var(axis=1, ddof=1) / seeds, normal))
        freedoms.append(np.full(len(scores), seeds - 1))
    low, high = _ends(omega, np.concatenate(parts), np.concatenate(freedoms))
    return Mean(omega, float(low), float(high))


def _ends(omega: ArrayLike, parts: Floats, freedom: ArrayLike) -> tuple[Floats, Floats]:
    """Ends, as shares, of the t interval of -log(1 - omega), from the contribution of each setting to its variance.

    A share is 0 to 1, so ends beyond are cut off there; the low end of an omega below 0 is that omega.
    """
    variance = parts.sum(axis=0)
    freedoms = np.reshape(freedom, (-1, *[1] * (parts.ndim - 1)))
    together = variance**2 / np.maximum((parts**2 / freedoms).sum(axis=0), 1e-300)
    ends = t_ends(-np.log1p(-np.minimum(omega, 1 - 1e-12)), np.sqrt(variance), together)
    low, high = (np.clip(1 - np.exp(-end), np.minimum(omega, 0), 1) for end in ends)
    return low, high


@dataclass(frozen=True)
class _Influences:
    """Shares explained of S scores, and derivatives of -log(1 - omega).

    Attributes:
        omega: (S,).
        plain: (S,) R squared.
        by_mean: (K, S) with respect to the mean of each setting.
        by_variance: (S,) with respect to the variance of each setting.
        by_run: (K, n, S) influence of each run, n times its contribution.
    """

    omega: Floats
    plain: Floats
    by_mean: Floats
    by_variance: Floats
    by_run: Floats


def _influences(scores: Floats, groups: Labels) -> _Influences:
    settings, seeds, _ = scores.shape
    means, variances = scores.mean(axis=1), scores.var(axis=1, ddof=1)
    within = variances.mean(axis=0)
    group_offset, between = _between(means, groups, within, seeds)
    setting_offset, between_settings = _between(means, np.arange(settings), within, seeds)
    spread = scores.var(axis=(0, 1))
    spread = np.where(spread > 1e-12 * (scores**2).mean(axis=(0, 1)), spread, np.nan)
    total = np.where(np.isnan(spread), np.nan, between_settings + within)
    omega, plain = between / total, (group_offset**2).mean(axis=0) / spread
    count, group_count = settings * seeds, int(groups.max()) + 1
    scale = total * np.where(omega < 1, 1 - omega, np.nan) * settings  # NaN if all seeds are equal: no interval
    by_mean = 2 * (group_offset - omega * setting_offset) / scale
    by_variance = -((group_count - 1) / count + omega * (1 - (settings - 1) / count)) / scale
    residuals = scores - means[:, None]
    surplus = (residuals**2 * seeds / (seeds - 1) - variances[:, None]) * np.sqrt((seeds - 1) / max(seeds - 2, 1))
    return _Influences(omega, plain, by_mean, by_variance, by_mean[:, None] * residuals + by_variance * surplus)


def _between(means: Floats, groups: Labels, within: Floats, seeds: int) -> tuple[Floats, Floats]:
    """Offset of each setting's group from the grand mean (K, S), and its variance, corrected for that of the seeds."""
    member = np.eye(int(groups.max()) + 1)[groups]  # (K, groups)
    group_means = (member.T @ means) / member.sum(axis=0)[:, None]
    offset = group_means[groups] - means.mean(axis=0)
    noise = (member.shape[1] - 1) / (len(means) * seeds) * within
    return offset, (offset**2).mean(axis=0) - noise


def omega_of_plain(plain: float, full: float, groups: int, settings: int, runs: int) -> float:
    """Omega squared from a printed R squared, exactly.

    Args:
        plain: R squared of the grouping.
        full: R squared of the settings (model x strength).
        groups: number of groups.
        settings: number of settings.
        runs: number of runs.
    """
    noise = (1 - full) / (runs - settings)
    return (plain - (groups - 1) * noise) / (1 + noise)


def variance_explained(scores: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Variance explained by the model, and by model x strength, on one data set.

    Settings have equal weight: each contributes as many seeds as the smallest one has.

    Args:
        scores: as `wide` returns them, of one data set.
        names: score names.

    Returns:
        Long table: name, by ("model" or "model x strength"), explained (omega squared), low, high, plain (R squared),
        runs, seeds.

    Raises:
        TooFewRunsError: fewer than two models, or a setting with a single seed.
    """
    block, model_of_setting = balanced(scores, names)
    parts = []
    for by, groups in groupings(model_of_setting).items():
        share = explained(block, groups)
        ends = {"low": share.low, "high": share.high, "plain": share.plain}
        parts.append(pd.DataFrame({"name": list(names), "by": by, "explained": share.omega} | ends))
    return pd.concat(parts, ignore_index=True).assign(runs=block[..., 0].size, seeds=block.shape[1])


def mean_variance_explained(scores: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Mean over scores and data sets of the shares of `variance_explained`.

    Args:
        scores: as `wide` returns them, of any data sets.
        names: score names.

    Returns:
        by, explained, low, high, runs (of all data sets), seeds (the fewest of a setting).

    Raises:
        TooFewRunsError: as `variance_explained`, on any data set.
    """
    blocks = [balanced(scores.xs(d, drop_level=False), names) for d in scores.index.unique("dataset")]
    rows = []
    for by in groupings(blocks[0][1]):
        mean = mean_explained([(block, groupings(model_of_setting)[by]) for block, model_of_setting in blocks])
        rows.append({"by": by, "explained": mean.omega, "low": mean.low, "high": mean.high})
    counts = {"runs": sum(b[..., 0].size for b, _ in blocks), "seeds": min(b.shape[1] for b, _ in blocks)}
    return pd.DataFrame(rows).assign(**counts)


def groupings(model_of_setting: Labels) -> dict[str, Labels]:
    """Groupings that explain variance, by name: the group of each setting (K,), from the model of each setting."""
    return {"model": model_of_setting, "model x strength": np.arange(len(model_of_setting))}


def balanced(scores: pd.DataFrame, names: Sequence[str]) -> tuple[Floats, Labels]:
    """Scores (K, n, S) of one data set, and the model (K,) of each setting; the smallest setting has n seeds.

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
    rows = complete.groupby(SETTING).head(seeds)
    keys = rows.index.droplevel([n for n in rows.index.names if n not in SETTING])
    return rows.to_numpy().reshape(-1, seeds, len(names)), numbered([model for model, _ in keys[::seeds]])
