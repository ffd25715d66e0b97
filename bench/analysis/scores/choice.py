"""The choice of a run without factors, and its regret: its scores compared with the best run's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.names import OF_TRAINING, UNSUPERVISED, merit_sign
from bench.analysis.scores.agreement import MIN_RUNS, TooFewRunsError, fewest_seeds, settings
from bench.analysis.statistics.intervals import DRAWS, MIN_SEEDS, numbered, percentile_interval, resamples, stretched
from bench.metrics.base import Score
from bench.values import counted

CRITERIA: Mapping[str, Score] = {**OF_TRAINING, **UNSUPERVISED}  # criteria without factors: losses, then scores
METRICS = ("elbo", "unsupervised", "udr", "model_centrality")  # the metrics of these scores
ANY = "any run"  # in place of a criterion: a uniformly random run


@dataclass(frozen=True)
class Choice:
    """The runs that criteria choose among those of each model on one data set.

    Attributes:
        picks: a row per model and criterion: model, by (of `CRITERIA`), criterion (its value), run, value (of the swept
            hyper-parameter), seed, runs (number of candidates), incomplete (runs left out because they lack a score).
        regrets: a row per model, criterion and metric: model, metric, by (of `CRITERIA`, or `ANY`: the mean over runs),
            regret, low, high (95 %), score (of the picked run), best, run (picked), runs, seeds. Empty without metrics.
        reasons: model -> why its regret is not known, although there are metrics.
    """

    picks: pd.DataFrame
    regrets: pd.DataFrame
    reasons: Mapping[str, str]


def choose(scores: pd.DataFrame, names: Sequence[str], rng: np.random.Generator) -> Choice:
    """The run that each criterion picks among all strengths and seeds of a model, and its gap to the best run.

    Args:
        scores: as `with_sampled_tc` returns them, of one data set.
        names: metrics; empty if factors are unknown. A model without any of these scores has picks
            but no regrets.
        rng: of the bootstrap over seeds, which determines the best and the picked run again in each draw. No interval
            below `MIN_SEEDS` seeds.

    Returns:
        Picks and regrets over the same runs: the runs of a model that have every score that any of its runs has.

    Raises:
        TooFewRunsError: no model has a run with a criterion; the message counts them.
    """
    picks: list[pd.DataFrame] = []
    regrets: list[pd.DataFrame] = []
    reasons: dict[str, str] = {}
    for model, runs in scores.groupby(level="model", sort=False):
        criteria, metrics = ([n for n in group if n in runs and runs[n].notna().any()] for group in (CRITERIA, names))
        if not criteria:
            continue
        complete = runs[[*metrics, *criteria]].dropna()
        if complete.empty:
            reasons[str(model)] = f"none of its {counted(len(runs), 'run')} has every score"
            continue
        picks.append(_picks(complete, criteria).assign(model=model, incomplete=len(runs) - len(complete)))
        if metrics and len(complete) >= MIN_RUNS:
            regrets.append(_regrets(complete, metrics, criteria, rng).assign(model=model))
        elif names:
            few = f"{counted(len(complete), 'run')}, {MIN_RUNS} are needed"
            reasons[str(model)] = few if metrics else "its runs have no such score"
    if not picks:
        explained = "; ".join(f"{model}: {reason}" for model, reason in reasons.items())
        remedy = f"score them with metric=[{','.join(METRICS)}]"
        raise TooFewRunsError(explained or f"none of {len(scores)} runs has a score that needs no factors: {remedy}")
    return Choice(
        pd.concat(picks, ignore_index=True), pd.concat(regrets, ignore_index=True) if regrets else _NONE, reasons
    )


_NONE = pd.DataFrame(
    columns=["metric", "by", "regret", "low", "high", "score", "best", "run", "runs", "seeds", "model"]
)


def _merits(runs: pd.DataFrame, criterion: str) -> NDArray[np.float64]:
    """A criterion of each run, with the sign that makes the highest the best."""
    return runs[criterion].to_numpy() * (1 if CRITERIA[criterion].higher_is_better else -1)


def _picks(runs: pd.DataFrame, criteria: Sequence[str]) -> pd.DataFrame:
    rows = []
    for name in criteria:
        place = int(_merits(runs, name).argmax())
        _, _, value, seed, run = runs.index[place]
        rows.append({"by": name, "criterion": runs[name].iloc[place], "run": run, "value": value, "seed": seed})
    return pd.DataFrame(rows).assign(runs=len(runs))


def _regrets(
    runs: pd.DataFrame, names: Sequence[str], criteria: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    cells, seeds, signs = settings(runs), fewest_seeds(runs), np.array([merit_sign(n) for n in names])
    resampled, x = resamples(cells, DRAWS, rng), runs[list(names)].to_numpy() * signs
    best, best_of_draws = x.max(axis=0), x[resampled].max(axis=1)
    lines = []
    for criterion in (*criteria, ANY):
        if criterion == ANY:
            picked, picked_of_draws, run = x.mean(axis=0), x[resampled].mean(axis=1), ""
        else:
            merit = _merits(runs, criterion)
            picked, run = x[merit.argmax()], str(runs.index[merit.argmax()][-1])
            picked_of_draws = x[resampled[np.arange(DRAWS), merit[resampled].argmax(axis=1)]]
        point, draws = best - picked, best_of_draws - picked_of_draws
        ends = stretched(point, draws, numbered(cells)) if seeds >= MIN_SEEDS else np.full_like(draws, np.nan)
        low, high = percentile_interval(np.maximum(ends, 0))
        values = {"regret": point, "low": low, "high": high, "score": picked * signs, "best": best * signs}
        lines += [
            {"metric": n, "by": criterion} | {column: value[k] for column, value in values.items()} | {"run": run}
            for k, n in enumerate(names)
        ]
    return pd.DataFrame(lines).assign(runs=len(runs), seeds=seeds)
