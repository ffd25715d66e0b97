"""How much of a score's variance the model and its strength explain, the rest being the seed (paper: table 5)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.agreement import TooFewRunsError, fewest_seeds, settings
from bench.analysis.intervals import DRAWS, basic_interval, resample_counts

Floats = NDArray[np.float64]


def explained(scores: Floats, groups: Sequence[str], counts: NDArray[np.int64]) -> Floats:
    """R squared of least squares on one indicator a group: the variance between groups over all of it.

    Args:
        scores: (N, S).
        groups: (N,) labels.
        counts: (draws, N): how often each row counts.

    Returns:
        (draws, S); NaN where a score does not vary.
    """
    labels = pd.factorize(pd.Series(groups))[0]
    member = np.eye(labels.max() + 1)[labels]  # (N, groups)
    centred = scores - scores.mean(axis=0)
    sizes = counts @ member  # (draws, groups)
    sums = np.einsum("dn,ng,ns->dgs", counts, member, centred, optimize=True)
    mean = (counts @ centred) / counts.sum(axis=1, keepdims=True)
    total = counts @ centred**2 - counts.sum(axis=1, keepdims=True) * mean**2
    between = (sums**2 / np.maximum(sizes, 1)[..., None]).sum(axis=1) - counts.sum(axis=1, keepdims=True) * mean**2
    floor = 1e-12 * np.maximum((scores**2).sum(axis=0), 1e-300)
    return np.clip(between / np.where(total > floor, total, np.nan), 0, 1)


def variance_explained(scores: pd.DataFrame, names: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """Variance explained by the model, and by model x strength, on one data set.

    Intervals are of the basic bootstrap, which turns the percentiles about the estimate: redrawn seeds repeat, vary
    less within a setting than seeds do, and so explain too much.

    Args:
        scores: as `wide` gives it, of one data set.
        names: score names.
        rng: of the bootstrap over seeds.

    Returns:
        Long table: name, by ("model" or "model x strength"), explained, low, high, runs, seeds.

    Raises:
        TooFewRunsError: fewer than two models, or no setting with two seeds.
    """
    complete = scores[list(names)].dropna()
    complete = complete[complete.index.get_level_values("value").notna()]
    models = list(complete.index.get_level_values("model"))
    cells = settings(complete)
    if len(set(models)) < 2 or len(set(cells)) == len(cells):
        raise TooFewRunsError(
            f"{len(set(models))} models with strengths and {len(cells)} runs of {len(set(cells))} settings have all of "
            "these scores; two models, and two seeds of a setting, are needed"
        )
    counts = resample_counts(cells, DRAWS, rng)
    x, parts = complete.to_numpy(), []
    for by, groups in (("model", models), ("model x strength", list(map(str, cells)))):
        point = explained(x, groups, np.ones((1, len(x)), dtype=np.int64))[0]
        low, high = (np.clip(end, 0, 1) for end in basic_interval(point, explained(x, groups, counts)))
        parts.append(pd.DataFrame({"name": list(names), "by": by, "explained": point, "low": low, "high": high}))
    return pd.concat(parts, ignore_index=True).assign(runs=len(x), seeds=fewest_seeds(complete))
