"""The state of every run and cell of a store (done, failed, missing), read at once: thousands of runs in a second."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.columns import coded
from bench.progress import say_once
from bench.store.files import StoreError, printable, write_json
from bench.store.folders import Listing, Store
from bench.study.plan import Member
from bench.table.compact import contents
from bench.table.records import Damage

NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Ledger:
    """The state of every run and cell of a store at one moment.

    Attributes:
        runs: run id -> "done", "failed", "missing" (its folder has neither mark), or "unreadable" (a record cannot be
            accessed, such as without permission: the run is left alone).
        cells: run id -> cell key -> "done", "skipped" or "failed", of the cells that were computed.
        failures: (run id, cell key, metric, error) of each failed cell.
        damaged: records that cannot be read and are ignored.
        listings: run id -> listing of its folder.
    """

    runs: Mapping[str, str]
    cells: Mapping[str, Mapping[str, str]]
    failures: Sequence[tuple[str, str, str, str]]
    damaged: Sequence[Damage]
    listings: Mapping[str, Listing]

    def run(self, run: Member) -> str:
        """ "done", "failed", "missing" or "unreadable"."""
        return self.runs.get(run.id, "missing")

    def cell(self, run: Member, key: str) -> str:
        """ "done", "skipped", "failed" or "missing"."""
        return self.cells.get(run.id, NOTHING).get(key, "missing")


def ledger(store: Store) -> Ledger:
    """The ledger of a store."""
    stored = contents(store, ["run", "cell", "metric", "state", "reason"])
    runs = {run: listing.state for run, listing in stored.listings.items()}
    runs |= {d.run: "missing" for d in stored.damaged if d.name in ("done.json", "failed.json")}
    runs |= {d.run: "unreadable" for d in stored.damaged if d.unreadable}
    columns = {name: coded(stored.rows[name]) for name in stored.rows.column_names}
    codes = {name: numbers for name, (numbers, _) in columns.items()}
    first = np.ones(len(stored.rows), bool)  # whether a row is the first of its cell
    first[1:] = (codes["run"][1:] != codes["run"][:-1]) | (codes["cell"][1:] != codes["cell"][:-1])
    cells: dict[str, dict[str, str]] = {}
    failures: list[tuple[str, str, str, str]] = []
    for run, cell, state, metric, reason in _words(columns, np.flatnonzero(first)):
        cells.setdefault(run, {})[cell] = state
        if state == "failed":
            failures.append((run, cell, metric, reason))
    return Ledger(runs, cells, failures, stored.damaged, stored.listings)


def _words(columns: Mapping[str, tuple[np.ndarray, np.ndarray]], rows: np.ndarray) -> Iterator[tuple[str, ...]]:
    chosen = [columns[name] for name in ("run", "cell", "state", "metric", "reason")]
    texts = [words[numbers[rows]] if len(words) else np.full(len(rows), None) for numbers, words in chosen]
    return zip(*(t.tolist() for t in texts), strict=True)


def mend(runs: Sequence[Member], store: Store) -> None:
    """Set aside the damaged records of runs, so that the stages make them again; each is reported.

    Left alone are files that cannot be accessed, and the losses of a trained run, which only training could make again.
    """
    members = {run.id: run for run in runs}
    state = ledger(store)
    for damage in state.damaged:
        if (run := members.get(damage.run)) is not None:
            say_once(printable(f"{run}: {damage.fault}; {_mended(run, damage, state, store)}"))


def _mended(run: Member, damage: Damage, state: Ledger, store: Store) -> str:
    """Mend one record; return what was done, in words."""
    folder = store.run(run.id)
    if state.runs[run.id] == "unreadable":
        return "the run is left alone"
    if damage.name == "losses.csv" and state.runs[run.id] == "done":
        return f"its other scores count; to train it anew, remove {folder.done}"
    path = folder.path / damage.name
    try:
        done = f"kept as {folder.set_aside(path).name}" if os.path.lexists(path) else "it is made again"
        if damage.name == "config.json":
            write_json(path, run.record())
    except StoreError as fault:
        return str(fault)
    return done
