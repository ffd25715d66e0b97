"""Do scores rank runs alike? Spearman's rank correlation with intervals.

Paper: figures 2, 4 (centre), 5, 12, 16, 19 and 24.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from bench.analysis.statistics.intervals import MIN_SEEDS, Floats, numbered, spread, t_ends
from bench.analysis.statistics.ranks import spearman_influence
from bench.analysis.statistics.significance import benjamini_hochberg
from bench.columns import with_text

MIN_RUNS = 6
CELL = ("spearman", "low", "high", "p")
CLIP = 1 - 1e-9  # a larger correlation has no interval


class TooFewRunsError(ValueError):
    """There are too few runs for an analysis; the message says how many there are and how many are needed."""


def wide(table: pd.DataFrame, representation: str = "mean") -> pd.DataFrame:
    """A row per run, a column per score (over all factors); the index levels are dataset, model, value, seed, run.

    Scores of the run itself, such as its final losses, are included for every representation.

    Raises:
        ValueError: a run has a score twice.
    """
    represented = table["representation"].isna() | table["representation"].eq(representation).fillna(False)
    chosen = table[table["factor"].isna() & represented]
    if (duplicated := chosen.duplicated(["run", "name"])).any():
        run, name = chosen.loc[duplicated, ["run", "name"]].iloc[0]
        raise ValueError(f"run {run} has more than one {name} in the table")
    (rows, _), (columns, names) = pd.factorize(chosen["run"]), pd.factorize(chosen["name"])
    runs = with_text(chosen.drop_duplicates("run")[["dataset", "model", "value", "seed", "run"]])
    scores = np.full((len(runs), len(names)), np.nan)
    scores[rows, columns] = chosen["score"]
    frame = pd.DataFrame(scores, pd.MultiIndex.from_frame(runs), pd.Index(names.astype("str"), name="name"))
    return frame.sort_index().sort_index(axis=1)


def rank_correlations(scores: pd.DataFrame, rows: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Rank correlations of scores over the runs of one data set.

    Args:
        scores: as `wide` returns them, of one data set.
        rows: score names.
        columns: score names.

    Returns:
        Long table: row, column, spearman, low, high (95 %), p (of no correlation), runs, and seeds, the fewest of a
        setting. Ends and p are missing below `MIN_SEEDS` seeds, and for a correlation of 1 or -1. A correlation with a
        constant score is missing.

    Raises:
        TooFewRunsError: fewer than `MIN_RUNS` runs have every score.
    """
    names = [*dict.fromkeys([*rows, *columns])]
    complete, labels, seeds = complete_runs(scores, names)
    estimates = correlated(complete.to_numpy(), labels)
    cells = [
        {"row": r, "column": c} | {n: estimates[n][names.index(r), names.index(c)] for n in CELL}
        for r, c in product(rows, columns)
    ]
    return pd.DataFrame(cells).assign(runs=len(complete), seeds=seeds)


def complete_runs(scores: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, NDArray[np.int64] | None, int]:
    """The runs that have every score, their settings numbered from 0, and the fewest seeds of one.

    Below `MIN_SEEDS` seeds the numbers are None: there is no interval.

    Raises:
        TooFewRunsError: fewer than `MIN_RUNS` runs have every score.
    """
    complete = scores[list(names)].dropna()
    if len(complete) < MIN_RUNS:
        raise TooFewRunsError(f"{len(complete)} runs have all of these scores, {MIN_RUNS} are needed")
    seeds = fewest_seeds(complete)
    return complete, numbered(settings(complete)) if seeds >= MIN_SEEDS else None, seeds


def correlated(values: Floats, labels: NDArray[np.int64] | None) -> dict[str, Floats]:
    """Spearman's rank correlation of every two columns over all rows, with its interval by Fisher's z.

    Args:
        values: (N, S).
        labels: (N,) the setting of each row, numbered from 0; None: no interval.

    Returns:
        spearman, low, high, p, error and freedom (standard error on the scale of the correlation): each (S, S).
    """
    return with_interval(*spearman_influence(values), labels)


def with_interval(point: Floats, influence: Floats, labels: NDArray[np.int64] | None) -> dict[str, Floats]:
    """Correlations (...) with their intervals, from the influence of each run (N, ...); see `correlated`."""
    missing = np.full_like(point, np.nan)
    if labels is None:
        return {"spearman": point} | dict.fromkeys(("low", "high", "p", "error", "freedom"), missing)
    error, freedom = spread(influence, labels)
    inner = np.abs(point) < CLIP
    z, scale = np.arctanh(np.where(inner, point, np.nan)), np.where(inner, 1 - point**2, np.nan)
    low, high = (np.tanh(end) for end in t_ends(z, error / scale, freedom))
    p = 2 * special.stdtr(np.maximum(freedom, 1), -np.abs(z) / np.maximum(error / scale, 1e-300))
    return {"spearman": point, "low": low, "high": high, "p": p, "error": error, "freedom": freedom}


def adjusted(cells: pd.DataFrame, panel: str = "dataset") -> pd.DataFrame:
    """Add `q`: p of each cell adjusted over all cells (Benjamini-Hochberg); a pair counts once per panel.

    The pair of a score with itself is not tested: its q is missing.
    """
    pairs = [tuple(sorted(pair)) for pair in zip(cells["row"], cells["column"], strict=True)]
    with_pairs = cells.assign(pair=pairs)
    tested = with_pairs[with_pairs["row"] != with_pairs["column"]].drop_duplicates([panel, "pair"])
    q = tested[[panel, "pair"]].assign(q=benjamini_hochberg(tested["p"]))
    return with_pairs.merge(q, how="left", on=[panel, "pair"]).drop(columns="pair")


def settings(scores: pd.DataFrame) -> list[tuple[str, ...]]:
    """The setting (data set, model, value) of each row; runs of a setting differ in their seed."""
    columns = (scores.index.get_level_values(level).astype(str).tolist() for level in ("dataset", "model", "value"))
    return list(zip(*columns, strict=True))


def fewest_seeds(scores: pd.DataFrame) -> int:
    """The number of seeds of the setting with the fewest."""
    return min(Counter(settings(scores)).values())
