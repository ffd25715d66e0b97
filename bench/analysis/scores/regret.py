"""What choosing a run without factors costs: its scores beside those of the run that factors would choose."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.analysis.names import OF_TRAINING, UNSUPERVISED
from bench.analysis.scores.agreement import MIN_RUNS, TooFewRunsError, fewest_seeds, settings
from bench.analysis.statistics.intervals import DRAWS, MIN_SEEDS, numbered, percentile_interval, resamples, stretched
from bench.metrics.base import Score

CRITERIA: Mapping[str, Score] = {**OF_TRAINING, **UNSUPERVISED}  # what needs no factors: losses, then scores
ANY = "any run"  # in the place of a criterion: each is as likely


def regret(scores: pd.DataFrame, names: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """How far the run that a criterion picks among all strengths and seeds of a model is below the best of these runs.

    Args:
        scores: as `with_sampled_tc` gives it, of one data set.
        names: metrics, higher is better.
        rng: of the bootstrap over seeds: best and pick are found anew among the runs drawn. No interval below
            `MIN_SEEDS` seeds.

    Returns:
        Long table: model, metric, by (of `CRITERIA`, or `ANY`: the mean over runs), regret, low, high (95 %), score (of
        the pick), best, run (picked), runs, seeds. Runs that lack a score of their model are left out.

    Raises:
        TooFewRunsError: no model has `MIN_RUNS` runs with every score and a criterion.
    """
    parts, counts = [], []
    for model, own in scores.groupby(level="model", sort=False):
        ways = [c for c in CRITERIA if c in own.columns and own[c].notna().any()]
        complete = own[[*names, *ways]].dropna()
        counts.append(f"{model} has {len(complete)}")
        if ways and len(complete) >= MIN_RUNS:
            parts.append(_of_model(complete, names, ways, rng).assign(model=model))
    if not parts:
        raise TooFewRunsError(
            f"{MIN_RUNS} runs of a model with every metric and a score without factors are needed: {', '.join(counts)}"
        )
    return pd.concat(parts, ignore_index=True)


def _of_model(runs: pd.DataFrame, names: Sequence[str], ways: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    cells, seeds = settings(runs), fewest_seeds(runs)
    drawn, x = resamples(cells, DRAWS, rng), runs[list(names)].to_numpy()
    best, best_drawn = x.max(axis=0), x[drawn].max(axis=1)
    lines = []
    for way in (*ways, ANY):
        if way == ANY:
            picked, picked_drawn, run = x.mean(axis=0), x[drawn].mean(axis=1), ""
        else:
            merit = runs[way].to_numpy() * (1 if CRITERIA[way].higher_is_better else -1)
            picked, run = x[merit.argmax()], str(runs.index[merit.argmax()][-1])
            picked_drawn = x[drawn[np.arange(DRAWS), merit[drawn].argmax(axis=1)]]
        point, spread = best - picked, best_drawn - picked_drawn
        known = seeds >= MIN_SEEDS
        ends = stretched(point, spread, numbered(cells)) if known else np.full_like(spread, np.nan)
        low, high = percentile_interval(np.maximum(ends, 0))
        lines += [
            {"metric": n, "by": way, "regret": point[k], "low": low[k], "high": high[k], "score": picked[k],
             "best": best[k], "run": run}
            for k, n in enumerate(names)
        ]  # fmt: skip
    return pd.DataFrame(lines).assign(runs=len(runs), seeds=seeds)
