"""Scores as a function of regularisation strength: median and IQM over the seeds of each setting.

Paper: figures 1, 4 (left), 8, 9, 15 and 25 to 28.
"""

from collections.abc import Sequence

import pandas as pd

from bench.analysis.names import span_of
from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.statistics.centres import centres
from bench.columns import with_text


def of_runs(table: pd.DataFrame, names: Sequence[str], representation: str = "mean") -> pd.DataFrame:
    """Long table of these scores over all factors: a row per run and score."""
    represented = table["representation"].isna() | table["representation"].eq(representation).fillna(False)
    return with_text(table[table["factor"].isna() & represented & table["name"].isin(list(names))])


def against_strength(table: pd.DataFrame, names: Sequence[str], representation: str = "mean") -> pd.DataFrame:
    """Median and IQM over seeds of each setting at one of the published strengths of its model.

    Returns:
        Long table: dataset, model, hyperparameter, strength_index, value, name, and the columns of `centres.centres`.

    Raises:
        TooFewRunsError: no model has two strengths.
    """
    rows = of_runs(table, names, representation)
    rows = rows[rows["strength_index"].notna()]
    if rows.empty or rows.groupby("model")["strength_index"].nunique().max() < 2:
        raise TooFewRunsError("no model has runs of two strengths with these scores")
    keys = ["dataset", "model", "strength_index", "name"]
    parts = []
    for (_, name), scores in rows.groupby(["dataset", "name"], sort=False):  # of which settings pool variances
        groups = scores.groupby(keys, sort=False)["score"]
        settings = pd.DataFrame(list(groups.groups), columns=keys)
        values_of_settings = [group.to_numpy() for _, group in groups]
        parts.append(pd.concat([settings, centres(values_of_settings, span_of(str(name)))], axis=1))
    lines = pd.concat(parts).astype({"strength_index": int}).sort_values(keys, ignore_index=True)
    values = rows.astype({"strength_index": int}).drop_duplicates(["model", "strength_index"])
    values = values[["model", "hyperparameter", "strength_index", "value"]]
    leading = ["dataset", "model", "hyperparameter", "strength_index", "value", "name"]
    return lines.merge(values, how="left")[[*leading, *lines.columns.difference(leading, sort=False)]]
