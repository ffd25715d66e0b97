"""The scores of a study: of its members in the store; of runs that were never started there, the reference table's."""

from pathlib import Path
from typing import TYPE_CHECKING

from bench.registry import unknown
from bench.scoring.groups import group_cell, groups_in
from bench.scoring.runs import cells
from bench.store.folders import RunFolder, Store
from bench.store.record_types import TRAINING
from bench.store.tables import TableFolder
from bench.study import record
from bench.study.plan import Plan
from bench.table.folder import unreadable
from bench.table.identities import check_identities
from bench.table.joining import largest_groups
from bench.table.reference import known, read_reference, read_study, studies_of
from bench.table.stored import COLUMNS, stored_scores
from bench.training.catalogue import was_taken

if TYPE_CHECKING:
    import pandas as pd


def scores(study: str | None = None, results_dir: Path | str | None = None) -> "pd.DataFrame":
    """The long score table, of one study or of everything in the store; of the groups of a run the largest counts.

    Args:
        study: a study that was started in this store, or one whose scores come with the package, such as "reference".
        results_dir: the store; None: results/ of the checkout, else ./results.

    Raises:
        UnknownNameError: no study of that name was started in this store.
        StoreError: the study's record, or the reference table, cannot be read.
    """
    store = Store(results_dir)
    return largest_groups(stored_scores(store)) if study is None else study_scores(study, store)[0]


def study_scores(name: str, store: Store) -> "tuple[pd.DataFrame, str]":
    """The scores of a study by its name, and a remark on where they come from.

    Raises:
        UnknownNameError: it was not started in this store and the reference table has no scores of it.
    """
    plan = record.read(store, name)
    if plan is not None:
        return plan_scores(plan, store)
    folder = known(store)
    if folder is None or name not in studies_of(folder):
        raise unknown("study (not started here)", name, studies_with_scores(store))
    table = newest(read_study(name, folder))
    return table, f"scores of {table['run'].nunique()} runs from the table {folder.table}"


def newest(table: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of the highest version of each metric that a run has: a table that grew by merging may hold several."""
    highest = table.groupby(["run", "metric"], observed=True)["version"].transform("max")
    return table[table["version"].eq(highest)].reset_index(drop=True)


def studies_with_scores(store: Store) -> list[str]:
    """Studies started in a store, and those whose scores the reference table has."""
    folder = known(store)
    return sorted({*store.studies(), *(studies_of(folder) if folder else [])})


def plan_scores(plan: Plan, store: Store) -> "tuple[pd.DataFrame, str]":
    """The scores of a plan's members and groups, and a remark on where they come from ("": all from the store).

    A run that the store has is read from the store; one that was never started there has the reference table's
    scores, if it has any of this protocol and these metric versions. One whose weights ship, which were taken in the
    place of training, has the table's where the store has not scored it: they are the scores of those weights.

    Raises:
        StoreError: the reference table cannot be read, or describes a run of the plan otherwise than it is.
    """
    import pandas as pd

    keys = {cell.key for cell in cells(plan.metrics, plan.protocol)}
    of_store = stored_scores(store, runs=[member.id for member in plan.members])
    asked = of_store["cell"].isin(keys | {TRAINING} | _groups_of(plan, of_store))
    of_store = _with_words_used(largest_groups(of_store[asked]))
    folder = known(store)
    if folder is None:
        return of_store, ""
    kept = read_reference(folder)[0]
    of_groups = _groups_of(plan, kept)
    wanted = {run.id for run in plan.runs} & set(kept["run"])
    kept = kept[kept["run"].isin({run for run in wanted if _has_scores_elsewhere(store.run(run))})]
    kept = kept[~_kinds(kept).isin(_kinds(of_store))]
    if kept.empty:
        return of_store, _no_match(plan, folder) if not wanted else ""
    try:
        check_identities({run.id: run.config() for run in plan.runs if run.id in wanted}, kept)
    except ValueError as fault:
        raise unreadable(folder.table, fault, folder) from fault
    current = kept["cell"].isin(keys | of_groups) | kept["representation"].isna()  # scores of the run itself
    rest = kept[current]
    origin = f"scores of {rest['run'].nunique()} runs from the table {folder.table}"
    origin += f", of {of_store['run'].nunique()} from runs in {store.path}"
    if not current.all():
        origin += f"; {(~current).sum():,} rows of the table are of another protocol or metric version and left out"
    return pd.concat([of_store, rest], ignore_index=True).astype(COLUMNS), origin


def _no_match(plan: Plan, folder: TableFolder) -> str:
    """What is said where a table has a study of the plan's name and none of its runs: "" where it has no such study."""
    if plan.name not in studies_of(folder):
        return ""
    return (
        f"none of the runs that {folder.table} has of study {plan.name} is a run of this plan: it asks for others, or "
        "a version in their ids was raised since"
    )


def _with_words_used(table: "pd.DataFrame") -> "pd.DataFrame":
    """A part of a table, whose categories are those that occur in it."""
    words = [column for column, kind in COLUMNS.items() if kind == "category"]
    return table.assign(**{column: table[column].cat.remove_unused_categories() for column in words})


def _groups_of(plan: Plan, table: "pd.DataFrame") -> set[str]:
    """The cells of groups that are as the plan's metrics and protocol have them, whichever runs they are of."""
    datasets = {member.dataset for member in plan.members}  # others may be unknown here
    found = groups_in(table[table["metric"].isin(plan.metrics) & table["dataset"].isin(datasets)])
    return {
        cell
        for cell, (metric, dataset, runs) in found.items()
        if group_cell(metric, plan.protocol, dataset, runs).key == cell
    }


def _has_scores_elsewhere(folder: RunFolder) -> bool:
    """Whether the table's scores are those of the run as it stands in a store."""
    state = folder.state()
    return state == "missing" or (state == "done" and was_taken(folder))


def _kinds(table: "pd.DataFrame") -> "pd.MultiIndex":
    """What each row is the score of: its run, metric and representation."""
    import pandas as pd

    return pd.MultiIndex.from_frame(table[["run", "metric", "representation"]].astype("str"))
