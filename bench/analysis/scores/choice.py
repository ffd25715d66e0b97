"""Which run to take without factors, and what that costs: its scores beside those of the run that factors choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.names import OF_TRAINING, UNSUPERVISED
from bench.analysis.scores.agreement import MIN_RUNS, TooFewRunsError, fewest_seeds, settings
from bench.analysis.statistics.intervals import DRAWS, MIN_SEEDS, numbered, percentile_interval, resamples, stretched
from bench.metrics.base import Score

CRITERIA: Mapping[str, Score] = {**OF_TRAINING, **UNSUPERVISED}  # what needs no factors: losses, then scores
METRICS = ("elbo", "unsupervised", "udr", "model_centrality")  # whose scores they are, beside losses
ANY = "any run"  # in the place of a criterion: each is as likely


@dataclass(frozen=True)
class Choice:
    """What criteria choose among the runs of each model on one data set.

    Attributes:
        picks: a row a model and criterion: model, by (of `CRITERIA`), criterion (its value), run, value (of what the
            model sweeps), seed, runs (chosen among), incomplete (runs left out: they lack a score).
        regrets: a row a model, criterion and metric: model, metric, by (of `CRITERIA`, or `ANY`: the mean over runs),
            regret, low, high (95 %), score (of the pick), best, run (picked), runs, seeds. Empty without metrics.
        reasons: model -> why its regret is not known, though there are metrics.
    """

    picks: pd.DataFrame
    regrets: pd.DataFrame
    reasons: Mapping[str, str]


def choose(scores: pd.DataFrame, names: Sequence[str], rng: np.random.Generator) -> Choice:
    """The run that each criterion picks among all strengths and seeds of a model, and how far below the best it is.

    Args:
        scores: as `with_sampled_tc` gives it, of one data set.
        names: metrics, higher is better; none where factors are unknown. A model whose runs lack them all is chosen
            from without a regret.
        rng: of the bootstrap over seeds: best and pick are found anew among the runs drawn. No interval below
            `MIN_SEEDS` seeds.

    Returns:
        Picks and regrets over the same runs: those of a model that have every score which some run of it has.

    Raises:
        TooFewRunsError: no model has a run with a criterion; the message counts them.
    """
    picks: list[pd.DataFrame] = []
    regrets: list[pd.DataFrame] = []
    reasons: dict[str, str] = {}
    for model, runs in scores.groupby(level="model", sort=False):
        ways, known = ([c for c in among if c in runs and runs[c].notna().any()] for among in (CRITERIA, names))
        if not ways:
            continue
        complete = runs[[*known, *ways]].dropna()
        if complete.empty:
            reasons[str(model)] = f"none of its {len(runs)} runs has every score"
            continue
        picks.append(_picks(complete, ways).assign(model=model, incomplete=len(runs) - len(complete)))
        if known and len(complete) >= MIN_RUNS:
            regrets.append(_regrets(complete, known, ways, rng).assign(model=model))
        elif names:
            lacking = f"{len(complete)} runs, {MIN_RUNS} are needed" if known else "its runs have no such score"
            reasons[str(model)] = lacking
    if not picks:
        lacking = "; ".join(f"{model}: {why}" for model, why in reasons.items())
        mend = f"score them with metric=[{','.join(METRICS)}]"
        raise TooFewRunsError(lacking or f"none of {len(scores)} runs has a score that needs no factors: {mend}")
    return Choice(
        pd.concat(picks, ignore_index=True), pd.concat(regrets, ignore_index=True) if regrets else _NONE, reasons
    )


_NONE = pd.DataFrame(
    columns=["metric", "by", "regret", "low", "high", "score", "best", "run", "runs", "seeds", "model"]
)


def _merits(runs: pd.DataFrame, way: str) -> NDArray[np.float64]:
    """A criterion of each run, turned so that the highest is chosen."""
    return runs[way].to_numpy() * (1 if CRITERIA[way].higher_is_better else -1)


def _picks(runs: pd.DataFrame, ways: Sequence[str]) -> pd.DataFrame:
    rows = []
    for way in ways:
        place = int(_merits(runs, way).argmax())
        _, _, value, seed, run = runs.index[place]
        rows.append({"by": way, "criterion": runs[way].iloc[place], "run": run, "value": value, "seed": seed})
    return pd.DataFrame(rows).assign(runs=len(runs))


def _regrets(runs: pd.DataFrame, names: Sequence[str], ways: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    cells, seeds = settings(runs), fewest_seeds(runs)
    drawn, x = resamples(cells, DRAWS, rng), runs[list(names)].to_numpy()
    best, best_drawn = x.max(axis=0), x[drawn].max(axis=1)
    lines = []
    for way in (*ways, ANY):
        if way == ANY:
            picked, picked_drawn, run = x.mean(axis=0), x[drawn].mean(axis=1), ""
        else:
            merit = _merits(runs, way)
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
