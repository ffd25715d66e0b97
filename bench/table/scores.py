"""The scores of a study: of its members in the store; of runs that were never started there, the reference table's."""

from pathlib import Path
from typing import TYPE_CHECKING

from bench.registry import unknown
from bench.scoring.groups import UDR, udr_scores
from bench.scoring.runs import cells
from bench.store.folders import Store
from bench.store.record_types import TRAINING
from bench.study import record
from bench.study.plan import Plan
from bench.table.folder import unreadable
from bench.table.identities import check_identities
from bench.table.reference import STUDY, known, read_reference
from bench.table.stored import COLUMNS, stored_scores

if TYPE_CHECKING:
    import pandas as pd


def scores(study: str | None = None, results_dir: Path | str | None = None) -> "pd.DataFrame":
    """The long score table, of one study or of everything in the store.

    Args:
        study: a study that was started in this store, or "reference", whose scores come with the package.
        results_dir: the store; None: results/ of the checkout, else ./results.

    Raises:
        UnknownNameError: no study of that name was started in this store.
        StoreError: the study's record, or the reference table, cannot be read.
    """
    store = Store(results_dir)
    return stored_scores(store) if study is None else study_scores(study, store)[0]


def study_scores(name: str, store: Store) -> "tuple[pd.DataFrame, str]":
    """The scores of a study by its name, and a remark on where they come from.

    Raises:
        UnknownNameError: it was not started in this store and is not the one whose table comes with the package.
    """
    plan = record.read(store, name)
    if plan is not None:
        return plan_scores(plan, store)
    if name not in studies_with_scores(store):
        raise unknown("study (not started here)", name, studies_with_scores(store))
    folder = known(store)
    table = newest(read_reference(folder)[0])
    return table, f"scores of {table['run'].nunique()} runs from the table {folder.table if folder else ''}"


def newest(table: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of the highest version of each metric that a run has: a table that grew by merging may hold several."""
    highest = table.groupby(["run", "metric"], observed=True)["version"].transform("max")
    return table[table["version"].eq(highest)].reset_index(drop=True)


def studies_with_scores(store: Store) -> list[str]:
    """Studies started in a store, and the one whose table comes with the package."""
    return sorted({*store.studies(), *([STUDY] if known(store) else [])})


def plan_scores(plan: Plan, store: Store) -> "tuple[pd.DataFrame, str]":
    """The scores of a plan's members and groups, and a remark on where they come from ("": all from the store).

    A run that the store has is read from the store; one that was never started there has the reference table's
    scores, if it has any of this protocol and these metric versions.

    Raises:
        StoreError: the reference table cannot be read, or describes a run of the plan otherwise than it is.
    """
    import pandas as pd

    keys = {cell.key for cell in cells(plan.metrics, plan.protocol)}
    of_store = stored_scores(store, runs=[member.id for member in plan.members], cells=[*keys, TRAINING])
    of_store = pd.concat([of_store, udr_scores(plan, store)], ignore_index=True).astype(COLUMNS)
    folder = known(store)
    if folder is None:
        return of_store, ""
    kept = read_reference(folder)[0]
    wanted = {run.id for run in plan.runs} & set(kept["run"])
    kept = kept[kept["run"].isin({run for run in wanted if store.run(run).state() == "missing"})]
    if kept.empty:
        return of_store, ""
    try:
        check_identities({run.id: run.config() for run in plan.runs if run.id in wanted}, kept)
    except ValueError as fault:
        raise unreadable(folder.table, fault, folder) from fault
    current = kept["cell"].isin(keys) | kept["representation"].isna() | kept["metric"].eq(UDR)  # of a run, of a group
    rest = kept[current]
    origin = f"scores of {rest['run'].nunique()} runs from the table {folder.table}"
    origin += f", of {of_store['run'].nunique()} from runs in {store.path}"
    if not current.all():
        origin += f"; {(~current).sum():,} rows of the table are of another protocol or metric version and left out"
    return pd.concat([of_store, rest], ignore_index=True).astype(COLUMNS), origin
