"""How many seeds are needed? The width of a 95 % interval for n seeds per setting."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.scores.agreement import TooFewRunsError, correlated, fewest_seeds, settings
from bench.analysis.statistics.centres import error_factor, moderated
from bench.analysis.statistics.intervals import MIN_SEEDS, Floats, numbered, t_quantile

SEEDS = (5, 10, 20, 50)
HORIZON = 2  # times the available seeds: beyond it, predicted intervals of one setting are too narrow


def width_against_seeds(scores: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Predicted interval widths of a study with n seeds per setting, on one data set.

    A standard error falls as 1 / sqrt(n), and its degrees of freedom grow with n; both are estimated from the
    available seeds. Widths of single settings are predicted up to twice the available seeds.

    Args:
        scores: as `wide` returns them, of one data set.
        names: score names.

    Returns:
        Long table: statistic ("median" or "iqm" of a setting's seeds; "rank correlation" of two scores over all runs),
        name (of the score; missing for pairs), seeds (n), width (median over settings or pairs), low, high (10 % and
        90 % quantiles), runs, available (seeds of the smallest setting).

    Raises:
        TooFewRunsError: a setting has fewer than `MIN_SEEDS` seeds, so their variance is not known.
    """
    complete = scores[list(names)].dropna()
    fewest = fewest_seeds(complete) if len(complete) else 0
    if fewest < MIN_SEEDS:
        raise TooFewRunsError(f"{fewest} seeds of the smallest setting, {MIN_SEEDS} are needed to know how they vary")
    labels = numbered(settings(complete))
    lines: list[dict[str, Any]] = []
    for seeds in SEEDS:
        if seeds <= HORIZON * fewest:
            lines += _setting_widths(complete, labels, seeds)
        if len(names) > 1:
            widths = _correlation_widths(complete.to_numpy(), labels, seeds)
            lines.append({"statistic": "rank correlation", "name": None, "seeds": seeds} | _spread(widths))
    return pd.DataFrame(lines).assign(runs=len(complete), available=fewest)


def _setting_widths(complete: pd.DataFrame, labels: NDArray[np.int64], seeds: int) -> list[dict[str, Any]]:
    counts = np.bincount(labels)
    lines = []
    for name, column in complete.items():
        variances = [column.to_numpy()[labels == k].var(ddof=1) for k in range(len(counts))]
        pooled, freedom = moderated(variances, list(counts - 1))
        for centre in ("median", "iqm"):
            error = error_factor(centre, seeds) * np.sqrt(pooled / seeds)
            widths = 2 * t_quantile(freedom + seeds - counts) * error
            lines.append({"statistic": centre, "name": name, "seeds": seeds} | _spread(widths))
    return lines


def _correlation_widths(values: Floats, labels: NDArray[np.int64], seeds: int) -> Floats:
    available = len(labels) / len(np.unique(labels))  # seeds a setting, on average: the error is of all runs
    cells = correlated(values, labels)
    rho, error, freedom = (cells[n][np.triu_indices(values.shape[1], 1)] for n in ("spearman", "error", "freedom"))
    rho = np.where(np.abs(rho) < 1, rho, np.nan)
    half = t_quantile(freedom * (seeds - 1) / (available - 1)) * error / (1 - rho**2) * np.sqrt(available / seeds)
    return np.tanh(np.arctanh(rho) + half) - np.tanh(np.arctanh(rho) - half)


def _spread(widths: Floats) -> dict[str, float]:
    finite = widths[~np.isnan(widths)]
    if len(finite) == 0:
        return dict.fromkeys(("width", "low", "high"), np.nan)
    low, middle, high = np.quantile(finite, [0.1, 0.5, 0.9])
    return {"width": float(middle), "low": float(low), "high": float(high)}
