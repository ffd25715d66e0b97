"""How far a study is, from its store alone: runs by state, rates, time left, the slowest losses, the last failures."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench.cli import watch as watching
from bench.cli.watch import Stage, state, view, watch
from bench.scoring.runs import cells
from bench.store.claims import claiming
from bench.store.files import write_arrays, write_json
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Frozen, Run, Schedule

SCHEDULE = Schedule(1000, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)
PROTOCOL = Protocol("tiny", None, None, None, None, ("mean",), (), {})
RUNS = tuple(Run("beta_vae", 1, False, Frozen(beta=1.0), "beta", 0, 1.0, s, "dsprites", 1, SCHEDULE) for s in range(8))
PLAN = Plan("tiny", "Tiny", RUNS, ("mig", "sap"), PROTOCOL)
SCORED, TRAINED, BROKEN, QUICKER, SLOWER, NEW = RUNS[:6]
MINUTE = 60.0


def begin(store: Store, run: Run, minutes_ago: float) -> None:
    write_json(store.run(run.id).config, run.record())
    date(store.run(run.id).config, minutes_ago)


def date(path: Path, minutes_ago: float) -> None:
    os.utime(path, (time.time() - minutes_ago * MINUTE,) * 2)


def finish(store: Store, run: Run, minutes_ago: float) -> None:
    done = store.run(run.id).done
    write_json(done, {"device": "cpu", "seconds": 90.0, "versions": {}})
    date(done, minutes_ago)


def checkpoint(store: Store, run: Run, step: int, *losses: float) -> None:
    rows = np.array([[5, 900, 890, 10, np.nan, np.nan], [step, *losses, np.nan, np.nan]], np.float32)
    arrays = {"weights/a": np.zeros((50, 50), np.float32), "losses": rows}
    write_arrays(store.run(run.id).checkpoint, arrays, {"step": str(step)})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Of eight runs one is scored, one trained, one failed, three are being trained and two wait."""
    store = Store(tmp_path, writable=True)
    begin(store, SCORED, 30)
    finish(store, SCORED, 20)
    kept = {"version": 1, "representation": "mean", "seconds": 3.0}
    outcomes = ({"values": {"mig": 0.5}, "rows": {"num_points": 10}}, {"failed": "Oops: [red]no", "traceback": ""})
    records = [
        kept | {"metric": c.metric, "key": c.key} | outcome
        for c, outcome in zip(cells(PLAN.metrics, PROTOCOL), outcomes, strict=True)
    ]
    write_json(store.run(SCORED.id).scores("all"), {"run": SCORED.id, "cells": records})
    date(store.run(SCORED.id).scores("all"), 15)
    begin(store, TRAINED, 20)
    finish(store, TRAINED, 10)
    begin(store, BROKEN, 10)
    write_json(store.run(BROKEN.id).failed, {"error": "DivergedError: at\x1b[31m step 3", "traceback": ""})
    date(store.run(BROKEN.id).failed, 5)
    at_work = [QUICKER, SLOWER, NEW]
    for run in at_work:
        begin(store, run, 9)
    checkpoint(store, QUICKER, 800, 31, 30, 1)
    checkpoint(store, SLOWER, 600, 45, 42, 3)
    with claiming([store.run(run.id) for run in at_work]):
        yield store


def shown(store: Store, plan: Plan = PLAN) -> str:
    console = Console(width=160)
    now = state(plan, store)
    with console.capture() as capture:
        console.print(view(plan, store, now, now))
    return capture.get()


def test_runs_are_counted_by_stage_and_state(store: Store) -> None:
    now = state(PLAN, store)
    assert now.stages["trained"] == Stage(done=2, working=3, waiting=2, failed=1, recent=2, share=1.4)
    assert now.stages["scored"] == Stage(done=0, working=0, waiting=6, failed=1, recent=1)
    assert now.scores == {"done": 1, "skipped": 0, "failed": 1, "missing": 14}


def test_a_run_that_is_being_scored_is_at_work(store: Store) -> None:
    with claiming([store.run(TRAINED.id)]):
        scored = state(PLAN, store).stages["scored"]
    assert (scored.working, scored.waiting) == (1, 5)


def test_the_pace_is_that_of_the_last_hour_since_its_first_record(store: Store) -> None:
    now = state(PLAN, store)
    assert now.span == pytest.approx(30 * MINUTE, abs=5)
    assert now.pace("trained", now) == pytest.approx(2 / (30 * MINUTE), rel=0.01)
    (row,) = [line for line in shown(store).splitlines() if "trained" in line]
    assert [part.strip() for part in row.strip("│ ").split("│")] == ["trained", "2", "3", "2", "1", "4.0", "54 min"]


