"""Dead runs: no dimension of their mean codes is active (`bench.metrics.parts.active`), so they encode nothing.

A metric gives them its floor, or even rewards constant codes. Their disentanglement scores are not ranked; their
downstream accuracies count like those of other runs.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from bench.analysis.names import dataset_title, setting_title, title
from bench.analysis.scores.agreement import TooFewRunsError, rank_correlations, settings
from bench.values import counted

ACTIVE = "active_dims"
ALIVE = {name: f"{name}_alive" for name in ("spearman", "low", "high", "runs")}


def dead_runs(table: pd.DataFrame) -> frozenset[str]:
    """The runs of a score table whose mean codes have no active dimension; runs without that score are left out."""
    active_counts = table["name"].eq(ACTIVE) & table["representation"].eq("mean").fillna(False)
    return frozenset(table.loc[active_counts & table["score"].eq(0), "run"])


def with_alive(scores: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], dead: Iterable[str]) -> pd.DataFrame:
    """`rank_correlations` over all runs of a data set, and over the runs that are not dead.

    Returns:
        The table of all runs, plus spearman_alive, low_alive, high_alive and runs_alive, missing for too few runs.

    Raises:
        TooFewRunsError: there are too few runs with every score.
    """
    cells = rank_correlations(scores, rows, columns)
    alive = scores[~scores.index.get_level_values("run").isin(list(dead))]
    try:
        cells_alive = (cells if len(alive) == len(scores) else rank_correlations(alive, rows, columns))[list(ALIVE)]
    except TooFewRunsError:
        cells_alive = cells[list(ALIVE)].assign(**dict.fromkeys(ALIVE, np.nan) | {"runs": len(alive)})
    return cells.join(cells_alive.rename(columns=ALIVE))


def living_settings(scores: pd.DataFrame, dead: frozenset[str]) -> pd.DataFrame:
    """The rows of settings without a dead run; a setting that lost some of its seeds would have no interval.

    Args:
        scores: as `agreement.wide` returns them.
        dead: as `dead_runs` returns them.

    Raises:
        TooFewRunsError: there are none.
    """
    of_run = settings(scores)
    lost = {setting for setting, run in zip(of_run, scores.index.get_level_values("run"), strict=True) if run in dead}
    living = scores[[setting not in lost for setting in of_run]]
    if living.empty:
        raise TooFewRunsError(f"every setting has a dead run: {len(scores)} runs of {len(lost)} settings")
    return living


def moved(cells: pd.DataFrame, table: pd.DataFrame) -> str:
    """The effect of leaving out dead runs on rank correlations, as sentences for a caption; "" if no run is dead.

    Args:
        cells: as `with_alive` returns them, of one or several data sets, with the column "dataset".
        table: of scores, with the active dimensions of the runs.
    """
    sentences = []
    for dataset, part in cells.groupby("dataset", sort=False):
        if not (names := dead_sentence(table[table["dataset"] == dataset])):
            continue
        subject = f"{dataset_title(str(dataset))}: {names}"
        moves = (part["spearman_alive"] - part["spearman"]).abs()
        if moves.notna().any():
            largest = part.loc[moves.idxmax()]
            pair = f"{title(largest['row'])} and {title(largest['column'])}"
            values = f"{largest['spearman']:.2f} with them, {largest['spearman_alive']:.2f} without"
            sentences.append(f"{subject} Without them correlations move by up to {moves.max():.2f} ({pair}: {values}).")
        else:
            sentences.append(f"{subject} Without them too few runs are left for a correlation.")
    shown = "The figure shows the correlations of all runs, as published; both are in the csv."
    return " ".join([*sentences, shown]) if sentences else ""


def dead_sentence(table: pd.DataFrame) -> str:
    """A sentence with the number and names of the dead runs of a table; "" if there are none."""
    dead = table[table["run"].isin(dead_runs(table))].drop_duplicates("run")
    if dead.empty:
        return ""
    verb = "is" if len(dead) == 1 else "are"
    return f"{counted(len(dead), 'run')} {verb} dead (no active dimension): {named(dead)}."


def named(runs: pd.DataFrame) -> str:
    """Runs in words, such as "β-VAE, beta 8: seeds 0, 3; β-VAE, beta 16: seed 1"; several data sets are named.

    Args:
        runs: dataset, model, hyperparameter, value, seed of each.
    """
    parts = []
    several = runs["dataset"].nunique() > 1
    for (dataset, model, value), group in runs.groupby(["dataset", "model", "value"], dropna=False, observed=True):
        setting = setting_title(str(model), group["hyperparameter"].iloc[0], value)
        setting += f" on {dataset_title(str(dataset))}" if several else ""
        seeds = sorted(map(int, group["seed"]))
        parts.append(f"{setting}: seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}")
    return "; ".join(parts)
