"""Label efficiency: downstream accuracy of each model's runs as a function of the number of labels."""

import numpy as np
import pandas as pd

from bench.analysis.names import accuracies, in_range
from bench.analysis.scores.agreement import TooFewRunsError, fewest_seeds, settings, wide
from bench.analysis.statistics.intervals import MIN_SEEDS, numbered, spread, t_ends


def label_efficiency(table: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy of each model's runs, with an interval from the variance of seeds within each setting.

    Returns:
        Long table: dataset, model, predictor, labels, mean, low and high (95 %, missing below `MIN_SEEDS` seeds of a
        setting), runs, seeds.

    Raises:
        TooFewRunsError: no run has accuracies with two numbers of labels, or all accuracies of its model.
    """
    scores = wide(table)
    names = accuracies(scores.columns)
    predictors = [n.rpartition("_")[0] for n in names]
    if not names or max(map(predictors.count, predictors)) < 2:
        raise TooFewRunsError(f"accuracies with two numbers of labels are needed, the table has {names or 'none'}")
    parts = []
    for (dataset, model), runs in scores.groupby(level=["dataset", "model"]):
        complete = runs[names].dropna(axis="columns", how="all").dropna()
        if len(complete):
            parts.append(_of_model(complete).assign(dataset=dataset, model=model))
    if not parts:
        raise TooFewRunsError(f"no run has all of {', '.join(names)}")
    return pd.concat(parts, ignore_index=True)


def _of_model(complete: pd.DataFrame) -> pd.DataFrame:
    values, seeds = complete.to_numpy(), fewest_seeds(complete)
    low, high = np.full((2, values.shape[1]), np.nan)
    if seeds >= MIN_SEEDS:
        ends = t_ends(values.mean(axis=0), *spread(values, numbered(settings(complete))))
        low, high = in_range(ends, list(complete.columns))
    split = complete.columns.to_series().str.rpartition("_")
    columns = {"predictor": split[0].to_numpy(), "labels": split[2].astype(int).to_numpy(), "mean": values.mean(axis=0)}
    return pd.DataFrame(columns | {"low": low, "high": high, "runs": len(complete), "seeds": seeds})