def test_what_ended_before_the_last_hour_tells_no_pace_and_then_checkpoints_that_move_do(store: Store) -> None:
    for run in RUNS[:6]:
        for path in store.run(run.id).path.glob("*.json"):
            date(path, 300)
    first = state(PLAN, store)
    assert first.pace("trained", first) is None
    assert "unknown" in shown(store)
    checkpoint(store, SLOWER, 700, 44, 41, 3)
    later = state(PLAN, store)
    assert later.pace("trained", first) == pytest.approx(0.1 / (later.at - first.at))
    for behind in (0, 60):  # the clock was set back
        assert replace(later, at=first.at - behind).pace("trained", first) is None


def test_the_slowest_runs_come_first_with_the_losses_of_their_last_checkpoint(store: Store) -> None:
    now = state(PLAN, store)
    assert [(one.run, one.step, one.losses) for one in now.underway] == [
        (NEW, 0, ()), (SLOWER, 600, (45, 42, 3)), (QUICKER, 800, (31, 30, 1)),
    ]  # fmt: skip
    told = shown(store)
    assert "no checkpoint yet" in told
    assert "42.00" in told


def test_a_learner_that_is_fitted_at_once_has_no_steps_to_come(store: Store) -> None:
    fitted = Run("pca", 1, True, Frozen(), None, None, None, 0, "dsprites", 1, SCHEDULE)
    begin(store, fitted, 1)
    with claiming([store.run(fitted.id)]):
        (row,) = [line for line in shown(store, replace(PLAN, runs=(fitted,))).splitlines() if fitted.id in line]
    assert [part.strip() for part in row.strip("│ ").split("│")][1:3] == ["0", "fitted"]


@pytest.mark.parametrize("text", [b"", b"no checkpoint", b"\xff" * 100])
def test_a_checkpoint_that_cannot_be_read_is_as_none(store: Store, text: bytes) -> None:
    store.run(SLOWER.id).checkpoint.write_bytes(text)
    write_arrays(store.run(QUICKER.id).checkpoint, {"losses": np.zeros(3, np.float32)}, {"step": "9"})
    assert [one.step for one in state(PLAN, store).underway] == [0, 0, 0]


def test_the_last_failures_are_told_the_latest_first_and_safe_to_print(store: Store) -> None:
    now = state(PLAN, store)
    assert [(run, stage) for _, run, stage, _ in now.failures] == [(str(BROKEN), "train"), (str(SCORED), "sap")]
    told = shown(store)
    assert "DivergedError: at\\x1b[31m step 3" in told
    assert "Oops: [red]no" in told
    assert str(BROKEN) in told
    assert "5 min" in told


def test_a_study_on_which_nobody_works_says_how_it_goes_on(tmp_path: Path) -> None:
    told = shown(Store(tmp_path / "none"))
    assert f"nobody works on it: python -m bench run study=tiny results_dir={tmp_path}/none goes on" in told
    assert not (tmp_path / "none").exists()


def test_off_a_terminal_one_state_is_printed_and_nothing_is_written(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.path.rglob("*")}
    assert watch(lambda: PLAN, Store(store.path)) == 0
    told = capsys.readouterr().out
    assert told.count("Tiny: 8 runs") == 1
    assert {path: path.stat().st_mtime_ns for path in store.path.rglob("*")} == before


def test_on_a_terminal_it_is_read_again_until_ctrl_c_and_the_plan_when_it_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []
    plans = [PLAN, replace(PLAN, title="Other", runs=RUNS[:5])]  # begun by a command that asked for fewer

    def wait(seconds: float) -> None:
        waits.append(seconds)
        finish(store, NEW, 0)
        if len(waits) == 2:
            write_json(store.study_plan(PLAN.name), {})
        if len(waits) == 3:
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(watching.time, "sleep", wait)
    terminal = Console(force_terminal=True, width=160)
    monkeypatch.setattr(terminal.file, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(watching, "results", terminal)
    assert watch(lambda: plans.pop(0), Store(store.path)) == 0
    assert waits == [watching.EVERY_S] * 3
    told = capsys.readouterr().out
    assert "│ 3    │ 2" in told  # the third one that is trained
    assert told.index("Tiny: 8 runs") < told.index("Other: 5 runs")
    assert not plans
    assert signal.getsignal(signal.SIGINT) is handler
