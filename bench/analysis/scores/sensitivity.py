"""Variance of scores and of their rank correlations by choices of the evaluation, compared with the training seed."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from bench.analysis.scores.agreement import MIN_RUNS, TooFewRunsError, correlated, fewest_seeds, settings
from bench.analysis.statistics.intervals import MIN_SEEDS, Floats, numbered

SETTING, SEED = "setting", "training seed"
BASE = ""  # the unchanged protocol


def score_shares(scores: pd.DataFrame) -> pd.DataFrame:
    """Variance of each score by source, and its share of their sum.

    Sources: a choice of the evaluation (variance over its levels, the protocol's included, within a run, averaged over
    runs); the training seed (variance within a setting, averaged over settings, minus that of the evaluation seed); the
    setting (variance of the settings' means, minus the part of the seeds).

    Args:
        scores: as `bench.scoring.sensitivity.scores_again` returns them.

    Returns:
        dataset, name, source (a choice, "training seed" or "setting"), variance, shared (the part of a choice's
        variance that is equal for all runs and so changes no comparison), share, runs and seeds (the fewest of a
        setting). Shares are missing if all variances are 0, or one is: no run has all levels of a choice.

    Raises:
        TooFewRunsError: no setting of any data set has two seeds.
    """
    parts, few = [], []
    for (dataset, name), score_rows in scores.groupby(["dataset", "name"], sort=False):
        base = score_rows[score_rows["choice"] == BASE].dropna(subset="score").set_index("run")
        groups = base.groupby(["model", "value"], dropna=False)["score"]
        seeds = groups.size()
        if seeds.max() < 2:
            few.append(f"{dataset}: {len(base)} runs of {len(seeds)} settings")
            continue
        several = groups.agg(["mean", "var", "size"]).query("size > 1")
        within, between = float(several["var"].mean()), _between(several)
        lines = [
            {"source": choice} | _of_choice(base["score"], rows)
            for choice, rows in score_rows.groupby("choice", sort=False)
            if choice != BASE
        ]
        by_evaluation = next((line["variance"] for line in lines if line["source"] == "evaluation seed"), 0.0)
        lines += [{"source": SEED, "variance": np.maximum(0.0, within - by_evaluation), "shared": 0.0},
                  {"source": SETTING, "variance": between, "shared": 0.0}]  # fmt: skip
        frame = pd.DataFrame(lines).assign(dataset=dataset, name=name, runs=len(base), seeds=seeds.min())
        total = frame["variance"].sum(skipna=False)
        parts.append(frame.assign(share=frame["variance"] / total if total > 0 else np.nan))
    if not parts:
        raise TooFewRunsError(
            "two training seeds of a setting are needed; " + ("; ".join(dict.fromkeys(few)) or "none")
        )
    return pd.concat(parts, ignore_index=True)


def _between(groups: pd.DataFrame) -> float:
    if len(groups) < 2:
        return 0.0
    return max(0.0, float(groups["mean"].var() - (groups["var"] / groups["size"]).mean()))


def _of_choice(base: "pd.Series[float]", other: pd.DataFrame) -> dict[str, float]:
    """Variance over the levels of a choice within a run, and its part that is equal for all runs."""
    levels = other.pivot_table(index="run", columns="level", values="score").dropna()
    values: Floats = levels.join(base, how="inner").to_numpy()
    if not len(values):
        return {"variance": np.nan, "shared": np.nan}
    variance, runs = float(values.var(axis=1, ddof=1).mean()), len(values)
    of_means = float(values.mean(axis=0).var(ddof=1))
    of_single_runs = (variance - of_means) * runs / max(runs - 1, 1)  # these also contribute to the variance of means
    return {"variance": variance, "shared": max(0.0, variance - of_single_runs)}


def correlation_shares(scores: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Variance by source of the rank correlation (figure 2) of every two scores over the runs of a data set.

    Sources: a choice of the evaluation (variance of the correlation over its levels); the training seed (variance over
    seeds, which includes that of the evaluation seed).

    Args:
        scores: as `bench.scoring.sensitivity.scores_again` returns them.
        names: score names.

    Returns:
        dataset, row, column, source, spearman (under the protocol), variance, share, runs. The training seed and all
        shares are missing below `MIN_SEEDS` seeds of a setting, and for a constant score.

    Raises:
        TooFewRunsError: no data set has `MIN_RUNS` runs with two of the scores.
    """
    parts, few = [], []
    for dataset, dataset_rows in scores.groupby("dataset", sort=False):
        present = [n for n in names if n in set(dataset_rows["name"])]
        keys = ["dataset", "model", "value", "seed", "run"]
        base = _wide(dataset_rows[dataset_rows["choice"] == BASE], present, keys)
        if len(base) < MIN_RUNS or len(present) < 2:
            few.append(f"{dataset}: {len(base)} runs have {len(present)} scores")
            continue
        labels = numbered(settings(base)) if fewest_seeds(base) >= MIN_SEEDS else None
        point = correlated(base.to_numpy(), labels)
        for choice in [c for c in dataset_rows["choice"].unique() if c]:
            by_level = [point["spearman"]]
            for _, rows in dataset_rows[dataset_rows["choice"] == choice].groupby("level", sort=False):
                changed = _wide(rows, present, keys, base)
                by_level.append(correlated(changed.to_numpy(), None)["spearman"])
            variance = np.var(by_level, axis=0, ddof=1)
            parts.append(_pairs(str(dataset), choice, present, point["spearman"], variance, len(base)))
        variance = point["error"] ** 2
        parts.append(_pairs(str(dataset), SEED, present, point["spearman"], variance, len(base)))
    if not parts:
        raise TooFewRunsError(f"{MIN_RUNS} runs with two scores are needed; " + ("; ".join(few) or "there are none"))
    table = pd.concat(parts, ignore_index=True)
    total = table.groupby(["dataset", "row", "column"])["variance"].transform(lambda v: v.sum(skipna=False))
    return table.assign(share=table["variance"] / total.where(total > 0))


def _wide(
    rows: pd.DataFrame, names: Sequence[str], keys: list[str], otherwise: pd.DataFrame | None = None
) -> pd.DataFrame:
    """A row per run, a column per score; scores that a level lacks are those of `otherwise`."""
    wide = rows.set_index([*keys, "name"])["score"].unstack("name").reindex(columns=list(names))
    return wide.dropna() if otherwise is None else wide.reindex(otherwise.index).fillna(otherwise)


def _pairs(dataset: str, source: str, names: Sequence[str], point: Floats, variance: Floats, runs: int) -> pd.DataFrame:
    lines = [{"dataset": dataset, "source": source, "row": names[a], "column": names[b], "spearman": point[a, b],
              "variance": variance[a, b], "runs": runs} for a, b in combinations(range(len(names)), 2)]  # fmt: skip
    return pd.DataFrame(lines)
