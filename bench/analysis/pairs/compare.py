"""Do the scores of two models (or two studies) rank strengths, seeds and metrics alike? Which runs disagree?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench.analysis.pairs.matching import Key, Matched, matched
from bench.analysis.scores.agreement import correlated
from bench.analysis.scores.datasets import correlated_medians, median_noise
from bench.analysis.statistics.intervals import MIN_SEEDS, numbered, t_ends, together
from bench.analysis.statistics.ranks import unit_ranks
from bench.store.files import generator_of

Array = NDArray[np.float64]
SEED = 2019
MIN_MEDIANS = 10


@dataclass(frozen=True)
class Comparison:
    """The results as long tables; intervals are 95 %.

    Attributes:
        scores: dataset, name; strengths, seeds, runs, each with _low and _high; settings, pairs, fewest_seeds.
        metrics: dataset, row, column; a, b, difference, low, high, fewest_seeds.
        runs: dataset, name, setting, seed; run, score and rank of a and b; contribution.
    """

    scores: pd.DataFrame
    metrics: pd.DataFrame
    runs: pd.DataFrame


def compare(a: pd.DataFrame, b: pd.DataFrame, names: Sequence[str], on: Key = "strength_index") -> Comparison:
    """Compare the scores of the mean codes of two sides on every data set that both have.

    * strengths: Spearman correlation between the medians of a's and of b's settings.
    * runs: Spearman rho between runs of the same setting and seed. 1 - rho is the sum of the runs' contributions
      (u - v)^2 / 2, with u and v the ranks centred and scaled to length 1.
    * seeds: as runs, after each setting's median is subtracted: is a seed that is good for one side good for the other?
    * metrics: Spearman correlation of two scores within a, within b, and the difference.

    A correlation with a constant score is missing. Intervals are missing if a setting has fewer than 5 seeds; those of
    `strengths` also below 10 settings.

    Args:
        a: score table of one side.
        b: score table of the other.
        names: scores to compare; a score that one side lacks is left out.
        on: how settings are matched: "strength_index" of two models, "setting" of two studies.

    Raises:
        NothingInCommonError: there is nothing to compare.
    """
    parts = matched(a, b, names, on)
    return Comparison(*(pd.concat([f(m) for m in parts], ignore_index=True) for f in (_agreement, _metrics, _runs)))


def _labels(side: pd.DataFrame) -> NDArray[np.int64]:
    return numbered(list(side.index.get_level_values("setting")))


def _agreement(m: Matched) -> pd.DataFrame:
    x, y = m.paired()
    missing = np.full(len(m.a.columns), np.nan)
    columns: dict[str, object] = {"dataset": m.dataset, "name": list(m.a.columns)}
    columns |= _strengths(m)
    for name, sides in (("seeds", (_residuals(x), _residuals(y))), ("runs", (x, y))):
        ends = _paired_ends(*sides, m.seeds) if len(x) > 1 else (missing, missing, missing)
        columns |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
    counts = {"settings": m.a.index.unique("setting").size, "pairs": len(x), "fewest_seeds": m.seeds}
    return pd.DataFrame(columns | counts)


def _paired_ends(x: pd.DataFrame, y: pd.DataFrame, seeds: int) -> tuple[Array, Array, Array]:
    """Correlation of each score's column with the same score's on the other side, and its interval."""
    labels = _labels(x) if min(seeds, x.groupby("setting").size().min()) >= MIN_SEEDS else None
    cells = [correlated(np.stack([x[n].to_numpy(), y[n].to_numpy()], axis=1), labels) for n in x]
    point, low, high = (np.array([cell[name][0, 1] for cell in cells]) for name in ("spearman", "low", "high"))
    return point, low, high


def _strengths(m: Matched) -> dict[str, Array]:
    """Rank correlation of the settings' medians; no interval for fewer than `MIN_MEDIANS` settings."""
    sides = [[group.to_numpy() for _, group in side.groupby("setting")] for side in (m.a, m.b)]
    medians = [np.stack([np.median(v, axis=0) for v in side]) for side in sides]
    cells = []
    for k in range(len(m.a.columns)):
        noise = None
        if m.seeds >= MIN_SEEDS and len(medians[0]) >= MIN_MEDIANS:
            noise = [median_noise([v[:, k].var(ddof=1) for v in side], [len(v) for v in side]) for side in sides]
        rng = generator_of([SEED, m.dataset, m.a.columns[k]])
        cells.append(correlated_medians([side[:, k] for side in medians], noise, rng))
    names = {"strengths": "spearman", "strengths_low": "low", "strengths_high": "high"}
    return {name: np.array([cell[key] for cell in cells]) for name, key in names.items()}


def _residuals(side: pd.DataFrame) -> pd.DataFrame:
    return side - side.groupby("setting").transform("median")


def _metrics(m: Matched) -> pd.DataFrame:
    """Correlations of two scores within each side, and their difference; the sides are independent."""
    sides = [correlated(s.to_numpy(), _labels(s) if m.seeds >= MIN_SEEDS else None) for s in (m.a, m.b)]
    upper = np.triu_indices(len(m.a.columns), 1)
    a, b = (side["spearman"][upper] for side in sides)
    errors, freedoms = (np.stack([side[n][upper] for side in sides]) for n in ("error", "freedom"))
    error, freedom = together(errors, freedoms)
    low, high = t_ends(a - b, error, freedom)
    names = np.array(m.a.columns)
    return pd.DataFrame(
        {
            "dataset": m.dataset, "row": names[upper[0]], "column": names[upper[1]], "a": a, "b": b,
            "difference": a - b, "low": low, "high": high, "fewest_seeds": m.seeds,
        }
    )  # fmt: skip


def _runs(m: Matched) -> pd.DataFrame:
    """Runs matched by setting and seed, ordered by their contribution to a score's disagreement, the largest first."""
    x, y = m.paired()
    parts = []
    for name in x if len(x) > 1 else []:
        u, v = (unit_ranks(s[[name]].to_numpy())[:, 0] for s in (x, y))
        part = x.index.to_frame(index=False).rename(columns={"run": "run_a"}).assign(dataset=m.dataset, name=name)
        part["run_b"] = y.index.get_level_values("run")
        for side, scores in (("a", x[name]), ("b", y[name])):
            part[f"score_{side}"], part[f"rank_{side}"] = scores.to_numpy(), rankdata(scores)
        parts.append(part.assign(contribution=(u - v) ** 2 / 2).sort_values("contribution", ascending=False))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
