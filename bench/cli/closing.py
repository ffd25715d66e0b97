"""How a command ends: a table of what failed and of what was not finished, and the exit code."""

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from bench.progress import results, say
from bench.scoring.groups import cells_of
from bench.store.claims import is_claimed
from bench.store.files import StoreError
from bench.store.folders import RunFolder, Store
from bench.store.record_types import FailedRecord, read_record
from bench.study.plan import Member, Plan
from bench.table.ledger import NOTHING, Ledger, ledger

Row = tuple[str, str, str]
Keys = Mapping[str, Sequence[str]]  # id of a member -> the keys of its cells
NAMED = 20  # unfinished runs that are named one by one


def close(
    stage: str,
    plan: Plan,
    store: Store,
    broken: Sequence[str],
    absent: Mapping[str, str],
    lost: Mapping[str, str] = NOTHING,
    undrawn: Mapping[str, str] = NOTHING,
    whole: Plan | None = None,
) -> int:
    """Name every failure, and what is missing though the stage was to make it.

    Args:
        stage: the command's.
        plan: the study, or what the command was to do of it.
        store: where its runs are.
        broken: errors of metrics that cannot be imported.
        absent: data sets that cannot be had, and why.
        lost: run id -> what the job that was to do it died of.
        undrawn: picture -> what went wrong when it was drawn.
        whole: the study, whose runs make the groups that are scored together; None: the plan is.

    Returns:
        The exit code: 1 where anything is named, else 0, also where the rest is being worked on elsewhere.
    """
    known = ledger(store)
    rows: list[Row] = [("", "metric", fault) for fault in broken]
    rows += [(_counted([r for r in plan.runs if r.dataset == d]), "data", fault) for d, fault in absent.items()]
    asked = cells_of(plan, lambda member: known.run(member) == "done", whole)
    keys = {member: [cell.key for cell in wanted] for member, wanted in asked.items()}
    rows += _failures(plan, keys, store, known)
    rows += [("", f"picture {name}", fault) for name, fault in undrawn.items()]
    unfinished = [r for r in _unfinished(stage, plan, keys, known) if r.dataset not in absent]
    elsewhere = [r for r in unfinished if is_claimed(store.run(r.id))]
    dropped = [r for r in unfinished if r not in elsewhere]
    killed, scoring = "its process was killed", "its process was killed, or another one trained it meanwhile"
    why = {run.id: lost.get(run.id, scoring if known.run(run) == "done" else killed) for run in dropped}
    rows += [(str(run), "", f"not finished: {why[run.id]}; run it again") for run in dropped[:NAMED]]
    rows += [(f"{_counted(dropped[NAMED:])} more", "", "not finished")] if dropped[NAMED:] else []
    if elsewhere:
        say(f"{_counted(elsewhere)} being worked on elsewhere: left to those who do")
    if rows:
        table = Table("run", "stage", "error", title=f"{len(rows)} failed; retry_failed=true tries again")
        for row in rows:
            table.add_row(*map(escape, row))
        results.print(table)
    return 1 if rows else 0


def _failures(plan: Plan, keys: Keys, store: Store, known: Ledger) -> list[Row]:
    """Runs that failed, and cells that the study wants: not those of another version, or of a metric that is gone."""
    failed = [(str(r), "train", error_of(store.run(r.id))) for r in plan.runs if known.run(r) == "failed"]
    named = {member.id: str(member) for member in plan.members}
    closed = {d.run: d.fault for d in known.damaged if d.unreadable}
    failed += [(named[run], "", fault) for run, fault in closed.items() if run in named]
    cell_failures = [(r, metric, error) for r, key, metric, error in known.failures if key in keys.get(r, ())]
    return failed + [(named[run], metric, error) for run, metric, error in cell_failures]


def error_of(folder: RunFolder) -> str:
    """What the training of a failed run ended in."""
    try:
        return read_record(folder.failed, FailedRecord)["error"]
    except StoreError:
        return f"{folder.failed} cannot be read"


def _unfinished(stage: str, plan: Plan, keys: Keys, known: Ledger) -> list[Member]:
    """Runs of which a stage was to make something and has not."""
    untrained = [r for r in plan.runs if stage in ("run", "train") and known.run(r) == "missing"]
    trained = [r for r in plan.members if stage in ("run", "score") and known.run(r) == "done"]
    return [*untrained, *(r for r in trained if any(known.cell(r, key) == "missing" for key in keys[r.id]))]


def _counted(runs: Sequence[Member]) -> str:
    return f"{len(runs):,} run{'' if len(runs) == 1 else 's'}"
