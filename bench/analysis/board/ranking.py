"""Ranks of entrants (models) over several scores, by Borda count and by mean score, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench.analysis.statistics.intervals import percentile_interval
from bench.metrics.base import Score

Array = NDArray[np.float64]
STANDING = (
    "rank", "rank_low", "rank_high", "borda", "mean_rank", "mean_score", "rank_by_mean", "rank_by_mean_low",
    "rank_by_mean_high",
)  # fmt: skip
DIGITS = 12  # round off the error of summation, so that equal sums tie


@dataclass(frozen=True)
class Contest:
    """One score of E entrants: its estimates, and draws of the estimates that other seeds might give."""

    point: Array  # (E,)
    draws: Array  # (draws, E)
    declared: Score  # higher_is_better is not None


def standings(contests: Sequence[Contest]) -> pd.DataFrame:
    """Ranks of all entrants over all contests.

    Returns:
        A row for each entrant: rank, rank_low, rank_high (95 %, from the ranks in each draw) by Borda count; borda
        (contests x (entrants - mean_rank)) and mean_rank; rank_by_mean, rank_by_mean_low, rank_by_mean_high and
        mean_score (the mean share of the scores' ranges, over bounded scores).

    Example:
        >>> draws = np.zeros((10, 3))
        >>> contests = [Contest(np.array(p), draws, Score(0, 1)) for p in ([0.9, 0.5, 0.1], [0.3, 0.4, 0.4])]
        >>> standings(contests)[["rank", "borda", "mean_rank", "mean_score"]].round(2).values.tolist()
        [[2.0, 2.0, 2.0, 0.6], [1.0, 2.5, 1.75, 0.45], [3.0, 1.5, 2.25, 0.25]]
    """
    entrants = len(contests[0].point)
    mean_rank = np.mean([ranks(c.point, c.declared) for c in contests], axis=0)
    drawn_rank = np.mean([ranks(c.draws, c.declared) for c in contests], axis=0)
    frame = pd.DataFrame(_places(-mean_rank, -drawn_rank, "rank"))
    frame["borda"], frame["mean_rank"] = len(contests) * (entrants - mean_rank), mean_rank
    bounded = [c for c in contests if np.isfinite(c.declared.high - c.declared.low)]
    if bounded:
        share = np.mean([share_of_range(c.point, c.declared) for c in bounded], axis=0)
        drawn_share = np.mean([share_of_range(c.draws, c.declared) for c in bounded], axis=0)
        frame = frame.assign(mean_score=share, **_places(share, drawn_share, "rank_by_mean"))
    return frame.reindex(columns=list(STANDING))


def ranks(scores: Array, declared: Score) -> Array:
    """Rank of each entrant along the last axis: 1 is the best, ties share the mean of their ranks."""
    return rankdata(np.round(-scores if declared.higher_is_better else scores, DIGITS), axis=-1)


def share_of_range(scores: Array, declared: Score) -> Array:
    """Scores as a share of their range: 0 is the worst, 1 the best."""
    share = (scores - declared.low) / (declared.high - declared.low)
    return share if declared.higher_is_better else 1 - share


def _places(points: Array, draws: Array, name: str) -> dict[str, Array]:
    low, high = percentile_interval(_place(draws))
    return {name: _place(points), f"{name}_low": np.floor(low), f"{name}_high": np.ceil(high)}


def _place(points: Array) -> Array:
    """Place by points, most points first: 1, 2, 2, 4."""
    return rankdata(-np.round(points, DIGITS), method="min", axis=-1).astype(np.float64)
