"""Dead runs: no dimension of their mean codes is active (`bench.metrics.parts.active`), so nothing is encoded.

What a metric says of them is its floor, or worse: it rewards that nothing moves. Their disentanglement scores are not
ranked; what can be predicted from them is an accuracy like any other.
"""

from collections.abc import Iterable

import pandas as pd

from bench.analysis.names import dataset_title, model_title

ACTIVE = "active_dims"


def dead_runs(table: pd.DataFrame) -> frozenset[str]:
    """The runs of a score table whose mean codes have no active dimension; without that score none is known to be."""
    counted = table["name"].eq(ACTIVE) & table["representation"].eq("mean").fillna(False)
    return frozenset(table.loc[counted & table["score"].eq(0), "run"])


def without_dead(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the other runs."""
    return table[~table["run"].isin(dead_runs(table))]


def told(table: pd.DataFrame) -> str:
    """How many runs of a table are dead, and which, as a sentence; "" where none is."""
    dead = table[table["run"].isin(dead_runs(table))].drop_duplicates("run")
    if dead.empty:
        return ""
    few = "1 run is dead" if len(dead) == 1 else f"{len(dead):,} runs are dead"
    return f"{few} (no active dimension): {named(dead)}."


def named(runs: pd.DataFrame) -> str:
    """Runs in words, such as "β-VAE 16: seeds 0, 3; β-VAE 32: seed 1"; of several data sets each with its own.

    Args:
        runs: dataset, model, value, seed of each.
    """
    parts = []
    several = runs["dataset"].nunique() > 1
    for (dataset, model, value), group in runs.groupby(["dataset", "model", "value"], dropna=False, observed=True):
        setting = model_title(str(model)) + ("" if pd.isna(value) else f" {value:g}")
        setting += f" on {dataset_title(str(dataset))}" if several else ""
        parts.append(f"{setting}: {_listed('seed', sorted(map(int, group['seed'])))}")
    return "; ".join(parts)


def _listed(word: str, numbers: Iterable[int]) -> str:
    numbers = list(numbers)
    return f"{word}{'s' if len(numbers) != 1 else ''} {', '.join(map(str, numbers))}"
