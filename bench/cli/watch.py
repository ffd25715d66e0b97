"""`python -m bench watch study=NAME`: how far a study is while others work on it, from its store alone.

Runs an hour are those that ended since the first record of the last hour. Where none did, as of runs that take hours,
they are the steps by which checkpoints moved since watching began. Losses are those of the last checkpoint.
"""

import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

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

EVERY_S = 3.0
HOUR_S = 3600.0
SHOWN = 5  # of the slowest runs, and of the failures
CURVES = LOSSES[:3]


@dataclass(frozen=True)
class Underway:
    """A run that is being trained, by its last checkpoint.

    Attributes:
        run: which.
        step: 0 where there is no checkpoint yet.
        losses: the last that were recorded, of `CURVES`; none where there are none.
        saved: when, in seconds of the epoch.
    """

    run: Run
    step: int = 0
    losses: tuple[float, ...] = ()
    saved: float | None = None

    @property
    def share(self) -> float:
        """How much of its steps is done, from 0 to 1."""
        return min(self.step / self.run.schedule.steps, 1.0)


@dataclass(frozen=True)
class Stage:
    """How far training or scoring is, in runs.

    Attributes:
        done: that ended well.
        working: that a process works on.
        waiting: that no process works on yet.
        failed: that ended in an error, of scoring those with a score that did.
        lately: that ended since the first record of the last hour.
        share: what is done of those that are worked on.
    """

    done: int
    working: int
    waiting: int
    failed: int
    lately: int
    share: float = 0.0

    @property
    def left(self) -> float:
        """Runs that are still to be done."""
        return self.working + self.waiting - self.share


@dataclass(frozen=True)
class State:
    """A study at one moment.

    Attributes:
        at: seconds of the epoch.
        span: seconds since the first record of the last hour.
        stages: "trained" and "scored".
        scores: how many there are, by state.
        underway: runs being trained, the slowest first.
        failures: the last ones: (seconds of the epoch, run, stage, error), the latest first.
    """

    at: float
    span: float
    stages: Mapping[str, Stage]
    scores: Mapping[str, int]
    underway: Sequence[Underway]
    failures: Sequence[tuple[float, str, str, str]]

    def pace(self, name: str, first: "State") -> float | None:
        """Runs a second at a stage; None where nothing tells it.

        Args:
            name: of the stage.
            first: the state when watching began.
        """
        now, then = self.stages[name], first.stages[name]
        if now.lately and self.span > 0:
            return now.lately / self.span
        moved = now.done + now.share - then.done - then.share
        return moved / (self.at - first.at) if moved > 0 else None


def watch(plan: Plan, store: Store) -> int:
    """Show how far a study is, on a terminal until ctrl-C, elsewhere once; what is added to it later is left out."""
    first = state(plan, store)
    if not results.file.isatty():
        results.print(view(plan, first, first))
        return 0
    with _until_ctrl_c(), Live(view(plan, first, first), console=results, auto_refresh=False) as live:
        while True:
            time.sleep(EVERY_S)
            live.update(view(plan, state(plan, store), first), refresh=True)
    return 0


@contextmanager
def _until_ctrl_c() -> Iterator[None]:
    """A block that ctrl-C ends as it is meant to end, not as an interruption."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, before)


def state(plan: Plan, store: Store) -> State:
    """How far a study is now."""
    known, now = ledger(store), time.time()
    wanted = wanted_cells(plan, known)
    total = sum(count(plan, known, wanted).values(), Counter[str]())
    members = {member.id: member for member in plan.members}
    listings = {run: listing for run, listing in known.listings.items() if run in members}
    scored = {
        run: _whole(known.cell(member, cell.key) for cell in wanted[run])
        for run, member in members.items()
        if known.run(member) == "done"
    }
    open_runs = [run for run in listings if scored.get(run, known.runs[run]) == "missing"]
    claimed = {run for run in open_runs if is_claimed(store.run(run))}
    underway = [_underway(run, store) for run in plan.runs if run.id in claimed - scored.keys()]
    start = min((t for listing in listings.values() for t in _times(listing) if t > now - HOUR_S), default=now)

    def stage(ended: Iterable[str], record: str, counts: Mapping[str, int], working: int, share: float) -> Stage:
        lately = sum(max(_times(listings[run], record), default=0.0) > start for run in ended)
        return Stage(counts["done"], working, counts["missing"] - working, counts["failed"], lately, share)

    by_score = Counter(scored.values()) + Counter(missing=total["missing"])
    stages = {
        "trained": stage(scored, "done.json", total, len(underway), sum(one.share for one in underway)),
        "scored": stage(
            [run for run in scored if scored[run] != "missing"], "scores-", by_score, len(claimed & scored.keys()), 0.0
        ),
    }
    scores = {name: total[f"cell {name}"] for name in ("done", "skipped", "failed", "missing")}
    keys = {run: {cell.key for cell in cells} for run, cells in wanted.items()}
    failures = _failures(known, members, listings, keys, store)
    return State(now, now - start, stages, scores, sorted(underway, key=lambda one: one.share), failures)


def _whole(states: Iterable[str]) -> str:
    """The state of all scores of a run: "missing" while one is missing, "failed" where one failed, else "done"."""
    found = set(states)
    return next((name for name in ("missing", "failed") if name in found), "done")


def _times(listing: Listing, record: str = "") -> list[float]:
    """When a run's records were written, of those whose names begin so."""
    return [ns / 1e9 for name, _, ns in listing.records if name.startswith(record)]


