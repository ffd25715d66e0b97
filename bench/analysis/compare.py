"""Do the scores of two models (or two studies) rank strengths, seeds and metrics alike, and which runs say no?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench.analysis.intervals import DRAWS, percentile_interval, resamples
from bench.analysis.matching import Key, Matched, matched
from bench.store import digest

Array = NDArray[np.float64]
SEED = 2019


@dataclass(frozen=True)
class Comparison:
    """What came out, as long tables; intervals are 95 %."""

    scores: (
        pd.DataFrame
    )  # dataset, name; strengths, seeds, runs, each with _low and _high; settings, pairs, fewest_seeds
    metrics: pd.DataFrame  # dataset, row, column; a, b, difference, low, high, fewest_seeds
    runs: pd.DataFrame  # dataset, name, setting, seed; run, score and rank of a and b; contribution


def compare(
    a: pd.DataFrame, b: pd.DataFrame, names: Sequence[str], on: Key = "strength", representation: str = "mean"
) -> Comparison:
    """Compare the scores of two sides on every data set that both have.

    * strengths: Spearman between the medians of a's and of b's settings.
    * runs: Spearman rho between runs of the same setting and seed. 1 - rho is the sum of the runs' contributions
      (u - v)^2 / 2, u and v being ranks centred and scaled to length 1.
    * seeds: as runs, of what is left of a score without its setting's median: is a seed that is good for one side good
      for the other?
    * metrics: Spearman of two scores within a, within b, and the difference.

    A correlation with a constant score is missing; so are intervals where a setting has a single seed.

    Args:
        a: score table of one side.
        b: score table of the other.
        names: scores to compare; those that both have are.
        on: what matches settings: "strength" of two models, "setting" of two studies.
        representation: whose scores.

    Raises:
        NothingInCommonError: there is nothing to compare.
    """
    parts = matched(a, b, names, on, representation)
    return Comparison(*(pd.concat([f(m) for m in parts], ignore_index=True) for f in (_agreement, _metrics, _runs)))


def paired(x: Array, y: Array) -> Array:
    """Spearman of each column of x (..., N, K) with the same column of y: (..., K); missing where one is constant."""
    return np.clip((_unit_ranks(x) * _unit_ranks(y)).sum(axis=-2), -1, 1)


def _unit_ranks(x: Array) -> Array:
    """Ranks within each column of x (..., N, K), centred and of length 1; missing where it is constant."""
    ranks = rankdata(x, axis=-2)
    ranks = ranks - ranks.mean(axis=-2, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=-2, keepdims=True))
    return ranks / np.where(length > 0, length, np.nan)


def _square(x: Array) -> Array:
    """Spearman of all columns of x (..., N, K) with each other: (..., K, K)."""
    units = _unit_ranks(x)
    return np.clip(units.swapaxes(-1, -2) @ units, -1, 1)


def _drawn(statistic: Callable[..., Array], picks: NDArray[np.int64], *values: Array) -> Array:
    """A statistic of each draw of rows, some draws at a time: all at once would take gigabytes of a large study."""
    return np.concatenate([statistic(*(v[part] for v in values)) for part in np.array_split(picks, 20)])


def _draws(side: pd.DataFrame, *identity: str) -> NDArray[np.int64]:
    """Rows of one side, seeds redrawn within each setting."""
    rng = np.random.default_rng(int(digest([SEED, *identity]), 16))
    return resamples(list(side.index.get_level_values("setting")), DRAWS, rng)


def _agreement(m: Matched) -> pd.DataFrame:
    x, y = m.paired()
    found = {"strengths": _strengths(m)}
    if len(x) > 1:
        picks = _draws(x, m.dataset, "pairs")
        for what, (u, v) in {"seeds": (_left(x), _left(y)), "runs": (x, y)}.items():
            p, q = u.to_numpy(), v.to_numpy()
            found[what] = paired(p, q), _drawn(paired, picks, p, q)
    nothing = np.full(len(m.a.columns), np.nan)
    columns: dict[str, object] = {"dataset": m.dataset, "name": list(m.a.columns)}
    for what in ("strengths", "seeds", "runs"):
        point, drawn = found.get(what, (nothing, nothing[None]))
        low, high = percentile_interval(drawn) if m.seeds > 1 else (nothing, nothing)
        columns |= {what: point, f"{what}_low": low, f"{what}_high": high}
    counts = {"settings": m.a.index.unique("setting").size, "pairs": len(x), "fewest_seeds": m.seeds}
    return pd.DataFrame(columns | counts)


def _strengths(m: Matched) -> tuple[Array, Array]:
    """Rank correlation of the settings' medians, and as drawn."""
    medians, drawn = [], []
    for side, which in ((m.a, "a"), (m.b, "b")):
        medians.append(side.groupby("setting").median().to_numpy())
        ends = np.cumsum(side.groupby("setting").size())[:-1]  # rows are in the order of their settings
        values = np.split(side.to_numpy()[_draws(side, m.dataset, which)], ends, axis=1)
        drawn.append(np.stack([np.median(v, axis=1) for v in values], axis=1))
    return paired(*medians), paired(*drawn)


def _left(side: pd.DataFrame) -> pd.DataFrame:
    return side - side.groupby("setting").transform("median")


def _metrics(m: Matched) -> pd.DataFrame:
    points, draws = [], []
    for side, which in ((m.a, "a"), (m.b, "b")):
        values = side.to_numpy()
        points.append(_square(values))
        draws.append(_drawn(_square, _draws(side, m.dataset, which), values))
    missing = np.full_like(points[0], np.nan)
    low, high = percentile_interval(draws[0] - draws[1]) if m.seeds > 1 else (missing, missing)
    upper = np.triu_indices(len(m.a.columns), 1)
    names = np.array(m.a.columns)
    return pd.DataFrame(
        {
            "dataset": m.dataset, "row": names[upper[0]], "column": names[upper[1]], "a": points[0][upper],
            "b": points[1][upper], "difference": (points[0] - points[1])[upper], "low": low[upper], "high": high[upper],
            "fewest_seeds": m.seeds,
        }
    )  # fmt: skip


def _runs(m: Matched) -> pd.DataFrame:
    """Runs matched by setting and seed, those that contribute most to a score's disagreement first."""
    x, y = m.paired()
    parts = []
    for name in x if len(x) > 1 else []:
        u, v = (_unit_ranks(s[[name]].to_numpy())[:, 0] for s in (x, y))
        part = x.index.to_frame(index=False).rename(columns={"run": "run_a"}).assign(dataset=m.dataset, name=name)
        part["run_b"] = y.index.get_level_values("run")
        for side, scores in (("a", x[name]), ("b", y[name])):
            part[f"score_{side}"], part[f"rank_{side}"] = scores.to_numpy(), rankdata(scores)
        parts.append(part.assign(contribution=(u - v) ** 2 / 2).sort_values("contribution", ascending=False))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
