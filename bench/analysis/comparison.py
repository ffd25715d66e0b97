"""How likely a run of one model is to score higher than a run of another (Agarwal et al. 2021, arXiv:2108.13264)."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.agreement import TooFewRunsError, fewest_seeds, settings
from bench.analysis.intervals import DRAWS, percentile_interval, resample_counts
from bench.analysis.significance import two_sided

Floats = NDArray[np.float64]
Counts = NDArray[np.float32]


def probability_of_beating(a: Floats, b: Floats, counts_a: Counts, counts_b: Counts) -> Floats:
    """P(A > B) + P(A = B) / 2 of one run of each, in each draw (draws,); counts (draws, runs) say what was drawn."""
    wins = (a[:, None] > b) + np.float32(0.5) * (a[:, None] == b)
    won = counts_a @ wins  # halves of small integers: exact
    return np.einsum("db,db->d", won, counts_b, dtype=np.float64) / (counts_a.sum(axis=1) * counts_b.sum(axis=1))


def model_comparison(scores: pd.DataFrame, names: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """The probability that one model beats another by each score, over all their settings and seeds on one data set.

    Args:
        scores: as `wide` gives it, of one data set.
        names: score names, of which higher is better.
        rng: of the bootstrap over seeds.

    Returns:
        Long table: name, row, column (models), probability, low, high, p (that it is not 1/2), runs, seeds; each pair
        of models both ways.

    Raises:
        TooFewRunsError: fewer than two models have every score.
    """
    complete = scores[list(names)].dropna()
    owner = np.array(complete.index.get_level_values("model"), dtype=object)
    models = list(dict.fromkeys(owner))
    if len(models) < 2:
        raise TooFewRunsError(f"{len(models)} models have all of these scores, 2 are needed")
    counts = np.vstack([np.ones(len(owner)), resample_counts(settings(complete), DRAWS, rng)]).astype(np.float32)
    drawn = {m: counts[:, owner == m] for m in models}  # the first draw is every run once
    found = []
    for name in names:
        x = complete[name].to_numpy()
        for one, other in combinations(models, 2):
            won = probability_of_beating(x[owner == one], x[owner == other], drawn[one], drawn[other])
            found += _both_ways(won, {"name": name, "row": one, "column": other})
    return pd.DataFrame(found).assign(runs=len(complete), seeds=fewest_seeds(complete))


def _both_ways(won: Floats, labels: dict[str, str]) -> list[dict[str, object]]:
    point, drawn = float(won[0]), won[1:]
    (low, high), p = percentile_interval(drawn), float(two_sided(drawn, 0.5))
    back = labels | {"row": labels["column"], "column": labels["row"]}
    return [
        labels | {"probability": point, "low": float(low), "high": float(high), "p": p},
        back | {"probability": 1 - point, "low": 1 - float(high), "high": 1 - float(low), "p": p},
    ]
