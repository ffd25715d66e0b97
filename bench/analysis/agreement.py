"""Do scores order runs alike? Spearman's rank correlation with bootstrap intervals.

Paper: figures 2, 4 (centre), 5, 12, 16, 19 and 24.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.analysis.intervals import DRAWS, percentile_interval, resample_counts
from bench.analysis.ranks import resampled_spearman, spearman
from bench.analysis.significance import benjamini_hochberg, two_sided
from bench.columns import with_text

MIN_RUNS = 6
MIN_SEEDS = 5  # seeds a setting below which a bootstrap over them says too little to rest a claim on


class TooFewRunsError(ValueError):
    """An analysis over too few runs to mean anything; the message says how many there are and are needed."""


def wide(table: pd.DataFrame, representation: str = "mean") -> pd.DataFrame:
    """One row a run, one column a score (all factors together), indexed by the run's identity.

    The index levels are dataset, model, value, seed, run. Scores of the run itself, such as its final losses, are
    there whatever the representation.

    Raises:
        ValueError: a run has a score twice.
    """
    wanted = table["representation"].isna() | table["representation"].eq(representation).fillna(False)
    chosen = table[table["factor"].isna() & wanted]
    if (twice := chosen.duplicated(["run", "name"])).any():
        run, name = chosen.loc[twice, ["run", "name"]].iloc[0]
        raise ValueError(f"run {run} has more than one {name} in the table")
    (rows, _), (columns, names) = pd.factorize(chosen["run"]), pd.factorize(chosen["name"])
    runs = with_text(chosen.drop_duplicates("run")[["dataset", "model", "value", "seed", "run"]])
    scores = np.full((len(runs), len(names)), np.nan)
    scores[rows, columns] = chosen["score"]
    found = pd.DataFrame(scores, pd.MultiIndex.from_frame(runs), pd.Index(names.astype("str"), name="name"))
    return found.sort_index().sort_index(axis=1)


def rank_correlations(
    scores: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    """Rank correlations of scores over the runs of one data set.

    Args:
        scores: as `wide` gives it, of one data set.
        rows: score names.
        columns: score names.
        rng: of the bootstrap, which redraws seeds within each (model, strength) and ranks the drawn runs anew.

    Returns:
        Long table: row, column, spearman, low, high (95 %), p (that it is not 0), runs, and seeds: the fewest of a
        setting, which the interval rests on. A correlation with a constant score is missing.

    Raises:
        TooFewRunsError: fewer than `MIN_RUNS` runs have every score.
    """
    complete = scores[[*dict.fromkeys([*rows, *columns])]].dropna()
    if len(complete) < MIN_RUNS:
        raise TooFewRunsError(f"{len(complete)} runs have all of these scores, {MIN_RUNS} are needed")
    x, y = complete[list(rows)].to_numpy(), complete[list(columns)].to_numpy()
    strata = settings(complete)
    drawn = resampled_spearman(x, y, resample_counts(strata, DRAWS, rng))
    (low, high), p, point = percentile_interval(drawn), two_sided(drawn), spearman(x, y)
    found = [
        {"row": r, "column": c, "spearman": point[i, j], "low": low[i, j], "high": high[i, j], "p": p[i, j]}
        for i, r in enumerate(rows)
        for j, c in enumerate(columns)
    ]
    return pd.DataFrame(found).assign(runs=len(x), seeds=fewest_seeds(complete))


def adjusted(cells: pd.DataFrame) -> pd.DataFrame:
    """Add `q`: p of each cell adjusted for all the cells (Benjamini-Hochberg), each pair of scores counted once.

    A score's correlation with itself is no finding: its q is missing.
    """
    pairs = [tuple(sorted(pair)) for pair in zip(cells["row"], cells["column"], strict=True)]
    named = cells.assign(pair=pairs)
    tested = named[named["row"] != named["column"]].drop_duplicates(["dataset", "pair"])
    q = tested[["dataset", "pair"]].assign(q=benjamini_hochberg(tested["p"]))
    return named.merge(q, how="left", on=["dataset", "pair"]).drop(columns="pair")


def settings(scores: pd.DataFrame) -> list[tuple[str, ...]]:
    """The (data set, model, value) of each row: what a bootstrap over seeds keeps fixed."""
    columns = (scores.index.get_level_values(level).astype(str).tolist() for level in ("dataset", "model", "value"))
    return list(zip(*columns, strict=True))


def fewest_seeds(scores: pd.DataFrame) -> int:
    """Seeds of the setting that has the fewest."""
    return min(Counter(settings(scores)).values())
