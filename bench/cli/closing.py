"""The end of a command: a table of failed and unfinished work, and the exit code."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from bench.cli.absent_data import Images, images_of
from bench.progress import results, say
from bench.scoring.groups import cells_of
from bench.store.claims import is_claimed
from bench.store.files import StoreError
from bench.store.folders import RunFolder, Store
from bench.store.record_types import FailedRecord, read_record
from bench.study.plan import Member, Plan
from bench.table.ledger import NOTHING, Ledger, ledger
from bench.values import counted

Row = tuple[str, str, str]
Keys = Mapping[str, Sequence[str]]  # id of a member -> the keys of its cells
NAMED = 20  # failures of a stage or metric that are listed one by one; the others are counted


def close(
    stage: str,
    plan: Plan,
    store: Store,
    broken: Sequence[str],
    absent: Mapping[Images, str],
    lost: Mapping[str, str] = NOTHING,
    undrawn: Mapping[str, str] = NOTHING,
    whole: Plan | None = None,
) -> int:
    """Print every failure, and the work that the stage should have done and that is missing.

    Args:
        stage: name of the command's stage.
        plan: the study, or the part of it that the command was for.
        store: where its runs are.
        broken: errors of metrics that cannot be imported.
        absent: data set and its version -> why it is not available.
        lost: run id -> how the job that should have done it died.
        undrawn: picture -> the error of drawing it.
        whole: the study, whose runs form the groups that are scored together; None: the plan.

    Returns:
        The exit code: 1 if anything is printed in the table, else 0; work that another process does is no failure.
    """
    known = ledger(store)
    rows: list[Row] = [("", "metric", fault) for fault in broken]
    runs_of = Counter(map(images_of, plan.runs))
    rows += [(counted(runs_of[images], "run"), "data", fault) for images, fault in absent.items()]
    cells = cells_of(plan, lambda member: known.run(member) == "done", whole)
    keys = {member: [cell.key for cell in cells_of_member] for member, cells_of_member in cells.items()}
    rows += _failures(plan, keys, store, known)
    rows += [("", f"picture {name}", fault) for name, fault in undrawn.items()]
    unfinished = [r for r in _unfinished(stage, plan, keys, known) if images_of(r) not in absent]
    elsewhere = [r for r in unfinished if is_claimed(store.run(r.id))]
    dropped = [r for r in unfinished if r not in elsewhere]
    untrained, unscored = "its process was killed", "its process was killed, or another one trained it meanwhile"
    reasons = {run.id: lost.get(run.id, unscored if known.run(run) == "done" else untrained) for run in dropped}
    rows += [(str(run), "", f"not finished: {reasons[run.id]}; run it again") for run in dropped]
    if elsewhere:
        say(f"{counted(len(elsewhere), 'run')} claimed by other processes: left to them")
    if rows:
        table = Table("run", "stage", "error", title=f"{len(rows):,} failed; retry_failed=true tries again")
        for row in _listed(rows):
            table.add_row(*map(escape, row))
        results.print(table)
    return 1 if rows else 0


def _failures(plan: Plan, keys: Keys, store: Store, known: Ledger) -> list[Row]:
    """Failed runs, unreadable runs and failed cells of the plan; cells that it does not have are left out."""
    failed = [(str(r), "train", error_of(store.run(r.id))) for r in plan.runs if known.run(r) == "failed"]
    named = {member.id: str(member) for member in plan.members}
    unreadable = {d.run: d.fault for d in known.damaged if d.unreadable}
    failed += [(named[run], "", fault) for run, fault in unreadable.items() if run in named]
    cell_failures = [(r, metric, error) for r, key, metric, error in known.failures if key in keys.get(r, ())]
    return failed + [(named[run], metric, error) for run, metric, error in cell_failures]


def _listed(rows: Sequence[Row]) -> Iterator[Row]:
    """The first rows of each stage, and behind them how many more it has: a metric may fail on every run."""
    for stage in dict.fromkeys(stage for _, stage, _ in rows):
        of_stage = [row for row in rows if row[1] == stage]
        yield from of_stage[:NAMED]
        if rest := of_stage[NAMED:]:
            yield f"{len(rest):,} more", stage, ""


def error_of(folder: RunFolder) -> str:
    """The error that ended the training of a failed run."""
    try:
        return read_record(folder.failed, FailedRecord)["error"]
    except StoreError:
        return f"{folder.failed} cannot be read"


def _unfinished(stage: str, plan: Plan, keys: Keys, known: Ledger) -> list[Member]:
    """Members that lack the weights or the scores that the stage should have made."""
    untrained = [r for r in plan.runs if stage in ("run", "train") and known.run(r) == "missing"]
    trained = [r for r in plan.members if stage in ("run", "score") and known.run(r) == "done"]
    return [*untrained, *(r for r in trained if any(known.cell(r, key) == "missing" for key in keys[r.id]))]
