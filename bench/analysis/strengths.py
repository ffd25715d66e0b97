"""Scores against regularisation strength: the seeds of each setting in a median and an IQM.

Paper: figures 1, 4 (left), 8, 9, 15 and 25 to 28.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.analysis.agreement import TooFewRunsError
from bench.analysis.centres import centres
from bench.columns import with_text


def of_runs(table: pd.DataFrame, names: Sequence[str], representation: str = "mean") -> pd.DataFrame:
    """Long table of chosen scores, all factors together: a row a run and score, with the run's strength."""
    chosen = table["representation"].isna() | table["representation"].eq(representation).fillna(False)
    return with_text(table[table["factor"].isna() & chosen & table["name"].isin(list(names))])


def against_strength(
    table: pd.DataFrame, names: Sequence[str], rng: np.random.Generator, representation: str = "mean"
) -> pd.DataFrame:
    """Median and IQM over seeds of each setting that is one of its model's published strengths.

    Returns:
        Long table: dataset, model, strength, name, and what `intervals.centres` gives.

    Raises:
        TooFewRunsError: no model has two strengths.
    """
    rows = of_runs(table, names, representation)
    rows = rows[rows["strength"].notna()]
    if rows.empty or rows.groupby("model")["strength"].nunique().max() < 2:
        raise TooFewRunsError("no model has runs of two strengths with these scores")
    keys = ["dataset", "model", "strength", "name"]
    groups = rows.groupby(keys, sort=False)["score"]
    found = [dict(zip(keys, key, strict=True)) | centres(group.to_numpy(), rng) for key, group in groups]
    return pd.DataFrame(found).astype({"strength": int}).sort_values(keys, ignore_index=True)
