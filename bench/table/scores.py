"""The scores of a study: its members' in the store, and the reference table's for runs that were not started there."""

from pathlib import Path
from typing import TYPE_CHECKING

from bench import data
from bench.columns import COLUMNS
from bench.registry import unknown
from bench.scoring.groups import group_cell, groups_in
from bench.scoring.runs import cells
from bench.store.files import StoreError
from bench.store.folders import RunFolder, Store
from bench.store.record_types import TRAINING
from bench.store.tables import TableFolder
from bench.study import record
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.table.folder import unreadable
from bench.table.identities import check_identities
from bench.table.joining import largest_groups
from bench.table.reference import read_reference, read_study, reference_of, studies_of
from bench.table.stored import stored_scores
from bench.training.catalogue import was_taken
from bench.values import counted

if TYPE_CHECKING:
    import pandas as pd


def scores(study: str | None = None, results_dir: Path | str | None = None) -> "pd.DataFrame":
    """The long score table of one study or of the whole store; group scores are those of a run's largest group.

    Args:
        study: a study that was started in this store, or one whose scores come with the package, such as "reference".
        results_dir: the store; None: results/ of the checkout, else ./results.

    Raises:
        UnknownNameError: no study of that name was started in this store, and none has its scores in the package.
        StoreError: there is no such store, or the study's record, or the reference table, cannot be read.
    """
    store = Store(results_dir)
    if study is not None:
        return study_scores(study, store)[0]
    if results_dir is not None and not store.path.is_dir():
        raise StoreError(f"results_dir: {store}")
    return largest_groups(stored_scores(store))


def study_scores(name: str, store: Store) -> "tuple[pd.DataFrame, str]":
    """The scores of a study by its name, and a remark on where they come from.

    Raises:
        UnknownNameError: it was not started in this store and the reference table has no scores of it.
    """
    if not isinstance(name, str):
        raise unknown("study", name, studies_with_scores(store))
    plan = record.read(store, name)
    if plan is not None:
        return plan_scores(plan, store)
    folder = reference_of(store)
    if folder is None or name not in studies_of(folder):
        raise unknown(f"study (not started in {store})", name, studies_with_scores(store))
    table = newest(read_study(name, folder))
    return table, f"scores of {counted(table['run'].nunique(), 'run')} from the table {folder.table}"


def newest(table: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of the highest version of each metric that a run has: a table that grew by merging may hold several."""
    highest = table.groupby(["run", "metric"], observed=True)["version"].transform("max")
    return table[table["version"].eq(highest)].reset_index(drop=True)


def studies_with_scores(store: Store) -> list[str]:
    """Studies started in a store, and those whose scores the reference table has."""
    folder = reference_of(store)
    return sorted({*store.studies(), *(studies_of(folder) if folder else [])})


def plan_scores(plan: Plan, store: Store) -> "tuple[pd.DataFrame, str]":
    """The scores of a plan's members and groups, and a remark on where they come from ("": all from the store).

    The scores of a run in the store are read from the store. A run that was never started there has those of the
    reference table, if it has some of this protocol and these metric versions. A run with shipped weights in place of
    training also has the table's, if the store has not scored it: they are scores of the same weights.

    Raises:
        StoreError: the reference table cannot be read, or describes a run of the plan wrongly.
    """
    import pandas as pd

    keys = {cell.key for cell in cells(plan.metrics, plan.protocol)}
    of_store = stored_scores(store, runs=[member.id for member in plan.members])
    in_plan = of_store["cell"].isin(keys | {TRAINING} | _groups_of(plan, of_store))
    of_store = _with_words_used(largest_groups(of_store[in_plan]))
    folder = reference_of(store)
    if folder is None:
        return of_store, ""
    reference = read_reference(folder)[0]
    of_groups = _groups_of(plan, reference)
    in_reference = {run.id for run in plan.runs} & set(reference["run"])
    reference = reference[reference["run"].isin({run for run in in_reference if _has_scores_elsewhere(store.run(run))})]
    reference = reference[~_kinds(reference).isin(_kinds(of_store))]
    if reference.empty:
        return of_store, _no_match(plan, folder) if not in_reference else ""
    try:
        check_identities({run.id: run.config() for run in plan.runs if run.id in in_reference}, reference)
    except ValueError as fault:
        raise unreadable(folder.table, fault, folder) from fault
    current = reference["cell"].isin(keys | of_groups) | reference["representation"].isna()  # scores of the run itself
    from_reference = reference[current]
    origin = f"scores of {counted(from_reference['run'].nunique(), 'run')} from the table {folder.table}"
    origin += f", of {of_store['run'].nunique()} from runs in {store.path}"
    if not current.all():
        origin += f"; {(~current).sum():,} rows of the table are of another protocol or metric version and left out"
    return pd.concat([of_store, from_reference], ignore_index=True).astype(COLUMNS), origin


def _no_match(plan: Plan, folder: TableFolder) -> str:
    """A remark if a table has a study of the plan's name but none of its runs; "" if it has no such study."""
    if plan.name not in studies_of(folder):
        return ""
    return (
        f"none of the runs that {folder.table} has of study {plan.name} is a run of this plan: it asks for others, or "
        "a version in their ids was raised since"
    )


def _with_words_used(table: "pd.DataFrame") -> "pd.DataFrame":
    """A part of a table, without categories that it does not use."""
    words = [column for column, kind in COLUMNS.items() if kind == "category"]
    return table.assign(**{column: table[column].cat.remove_unused_categories() for column in words})


def _groups_of(plan: Plan, table: "pd.DataFrame") -> set[str]:
    """The group cells of a table that are of the plan's metrics and protocol, of any runs.

    Their keys depend on the number of images: all cells of runs whose images are no longer here are taken for such.
    """
    lost = {m for m in plan.members if not data.is_here(m.dataset, m.dataset_version)}
    here = {m.dataset for m in plan.members if m not in lost}
    of_plan = table[table["metric"].isin(plan.metrics) & table["dataset"].isin(list({m.dataset for m in plan.members}))]
    checkable = of_plan["dataset"].isin(list(here)) & ~of_plan["run"].isin([m.id for m in lost])
    return group_keys(plan.protocol, of_plan[checkable]) | set(groups_in(of_plan[~checkable]))


def group_keys(protocol: Protocol, table: "pd.DataFrame") -> set[str]:
    """The group cells of a table that are of a protocol; its data sets are known here."""
    return {
        cell
        for cell, (metric, dataset, runs) in groups_in(table).items()
        if group_cell(metric, protocol, dataset, runs).key == cell
    }


def _has_scores_elsewhere(folder: RunFolder) -> bool:
    """Whether the reference table's scores are also those of this run."""
    state = folder.state()
    return state == "missing" or (state == "done" and was_taken(folder))


def _kinds(table: "pd.DataFrame") -> "pd.MultiIndex":
    """Run, metric and representation of each row."""
    import pandas as pd

    return pd.MultiIndex.from_frame(table[["run", "metric", "representation"]].astype("str"))
