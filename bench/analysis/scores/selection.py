"""Selection of a run by a score that needs no factors."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.names import TC, TC_SAMPLED, UNSUPERVISED, in_range, merit_sign
from bench.analysis.scores.agreement import MIN_RUNS, TooFewRunsError, fewest_seeds, settings, wide
from bench.analysis.statistics.intervals import DRAWS, MIN_SEEDS, numbered, percentile_interval, resamples, stretched

Floats = NDArray[np.float64]


def with_sampled_tc(table: pd.DataFrame) -> pd.DataFrame:
    """`wide` of the mean representation, plus a column with the Gaussian total correlation of sampled codes."""
    scores, sampled = wide(table), wide(table, "sampled")
    return scores.assign(**{TC_SAMPLED: sampled[TC]}) if TC in sampled else scores


def unsupervised_selection(scores: pd.DataFrame, names: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """Each metric of the run that an unsupervised score picks, compared with the best, median and worst run.

    Args:
        scores: as `with_sampled_tc` returns them, of one data set; runs that lack a score are left out.
        names: metrics.
        rng: of the bootstrap over seeds, which repeats the pick in each draw; no interval below `MIN_SEEDS` seeds.

    Returns:
        Long table: metric, by (an unsupervised score, or "best run", "median run", "worst run"), score, low, high,
        share (of runs that are not better), run (picked), runs, seeds.

    Raises:
        TooFewRunsError: fewer than `MIN_RUNS` runs have every score, or the table has no unsupervised score.
    """
    criteria = [n for n in UNSUPERVISED if n in scores.columns and scores[n].notna().any()]
    complete = scores[[*names, *criteria]].dropna()
    if not criteria or len(complete) < MIN_RUNS:
        raise TooFewRunsError(
            f"{len(complete)} runs have all metrics and {len(criteria)} unsupervised scores; {MIN_RUNS} runs and a "
            "score are needed"
        )
    cells, seeds = settings(complete), fewest_seeds(complete)
    resampled, labels = resamples(cells, DRAWS, rng), numbered(cells)
    signs = np.array([merit_sign(n) for n in names])
    x = complete[list(names)].to_numpy() * signs
    picks: list[tuple[str, Floats, Floats, str]] = []  # by, scores, scores in each draw, run
    for criterion in criteria:
        merit = complete[criterion].to_numpy() * (1 if UNSUPERVISED[criterion].higher_is_better else -1)
        of_draws = resampled[np.arange(DRAWS), merit[resampled].argmax(axis=1)]
        picks.append((criterion, x[merit.argmax()], x[of_draws], str(complete.index[merit.argmax()][-1])))
    for label, quantile in (("best run", 1.0), ("median run", 0.5), ("worst run", 0.0)):
        quantiles = np.stack([np.quantile(column[resampled], quantile, axis=1) for column in x.T], axis=1)
        picks.append((label, np.quantile(x, quantile, axis=0), quantiles, ""))
    lines: list[dict[str, object]] = []
    for by, picked, draws, run in picks:
        ends = stretched(picked, draws, labels) if seeds >= MIN_SEEDS else np.full_like(draws, np.nan)
        low, high = in_range(np.sort(percentile_interval(ends) * signs, axis=0), names)
        values = {"score": picked * signs, "low": low, "high": high, "share": (x <= picked).mean(axis=0)}
        lines += [
            {"metric": n, "by": by} | {column: value[k] for column, value in values.items()} | {"run": run}
            for k, n in enumerate(names)
        ]
    return pd.DataFrame(lines).assign(runs=len(complete), seeds=seeds)
