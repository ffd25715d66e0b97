"""Do scores order runs alike? Spearman's rank correlation with bootstrap intervals (paper: figures 2, 5, 12, 19)."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench.analysis.intervals import bootstrap

MIN_RUNS = 6
MIN_SEEDS = 5  # seeds a setting below which a bootstrap over them says too little to rest a claim on


class TooFewRunsError(ValueError):
    """An analysis over too few runs to mean anything; the message says how many there are and are needed."""


def wide(table: pd.DataFrame, representation: str = "mean") -> pd.DataFrame:
    """One row a run, one column a score (all factors together), indexed by the run's identity.

    The index levels are dataset, model, strength, value, seed, run.
    """
    rows = table[table["factor"].isna() & (table["representation"] == representation)]
    index = ["dataset", "model", "value", "seed", "run"]
    return rows.pivot(index=index, columns="name", values="score")


def spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank correlation of each column of x (N, A) with each of y (N, B): (A, B); NaN where a column is constant."""
    a, b = (_standardised_ranks(m) for m in (x, y))
    return np.clip(a.T @ b, -1, 1)


def _standardised_ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks = rankdata(x, axis=0)
    ranks -= ranks.mean(axis=0)
    norms = np.sqrt((ranks**2).sum(axis=0))
    return ranks / np.where(norms > 0, norms, np.nan)


def rank_correlations(
    scores: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    """Rank correlations of scores over the runs of one data set.

    Args:
        scores: as `wide` gives it, of one data set.
        rows: score names.
        columns: score names.
        rng: of the bootstrap, which redraws seeds within each (model, strength).

    Returns:
        Long table: row, column, spearman, low, high (95 %), runs, and seeds: the fewest of a setting, which the
        interval rests on. A correlation with a constant score is missing.

    Raises:
        TooFewRunsError: fewer than `MIN_RUNS` runs have every score.
    """
    complete = scores[[*dict.fromkeys([*rows, *columns])]].dropna()
    if len(complete) < MIN_RUNS:
        raise TooFewRunsError(f"{len(complete)} runs have all of these scores, {MIN_RUNS} are needed")
    x, y = complete[list(rows)].to_numpy(), complete[list(columns)].to_numpy()
    strata = settings(complete)
    low, high = bootstrap(lambda i: spearman(x[i], y[i]), strata, rng)
    point = spearman(x, y)
    found = [
        {"row": r, "column": c, "spearman": point[i, j], "low": low[i, j], "high": high[i, j]}
        for i, r in enumerate(rows)
        for j, c in enumerate(columns)
    ]
    return pd.DataFrame(found).assign(runs=len(x), seeds=min(Counter(strata).values()))


def settings(scores: pd.DataFrame) -> list[tuple[str, ...]]:
    """The (data set, model, value) of each row: what a bootstrap over seeds keeps fixed."""
    frame = scores.index.to_frame(index=False)
    return list(zip(frame["dataset"], frame["model"], frame["value"].astype(str), strict=True))