def _underway(run: Run, store: Store) -> Underway:
    path = store.run(run.id).checkpoint
    try:
        saved = path.stat().st_mtime
        arrays, notes = read_arrays(path, only=("losses",))
        step, losses = int(notes["step"]), arrays["losses"]
        last = tuple(float(loss) for loss in losses[-1, 1 : 1 + len(CURVES)]) if len(losses) else ()
    except (OSError, StoreError, LookupError, ValueError):  # none yet, or none that can be read: training tells of it
        return Underway(run)
    return Underway(run, step, last, saved)


def _failures(
    known: Ledger,
    members: Mapping[str, Member],
    listings: Mapping[str, Listing],
    keys: Mapping[str, set[str]],
    store: Store,
) -> list[tuple[float, str, str, str]]:
    """The last failed trainings and wanted scores; of a score the time is that of its run's last record."""
    found = [(run, "train", "failed.json", "") for run in listings if known.runs[run] == "failed"]
    found += [(run, metric, "scores-", why) for run, key, metric, why in known.failures if key in keys.get(run, ())]
    timed = [(max(_times(listings[run], record), default=0.0), run, name, why) for run, name, record, why in found]
    last = sorted(timed, key=lambda failure: -failure[0])[:SHOWN]
    return [(at, str(members[run]), name, why or error_of(store.run(run))) for at, run, name, why in last]


def view(plan: Plan, now: State, first: State) -> RenderableType:
    """A state as tables; `first` is that of when watching began."""
    title = f"{plan.title}: {len(plan.members):,} runs ({plan.schedules}), {time.strftime('%H:%M:%S')}"
    table = Table("", "done", "at work", "waiting", "failed", "an hour", "time left", title=escape(title))
    for name, stage in now.stages.items():
        pace = now.pace(name, first)
        left = "" if not stage.left else words(None if pace is None else stage.left / pace)
        counts = (f"{n:,}" for n in (stage.done, stage.working, stage.waiting, stage.failed))
        table.add_row(name, *counts, "" if pace is None else f"{pace * HOUR_S:,.1f}", left)
    table.caption = "scores: " + ", ".join(f"{n:,} {name}" for name, n in now.scores.items())
    shown: list[RenderableType] = [table]
    if now.underway:
        slowest = Table("the slowest at work", "step", "of", *CURVES, "saved before")
        for one in now.underway[:SHOWN]:
            losses = [f"{loss:,.2f}" for loss in one.losses] or [""] * len(CURVES)
            saved = "no checkpoint yet" if one.saved is None else words(max(now.at - one.saved, 0.0))
            steps = "fitted" if one.run.fitted else f"{one.run.schedule.steps:,}"
            slowest.add_row(escape(str(one.run)), f"{one.step:,}", steps, *losses, saved)
        shown.append(slowest)
    if now.failures:
        failed = Table("last failures", "stage", "error", "before")
        for at, run, name, why in now.failures:
            failed.add_row(escape(run), name, escape(printable(why, 200)), words(max(now.at - at, 0.0)))
        shown.append(failed)
    if any(stage.left for stage in now.stages.values()) and not any(s.working for s in now.stages.values()):
        shown.append(escape(f"nobody works on it: python -m bench run study={plan.name} goes on"))
    return Group(*shown)
