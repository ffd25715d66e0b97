"""`python -m bench watch study=NAME`: how far a study is while others work on it, from its store alone.

Runs an hour are counted from the first record within the last hour. If none ended, as with runs that take hours, the
rate is the progress of checkpoints since watching began. Losses are those of the last checkpoint.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from bench.cli.closing import error_of
from bench.cli.dry_run import words
from bench.cli.status import count, wanted_cells
from bench.progress import results
from bench.store.claims import is_claimed
from bench.store.files import StoreError, printable, read_arrays
from bench.store.folders import Listing, Store
from bench.study.plan import Member, Plan
from bench.study.run import LOSSES, Run
from bench.table.ledger import Ledger, ledger
from bench.values import counted

EVERY_S = 3.0
HOUR_S = 3600.0
SHOWN = 5  # the slowest runs, and the failures, that are listed
CURVES = LOSSES[:3]


@dataclass(frozen=True)
class Underway:
    """A run that is being trained, by its last checkpoint.

    Attributes:
        run: the run.
        step: the step of the checkpoint; 0 if there is none yet.
        losses: the last recorded values of `CURVES`; empty if there are none.
        saved: when the checkpoint was written, in seconds since the epoch.
    """

    run: Run
    step: int = 0
    losses: tuple[float, ...] = ()
    saved: float | None = None

    @property
    def share(self) -> float:
        """The fraction of its steps that is done, from 0 to 1."""
        return min(self.step / self.run.schedule.steps, 1.0)


@dataclass(frozen=True)
class Stage:
    """Numbers of runs at one stage, training or scoring.

    Attributes:
        done: runs that succeeded.
        working: runs that a process works on.
        waiting: runs that no process works on yet.
        failed: runs that ended in an error; at scoring, runs with a failed score.
        recent: runs that ended since the first record within the last hour.
        share: the sum of the fractions that are done of the runs at work.
    """

    done: int
    working: int
    waiting: int
    failed: int
    recent: int
    share: float = 0.0

    @property
    def remaining(self) -> float:
        """The number of runs that remain, less the fractions that are done."""
        return self.working + self.waiting - self.share


@dataclass(frozen=True)
class State:
    """A study at one moment.

    Attributes:
        at: seconds since the epoch.
        span: seconds since the first record within the last hour.
        stages: "trained" and "scored".
        scores: number of scores by state.
        underway: runs being trained, the slowest first.
        failures: the last ones: (seconds since the epoch, run, stage, error), the latest first.
    """

    at: float
    span: float
    stages: Mapping[str, Stage]
    scores: Mapping[str, int]
    underway: Sequence[Underway]
    failures: Sequence[tuple[float, str, str, str]]

    def pace(self, name: str, first: "State") -> float | None:
        """Runs a second at a stage; None if nothing has ended or moved yet.

        Args:
            name: of the stage.
            first: the state when watching began.
        """
        now, before = self.stages[name], first.stages[name]
        if now.recent and self.span > 0:
            return now.recent / self.span
        moved, elapsed = now.done + now.share - before.done - before.share, self.at - first.at
        return moved / elapsed if moved > 0 and elapsed > 0 else None  # a clock may have been set back


def watch(planned: Callable[[], Plan], store: Store) -> int:
    """Show the progress of a study: on a terminal until ctrl-C, elsewhere once.

    Args:
        planned: the study as it is now; called again when its record in the store was written.
        store: where the record is.
    """
    plan = planned()
    record, first = store.study_plan(plan.name), state(plan, store)
    if not results.file.isatty():
        results.print(view(plan, store, first, first))
        return 0
    shown = _written(record)
    with _until_ctrl_c(), Live(view(plan, store, first, first), console=results, auto_refresh=False) as live:
        while True:
            time.sleep(EVERY_S)
            if (written := _written(record)) != shown:
                plan, shown = planned(), written
            live.update(view(plan, store, state(plan, store), first), refresh=True)
    return 0


def _written(record: Path) -> int | None:
    """When a file was written, in nanoseconds since the epoch; None if there is none."""
    return record.stat().st_mtime_ns if record.exists() else None


@contextmanager
def _until_ctrl_c() -> Iterator[None]:
    """In this block ctrl-C is the normal end, not an interruption."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, before)


