"""Does a score order the settings of one data set like those of another? (paper: figures 4 right, 17, 18)"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.agreement import MIN_RUNS, TooFewRunsError
from bench.analysis.centres import medians as medians_of
from bench.analysis.centres import redrawn
from bench.analysis.intervals import DRAWS, percentile_interval
from bench.analysis.ranks import row_spearman
from bench.analysis.significance import two_sided

Floats = NDArray[np.float64]
SETTING = ["model", "value"]
CLIP = 1 - 1e-9  # a correlation whose z is still a number


def setting_medians(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """Medians over seeds of one score: a row a setting (model, value) that sweeps something, a column a data set."""
    known = scores[name].dropna()
    known = known[known.index.get_level_values("value").notna()]
    medians = known.groupby(["dataset", *SETTING], sort=False).median()
    return medians.unstack("dataset").dropna(axis="columns", how="all")


def agreement_across_datasets(scores: pd.DataFrame, names: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """Rank correlation of a score between data sets, over the medians of the settings that both have.

    Args:
        scores: as `wide` gives it, of several data sets.
        names: score names.
        rng: of the bootstrap: seeds are redrawn in each setting, data set by data set, medians and ranks taken anew.
            Redrawn medians are noisier than the medians and agree less, so their spread is laid about the estimate.

    Returns:
        Long table: name, row, column (data sets), spearman, low, high, p, settings, seeds (the fewest of a setting).

    Raises:
        TooFewRunsError: no score has two data sets with `MIN_RUNS` settings in common.
    """
    parts = [part for name in names for part in _pairs(scores, name, rng)]
    if not parts:
        several = scores.index.get_level_values("dataset").nunique()
        raise TooFewRunsError(f"{several} data sets; two are needed that have {MIN_RUNS} settings of a score in common")
    return pd.DataFrame(parts)


def _pairs(scores: pd.DataFrame, name: str, rng: np.random.Generator) -> list[dict[str, object]]:
    medians = setting_medians(scores, name)
    known = scores[name].dropna()
    drawn = {d: _drawn_medians(known.xs(d), medians.index, rng) for d in medians.columns}
    seeds = known.groupby(["dataset", *SETTING]).size()
    found: list[dict[str, object]] = []
    for one, other in combinations(medians.columns, 2):
        both = medians[[one, other]].notna().all(axis=1).to_numpy()
        if both.sum() >= MIN_RUNS:
            x, y = (medians.loc[both, d].to_numpy() for d in (one, other))
            cell = _correlated(x, y, drawn[one][:, both], drawn[other][:, both])
            cell |= {"settings": int(both.sum()), "seeds": int(seeds.loc[[one, other]].min())}
            found += [{"name": name, "row": r, "column": c} | cell for r, c in ((one, other), (other, one))]
    return found


def _drawn_medians(known: pd.Series, order: pd.MultiIndex, rng: np.random.Generator) -> Floats:
    """Medians of redrawn seeds (draws, settings), in the order of an index; NaN where a setting has none."""
    groups = {key: group.to_numpy() for key, group in known.groupby(SETTING)}
    medians = np.full((DRAWS, len(order)), np.nan)
    for k, key in enumerate(order):
        if key in groups:
            medians[:, k] = medians_of(redrawn(groups[key], len(groups[key]), rng))
    return medians


def _correlated(x: Floats, y: Floats, drawn_x: Floats, drawn_y: Floats) -> dict[str, Any]:
    """Rank correlation of two sets of medians; its interval is the spread of redrawn Fisher's z about its own."""
    point = row_spearman(x[None], y[None])[0]
    z, drawn = (np.arctanh(np.clip(r, -CLIP, CLIP)) for r in (point, row_spearman(drawn_x, drawn_y)))
    about = z + drawn - np.median(drawn)
    low, high = np.tanh(percentile_interval(about))
    return {"spearman": float(point), "low": float(low), "high": float(high), "p": float(two_sided(about))}
