"""The rows of the public board: studies of the reference table and accepted submissions.

Rows are ranked together only if budget and protocol are the same. A budget is the schedule that is part of a run's id,
whatever its name; a protocol is recognised by the keys of its cells. No submission changes other rows: a run that is
already on the board is left out, and rows of a submitted study include its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.columns import COLUMNS
from bench.progress import say, say_once
from bench.store.files import StoreError, digest
from bench.store.folders import Store
from bench.store.record_types import TRAINING
from bench.study.given import LABEL
from bench.study.protocol import Protocol, shipped_protocols
from bench.table.folder import Identities, read_identities, read_studies
from bench.table.identities import is_fitted
from bench.table.reference import read_reference, reference_of
from bench.table.submission import Submission, read_submission, submissions_in
from bench.table.verification import check, keys_under
from bench.values import counted

if TYPE_CHECKING:
    import pandas as pd

STUDIES = ("reference", "full")  # studies of the reference table that are on the board


@dataclass(frozen=True)
class Rows:
    """Rows of one origin.

    Attributes:
        table: the rows, with the names that the board shows.
        identities: id or key -> the content that it is the hash of.
        submission: their submission; None: the reference table.
    """

    table: "pd.DataFrame"
    identities: Identities
    submission: Submission | None = None


@dataclass(frozen=True)
class PublicBoard:
    """Rows that are ranked together.

    Attributes:
        key: a name for its folder.
        label: its schedule in words.
        schedule: the hashed part of the schedule; empty: codes from a file.
        protocol: by which all rows were scored.
        table: its rows.
        reference: the rows of the reference table among them.
        submissions: the submissions with rows among them.
    """

    key: str
    label: str
    schedule: Mapping[str, Any]
    protocol: Protocol
    table: "pd.DataFrame"
    reference: "pd.DataFrame"
    submissions: Sequence[Submission]


def public_rows(store: Store) -> list[Rows]:
    """The rows of the reference table, then those of each submission, by name.

    Raises:
        StoreError: a table or a submission cannot be read, or is inconsistent; the message names it.
    """
    collected = [rows for rows in [_of_reference(store)] if rows is not None]
    runs_on_board = {run for rows in collected for run in rows.table["run"].unique()}
    for path in submissions_in(store.submissions):
        submission = read_submission(path)
        if wrong := check(submission, store).wrong:
            raise StoreError(f"{path}: {wrong[0]}; `python -m bench verify {path}` says all that is wrong")
        table = submission.table
        if repeated := runs_on_board & {*table["run"].unique()}:
            say(f"{path}: {counted(len(repeated), 'run')} of it left out: on the board already")
            table = table[~table["run"].isin(repeated)]
        if "codes" not in submission.record:
            names = table["model"].astype(str) + f" ({submission.name})"  # no name has a space
            table = table.assign(model=names).astype({"model": COLUMNS["model"]})
        runs_on_board |= {*table["run"].unique()}
        collected.append(Rows(table, submission.identities, submission))
    return collected


def _of_reference(store: Store) -> Rows | None:
    folder = reference_of(store)
    if folder is None:
        return None
    table, card = read_reference(folder)
    studies = read_studies(folder, card)
    runs = {run for name in STUDIES if name in studies for run in studies[name] or table["run"].unique()}
    return Rows(table[table["run"].isin(runs)], read_identities(folder))


def public_boards(origins: Sequence[Rows]) -> list[PublicBoard]:
    """The boards of rows, largest first; rows of other protocols and metric versions are left out."""
    boards = [
        board
        for protocol in shipped_protocols().values()
        for schedule, parts in _by_schedule(origins, protocol).items()
        if (board := _board(schedule, protocol, parts)) is not None
    ]
    return sorted(boards, key=lambda board: (-board.table["run"].nunique(), board.key))


def _by_schedule(origins: Sequence[Rows], protocol: Protocol) -> dict[str, list[tuple[Mapping[str, Any], Rows]]]:
    """Digest of a schedule -> for each origin, the schedule and its rows under the protocol."""
    collected: dict[str, list[tuple[Mapping[str, Any], Rows]]] = {}
    for rows in origins:
        of_protocol = rows.table[rows.table["cell"].isin(keys_under(rows.table, protocol))]
        runs: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
        for run in of_protocol["run"].unique():
            if run not in rows.identities:
                say_once(f"runs without an identity, such as {run}, are left out: nothing proves their budget")
                continue
            schedule = rows.identities[run].get("schedule", {})
            runs.setdefault(digest(schedule), (schedule, []))[1].append(run)
        for key, (schedule, run_ids) in runs.items():
            losses = rows.table[rows.table["metric"] == TRAINING]
            table = _joined([of_protocol[of_protocol["run"].isin(run_ids)], losses[losses["run"].isin(run_ids)]])
            collected.setdefault(key, []).append((schedule, Rows(table, rows.identities, rows.submission)))
    return collected


def _board(key: str, protocol: Protocol, parts: Sequence[tuple[Mapping[str, Any], Rows]]) -> PublicBoard | None:
    """A board with the rows of several origins; None if there are no rows."""
    table = _joined([rows.table for _, rows in parts])
    if table.empty:
        return None
    label = str(table.drop_duplicates("run")["schedule"].astype(str).mode()[0])
    schedule = parts[0][0]
    reference = _joined([rows.table for _, rows in parts if rows.submission is None] or [table.iloc[:0]])
    submissions = [rows.submission for _, rows in parts if rows.submission is not None]
    return PublicBoard(
        f"{protocol.name}-{key[:8]}", _words(schedule, label), schedule, protocol, table, reference, submissions
    )


def _words(schedule: Mapping[str, Any], label: str) -> str:
    """A schedule in words: its label without the name, which users choose freely."""
    words = (label.partition(": ")[2] or label) if schedule else LABEL
    if is_fitted({"schedule": schedule}):  # no steps, although the label of its study names some
        return f"fitted directly, {words.partition(' steps, ')[2] or words}"
    return words


def _joined(tables: Sequence["pd.DataFrame"]) -> "pd.DataFrame":
    import pandas as pd

    return pd.concat(tables, ignore_index=True).astype(COLUMNS)