def state(plan: Plan, store: Store) -> State:
    """The state of a study now."""
    known, now = ledger(store), time.time()
    cells_of_member = wanted_cells(plan, known)
    total = sum(count(plan, known, cells_of_member).values(), Counter[str]())
    members = {member.id: member for member in plan.members}
    listings = {run: listing for run, listing in known.listings.items() if run in members}
    scored = {
        run: _state_of_run(known.cell(member, cell.key) for cell in cells_of_member[run])
        for run, member in members.items()
        if known.run(member) == "done"
    }
    open_runs = [run for run in listings if scored.get(run, known.runs[run]) == "missing"]
    claimed = {run for run in open_runs if is_claimed(store.run(run))}
    underway = [_underway(run, store) for run in plan.runs if run.id in claimed - scored.keys()]
    start = min((t for listing in listings.values() for t in _times(listing) if t > now - HOUR_S), default=now)

    def stage(ended: Iterable[str], record: str, counts: Mapping[str, int], working: int, share: float) -> Stage:
        recent = sum(max(_times(listings[run], record), default=0.0) > start for run in ended)
        return Stage(counts["done"], working, counts["missing"] - working, counts["failed"], recent, share)

    by_score = Counter(scored.values()) + Counter(missing=total["missing"])
    stages = {
        "trained": stage(scored, "done.json", total, len(underway), sum(one.share for one in underway)),
        "scored": stage(
            [run for run in scored if scored[run] != "missing"], "scores-", by_score, len(claimed & scored.keys()), 0.0
        ),
    }
    scores = {name: total[f"cell {name}"] for name in ("done", "skipped", "failed", "missing")}
    keys = {run: {cell.key for cell in cells} for run, cells in cells_of_member.items()}
    failures = _failures(known, members, listings, keys, store)
    return State(now, now - start, stages, scores, sorted(underway, key=lambda one: one.share), failures)


def _state_of_run(states: Iterable[str]) -> str:
    """The state of all scores of a run: "missing" if one is missing, else "failed" if one failed, else "done"."""
    distinct = set(states)
    return next((name for name in ("missing", "failed") if name in distinct), "done")


def _times(listing: Listing, record: str = "") -> list[float]:
    """Times at which a run's records whose names start with `record` were written, in seconds since the epoch."""
    return [ns / 1e9 for name, _, ns in listing.records if name.startswith(record)]


def _underway(run: Run, store: Store) -> Underway:
    path = store.run(run.id).checkpoint
    try:
        saved = path.stat().st_mtime
        arrays, notes = read_arrays(path, only=("losses",))
        step, losses = int(notes["step"]), arrays["losses"]
        last = tuple(float(loss) for loss in losses[-1, 1 : 1 + len(CURVES)]) if len(losses) else ()
    except (OSError, StoreError, LookupError, ValueError):  # none yet, or unreadable: training reports it
        return Underway(run)
    return Underway(run, step, last, saved)


def _failures(
    known: Ledger,
    members: Mapping[str, Member],
    listings: Mapping[str, Listing],
    keys: Mapping[str, set[str]],
    store: Store,
) -> list[tuple[float, str, str, str]]:
    """The last failed trainings and wanted scores; the time of a score is that of its run's last record of scores."""
    failures = [(run, "train", "failed.json", "") for run in listings if known.runs[run] == "failed"]
    failures += [(run, metric, "scores-", why) for run, key, metric, why in known.failures if key in keys.get(run, ())]
    timed = [(max(_times(listings[run], record), default=0.0), run, name, why) for run, name, record, why in failures]
    last = sorted(timed, key=lambda failure: -failure[0])[:SHOWN]
    return [(at, str(members[run]), name, why or error_of(store.run(run))) for at, run, name, why in last]


def view(plan: Plan, store: Store, now: State, first: State) -> RenderableType:
    """A state as tables; `first` is the state when watching began."""
    title = f"{plan.title}: {counted(len(plan.members), 'run')} ({plan.schedules}), {time.strftime('%H:%M:%S')}"
    table = Table("", "done", "at work", "waiting", "failed", "an hour", "time left", title=escape(title))
    for name, stage in now.stages.items():
        pace = now.pace(name, first)
        remaining = "" if not stage.remaining else words(None if pace is None else stage.remaining / pace)
        counts = (f"{n:,}" for n in (stage.done, stage.working, stage.waiting, stage.failed))
        table.add_row(name, *counts, "" if pace is None else f"{pace * HOUR_S:,.1f}", remaining)
    table.caption = "scores: " + ", ".join(f"{n:,} {name}" for name, n in now.scores.items())
    parts: list[RenderableType] = [table]
    if now.underway:
        slowest = Table("the slowest at work", "step", "of", *CURVES, "saved before")
        for one in now.underway[:SHOWN]:
            losses = [f"{loss:,.2f}" for loss in one.losses] or [""] * len(CURVES)
            saved = "no checkpoint yet" if one.saved is None else words(max(now.at - one.saved, 0.0))
            steps = "fitted" if one.run.fitted else f"{one.run.schedule.steps:,}"
            slowest.add_row(escape(str(one.run)), f"{one.step:,}", steps, *losses, saved)
        parts.append(slowest)
    if now.failures:
        failed = Table("last failures", "stage", "error", "before")
        for at, run, name, why in now.failures:
            failed.add_row(escape(run), name, escape(printable(why, 200)), words(max(now.at - at, 0.0)))
        parts.append(failed)
    if any(stage.remaining for stage in now.stages.values()) and not any(s.working for s in now.stages.values()):
        parts.append(escape(f"nobody works on it: {store.command(f'run study={plan.name}')} goes on"))
    return Group(*parts)
