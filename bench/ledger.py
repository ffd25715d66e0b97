"""What is done, failed and missing, asked of the store as a whole: thousands of runs in a second, not one by one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.columns import coded
from bench.compact import contents
from bench.grid import Member, Run
from bench.progress import say
from bench.records import Damage
from bench.store import Store, write_json

NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Ledger:
    """The state of every run and cell of a store at one moment.

    Attributes:
        runs: run id -> "done" or "failed", or "missing" where its folder holds neither mark.
        cells: run id -> cell key -> "done", "skipped" or "failed", of the cells that were tried.
        failures: (run id, metric, error) of each failed cell.
        damaged: records that cannot be read and count for nothing.
    """

    runs: Mapping[str, str]
    cells: Mapping[str, Mapping[str, str]]
    failures: Sequence[tuple[str, str, str]]
    damaged: Sequence[Damage]

    def run(self, run: Member) -> str:
        """ "done", "failed" or "missing"."""
        return self.runs.get(run.id, "missing")

    def cell(self, run: Member, key: str) -> str:
        """ "done", "skipped", "failed" or "missing"."""
        return self.cells.get(run.id, NOTHING).get(key, "missing")


def ledger(store: Store) -> Ledger:
    """The ledger of a store."""
    found = contents(store, ["run", "cell", "metric", "state", "reason"])
    unread = {(d.run, d.name) for d in found.damaged}
    runs = {i: "missing" if (i, "done.json") in unread else listing.state for i, listing in found.listings.items()}
    columns = {name: coded(found.rows[name]) for name in found.rows.column_names}
    codes = {name: numbers for name, (numbers, _) in columns.items()}
    first = np.ones(len(found.rows), bool)  # row of each cell
    first[1:] = (codes["run"][1:] != codes["run"][:-1]) | (codes["cell"][1:] != codes["cell"][:-1])
    cells: dict[str, dict[str, str]] = {}
    failures: list[tuple[str, str, str]] = []
    for run, cell, state, metric, reason in _words(columns, np.flatnonzero(first)):
        cells.setdefault(run, {})[cell] = state
        if state == "failed":
            failures.append((run, metric, reason))
    return Ledger(runs, cells, failures, found.damaged)


def _words(columns: Mapping[str, tuple[np.ndarray, np.ndarray]], rows: np.ndarray) -> Iterator[tuple[str, ...]]:
    chosen = [columns[name] for name in ("run", "cell", "state", "metric", "reason")]
    texts = [words[numbers[rows]] if len(words) else np.full(len(rows), None) for numbers, words in chosen]
    return zip(*(t.tolist() for t in texts), strict=True)


def mend(runs: Sequence[Run], store: Store) -> None:
    """Set aside the records of runs that cannot be read, so that the stages make them again; each is named."""
    known = {run.id: run for run in runs}
    for damage in ledger(store).damaged:
        if damage.run in known:
            run, folder = known[damage.run], store.run(damage.run)
            aside = folder.set_aside(folder.path / damage.name)
            say(f"{run}: {damage.fault}; kept as {aside.name}")
            if damage.name == "config.json":
                write_json(folder.config, run.record())
