"""Standalone score tables: a study's scores and their card, without its runs; and how two are merged.

The reference table that comes with the package is one, so that its figures can be drawn anywhere, in seconds. A folder
holds `scores.csv.gz`: the table with the columns of `bench.columns`; `card.yaml`: what the rows are, and a part for
each study with its devices, versions, training time, revision, date and command; `identities.json.gz`: the contents
that ids are hashes of; and `studies.json`: which runs belong to which study, as a table may hold several.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.columns import COLUMNS
from bench.registry import unknown
from bench.store.files import StoreError
from bench.store.folders import Store
from bench.store.shipped import shipped_reference
from bench.store.tables import TableFolder
from bench.study.plan import Plan
from bench.table.card import part, today
from bench.table.folder import (
    Studies,
    read_card,
    read_identities,
    read_studies,
    read_table,
    text_of,
    unreadable,
    write_folder,
)
from bench.table.history import clear, merging, replacing, standing, take_back, was_taken_back
from bench.table.identities import among, check_identities, check_store, identities_of
from bench.table.joining import ConflictError, join, one_label, renamed_losses, without_small_groups
from bench.table.rules import check_rows, check_scores
from bench.values import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ConflictError",
    "Merged",
    "merge",
    "read_reference",
    "read_study",
    "reference_of",
    "studies_of",
    "undo_merge",
    "write_reference",
]


@dataclass(frozen=True)
class Merged:
    """The result of a merge.

    Attributes:
        added, equal: numbers of new rows, and of rows that the table had.
        superseded: scores of groups of runs that a larger group has replaced.
        unverified: runs of the added table whose ids cannot be verified, as it was exported without identities.
        removed: rows of studies that were replaced.
    """

    added: int
    equal: int
    superseded: int
    unverified: int
    removed: int = 0


def write_reference(
    table: "pd.DataFrame", plan: Plan, store: Store, folder: TableFolder, command: str | None = None
) -> None:
    """Write a study's scores and their card into a folder.

    Args:
        table: the study's scores, as `bench.scores` gives them.
        plan: the study.
        store: of its runs, whose devices and versions go to the card.
        folder: to overwrite.
        command: that makes it; None: `export`.

    Raises:
        StoreError: there are no scores, a row violates `bench.table.rules`, or the folder cannot be written.
    """
    if table.empty:
        raise StoreError(f"study {plan.name} has no scores to export")
    identities = identities_of(table, plan, store)
    table = one_label(table, identities)
    try:
        check_rows(table)
    except ValueError as fault:
        raise StoreError(f"{folder.table} is not written: {fault}") from fault
    card_part = part(table, plan, store, command) | {"sha256": hashlib.sha256(text_of(table)).hexdigest()}
    write_folder(table, [card_part], identities, folder, {plan.name: [str(run) for run in table["run"].unique()]})


def studies_of(folder: TableFolder) -> list[str]:
    """Names of the studies whose scores a folder's table holds.

    Raises:
        StoreError: a file is missing or damaged; the message names it.
    """
    return list(read_studies(folder, read_card(folder)))


def read_study(name: str, folder: TableFolder | None = None) -> "pd.DataFrame":
    """The rows of one study in a folder's table, by default the one that comes with the package.

    Raises:
        UnknownNameError: the table has no study of that name.
        StoreError: as `read_reference`.
    """
    folder = folder or shipped_reference()
    table, card = read_reference(folder)
    studies = read_studies(folder, card)
    if name not in studies:
        raise unknown("study of the table", name, studies)
    return _of(table, studies[name])


def _of(table: "pd.DataFrame", runs: list[str] | None) -> "pd.DataFrame":
    """The rows of some runs; None: of all."""
    return table if runs is None else table[table["run"].isin(runs)].reset_index(drop=True)


def read_reference(folder: TableFolder | None = None) -> "tuple[pd.DataFrame, dict[str, Any]]":
    """The table of a folder, by default of the one that comes with the package, and its card.

    Raises:
        StoreError: a file is missing, damaged or not valid; the message names it, and what to do.
    """
    folder = folder or shipped_reference()
    card = read_card(folder)
    table = read_table(folder, card)
    try:
        table = one_label(without_small_groups(renamed_losses(table)).reset_index(drop=True), {})
        check_rows(table)
    except (ValueError, ConflictError) as fault:
        raise unreadable(folder.table, fault, folder) from fault
    return table, card


def merge(new: TableFolder, store: Store, replace: bool = False) -> Merged:
    """Add another table to the reference table of a store, which begins as the one that comes with the package.

    New scores are added. A score that both have must be equal in both: number and sample sizes. Everything is checked
    before anything is written, and the table before is kept for `undo_merge`.

    Args:
        new: the other table.
        store: whose reference table grows.
        replace: the studies of the other table replace those of the same names, whose runs are removed unless they
            belong to another study as well.

    Raises:
        ConflictError: a score differs; nothing is changed.
        StoreError: a file cannot be read or written, or its rows are not valid; nothing is changed.
    """
    import pandas as pd

    added, card = read_reference(new)
    identities = read_identities(new)
    with merging(store) as folder:
        base = reference_of(store)
        table, base_card = read_reference(base) if base else (pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS), {})
        studies = _runs_of(read_studies(base, base_card), table) if base else {}
        new_studies = _runs_of(read_studies(new, card), added)
        base_parts, rows = base_card.get("parts", []), len(table)
        if replace:
            studies = {name: runs for name, runs in studies.items() if name not in new_studies}
            table = table[table["run"].isin(set().union(*studies.values()))]
            base_card = {"parts": [part for part in base_parts if part.get("study") not in new_studies]}
        all_identities = (read_identities(base) if base else {}) | identities
        try:
            unverified = check_identities(identities, added)
            check_scores(added)
            check_store(added, store)
            joined = join(table, added, all_identities)
        except ConflictError as fault:
            raise ConflictError(f"{new.table}: {fault}; nothing was merged") from fault
        except ValueError as fault:
            raise StoreError(f"{new.table}: {fault}; nothing was merged") from fault
        kept_parts = base_card.get("parts", [])
        parts = [*kept_parts, *(p for p in card["parts"] if p not in kept_parts)]
        studies |= {name: sorted({*studies.get(name, ()), *runs}) for name, runs in new_studies.items()}
        all_identities = among(all_identities, joined.table)
        if joined.added or len(joined.table) < rows or parts != base_parts:
            runs = int(added["run"].nunique())
            note = {"folder": str(new.path.absolute()), "rows": joined.added, "runs": runs, "date": today()}
            with replacing(folder, note):
                write_folder(joined.table, parts, all_identities, folder, studies)
    return Merged(joined.added, joined.equal, joined.superseded, unverified, rows - len(table))


def _runs_of(studies: Studies, table: "pd.DataFrame") -> dict[str, list[str]]:
    """The ids of each study's runs that are in a table."""
    present = [str(run) for run in table["run"].unique()]
    named = {name: present if runs is None else {*runs} for name, runs in studies.items()}
    return {name: [run for run in present if run in runs] for name, runs in named.items()}


def undo_merge(store: Store) -> str:
    """Undo the last merge into a store's reference table, to the byte; return what was undone, in words.

    Raises:
        StoreError: there is none to undo, or a file cannot be written.
    """
    with merging(store) as folder:
        if clear(folder):
            return "a merge that was not finished is cleared away; the table is the one before it"
        if was_taken_back(folder):
            return "the last merge was taken back already, by a command that was killed; the next --undo takes one more"
        note = take_back(folder)
    base = reference_of(store)
    undone = f"what was merged on {note['date']} from {note['folder']} is taken back: {counted(note['rows'], 'row')}"
    return f"{undone}; the reference table is {base.path if base else 'empty'}"


def reference_of(store: Store) -> TableFolder | None:
    """The reference table of a store: its own, else the one that comes with the package, else None."""
    shipped = shipped_reference()
    return standing(store.reference()) or (shipped if shipped.table.exists() else None)
