"""Probability that a run of one model scores higher than a run of another (Agarwal et al. 2021, arXiv:2108.13264)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special
from scipy.stats import rankdata

from bench.analysis.scores.agreement import TooFewRunsError, fewest_seeds, settings
from bench.analysis.statistics.intervals import MIN_SEEDS, Floats, numbered, spread, t_quantile, together

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Beating:
    """The probability that a run of one side scores higher than a run of the other; ties count half.

    Attributes:
        probability, low, high: with its 95 % interval.
        p: p value of the probability 1/2.
    """

    probability: float
    low: float
    high: float
    p: float


def probability_of_beating(a: Floats, b: Floats, labels_a: Labels | None, labels_b: Labels | None) -> Beating:
    """P(A > B) + P(A = B) / 2 for a random run of each side, its 95 % interval, and the p value of 1/2.

    A run's placement is its share of wins over the other side (DeLong et al. 1988). The variance of placements within
    settings gives the standard error, which corresponds to an effective number of independent contests. The interval is
    Wilson's for that number, which is valid also near 0 and 1.

    Args:
        a: (N,) scores of one side.
        b: (M,) scores of the other.
        labels_a: the setting of each run, numbered from 0; None: no interval.
        labels_b: of the other side.
    """
    ranks = rankdata(np.concatenate([a, b]))
    wins_a = (ranks[: len(a)] - rankdata(a)) / len(b)
    wins_b = 1 - (ranks[len(a) :] - rankdata(b)) / len(a)
    share = float(wins_a.mean())
    if labels_a is None or labels_b is None:
        return Beating(share, np.nan, np.nan, np.nan)
    sides = np.array([spread(wins, labels) for wins, labels in ((wins_a, labels_a), (wins_b, labels_b))])
    error, freedom = (float(v) for v in together(sides[:, 0], sides[:, 1]))
    if share * (1 - share) > 1e-9 and error > 1e-9:
        contests = share * (1 - share) / error**2
    else:  # one side always wins: as many contests as the smaller side has runs
        contests = min(len(a), len(b))
        freedom = contests - 1
    t = float(t_quantile(freedom))
    middle = share + t**2 / 2 / contests
    half = t * np.sqrt(share * (1 - share) / contests + t**2 / 4 / contests**2)
    low, high = ((middle + end) / (1 + t**2 / contests) for end in (-half, half))
    under_null = np.abs(share - 0.5) * np.sqrt(4 * contests)  # Wilson's interval contains 1/2 if this is below t
    return Beating(share, low, high, float(2 * special.stdtr(max(freedom, 1), -under_null)))


def model_comparison(scores: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The probability that one model beats another by each score, over all their settings and seeds on one data set.

    Args:
        scores: as `wide` returns them, of one data set.
        names: score names, of which higher is better.

    Returns:
        Long table: name, row, column (models), probability, low, high, p (that it is not 1/2), runs, seeds; each pair
        of models both ways. Ends and p are missing below `MIN_SEEDS` seeds of a setting.

    Raises:
        TooFewRunsError: fewer than two models have every score.
    """
    complete = scores[list(names)].dropna()
    model_of_run = np.array(complete.index.get_level_values("model"), dtype=object)
    models = list(dict.fromkeys(model_of_run))
    if len(models) < 2:
        raise TooFewRunsError(f"2 models with all of these scores are needed, {len(models)} here")
    seeds = fewest_seeds(complete)
    cells = np.array(settings(complete), dtype=object)
    of_model = {m: model_of_run == m for m in models}
    labels = {m: numbered(list(map(tuple, cells[of_model[m]]))) if seeds >= MIN_SEEDS else None for m in models}
    rows: list[dict[str, object]] = []
    for name in names:
        x = complete[name].to_numpy()
        for a, b in combinations(models, 2):
            beating = probability_of_beating(x[of_model[a]], x[of_model[b]], labels[a], labels[b])
            rows += _both_ways(beating, {"name": name, "row": a, "column": b})
    return pd.DataFrame(rows).assign(runs=len(complete), seeds=seeds)


def _both_ways(beating: Beating, labels: dict[str, str]) -> list[dict[str, object]]:
    reverse = labels | {"row": labels["column"], "column": labels["row"]}
    share, low, high, p = beating.probability, beating.low, beating.high, beating.p
    return [
        labels | {"probability": share, "low": low, "high": high, "p": p},
        reverse | {"probability": 1 - share, "low": 1 - high, "high": 1 - low, "p": p},
    ]
