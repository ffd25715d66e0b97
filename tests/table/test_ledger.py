"""What is done, failed and missing of a study; what cannot be read is named and set aside, what is left out is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import data
from bench.cli import commands
from bench.cli.absent_data import absent_data, lost_data
from bench.cli.closing import close
from bench.cli.dry_run import hours, words
from bench.data.base import DataError
from bench.launch import local
from bench.scoring.runs import cells
from bench.store.claims import claiming
from bench.store.files import digest, read_json, write_json
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Frozen, Run, Schedule
from bench.table.ledger import ledger, mend

SCHEDULE = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)
PROTOCOL = Protocol("tiny", None, None, None, None, ("mean",), (), {})


def run(seed: int, dataset: str = "dsprites") -> Run:
    return Run("beta_vae", 1, False, Frozen(beta=1.0), "beta", 0, 1.0, seed, dataset, 1, SCHEDULE)


def plan(*runs: Run) -> Plan:
    return Plan("tiny", "Tiny", runs, ("mig", "downstream"), PROTOCOL)


PLAN = plan(*(run(seed) for seed in range(4)))


def finish(store: Store, run: Run, *outcomes: dict[str, object]) -> None:
    """A trained run, the cells of which came out as given."""
    folder = store.run(run.id)
    write_json(folder.config, run.record())
    write_json(folder.done, {"device": "cpu", "seconds": 90.0, "versions": {}})
    if outcomes:
        wanted = cells(PLAN.metrics, PROTOCOL)
        kept = [
            {"metric": c.metric, "version": 1, "representation": "mean", "seconds": 3.0, "key": c.key} for c in wanted
        ]
        records = [k | o for k, o in zip(kept, outcomes, strict=True)]
        write_json(folder.scores(digest("x")), {"run": run.id, "cells": records})


SCORED: dict[str, object] = {"values": {"mig": 0.5}, "rows": {"num_points": 10}}
FAILED: dict[str, object] = {"failed": "Oops: no", "traceback": ""}
SKIPPED: dict[str, object] = {"skipped": "not here"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One run scored, one trained, one failed, one not begun."""
    store = Store(tmp_path, writable=True)
    finish(store, PLAN.runs[0], SCORED, FAILED)
    finish(store, PLAN.runs[1], SCORED, SKIPPED)
    write_json(store.run(PLAN.runs[2].id).config, PLAN.runs[2].record())
    write_json(store.run(PLAN.runs[2].id).failed, {"error": "DivergedError: at step 3", "traceback": ""})
    return store


def test_runs_and_cells_are_counted(store: Store) -> None:
    known = ledger(store)
    keys = [c.key for c in cells(PLAN.metrics, PROTOCOL)]
    assert [known.run(r) for r in PLAN.runs] == ["done", "done", "failed", "missing"]
    states = [[known.cell(r, key) for key in keys] for r in PLAN.runs]
    assert states == [["done", "failed"], ["done", "skipped"], ["missing"] * 2, ["missing"] * 2]
    assert [(metric, reason) for *_, metric, reason in known.failures] == [("downstream", "Oops: no")]


def test_only_what_is_missing_is_to_be_done_and_what_failed_where_that_is_asked_for(store: Store) -> None:
    for redo, untrained, unscored in ((False, [3], []), (True, [2, 3], [0])):
        settings = {"retry_failed": redo}
        assert local.untrained_runs(PLAN, store, settings) == [PLAN.runs[i] for i in untrained]
        assert [r for r, _ in local.unscored_cells(PLAN, store, settings)] == [PLAN.runs[i] for i in unscored]


@pytest.mark.parametrize("name", ["config.json", "done.json", "scores"])
def test_a_record_that_cannot_be_read_is_named_and_set_aside(
    store: Store, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = store.run(PLAN.runs[0].id)
    path = folder.score_files()[0] if name == "scores" else folder.path / name
    path.write_bytes(path.read_bytes()[:-30])
    assert commands.status(PLAN, store) == 0
    assert f"cannot read {path}" in capsys.readouterr().err
    mend(PLAN.runs, store)
    assert f"{PLAN.runs[0]}: cannot read {path}" in capsys.readouterr().err.replace("\n", "")
    (aside,) = folder.path.glob("damaged-*")
    assert aside.name.endswith(path.name)
    assert not ledger(store).damaged
    assert ledger(store).run(PLAN.runs[0]) == ("missing" if name == "done.json" else "done")
    if name == "config.json":
        assert read_json(folder.config) == PLAN.runs[0].record()
    mend(PLAN.runs, store)
    assert not capsys.readouterr().err


def test_the_closing_table_names_failures_and_what_was_not_finished(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = {("cars3d", 1): "download it from there"}
    assert close("train", plan(*PLAN.runs, run(0, "cars3d")), store, ["metric x is broken"], absent) == 1
    told = capsys.readouterr().out
    for expected in ("5 failed", "metric x is broken", "DivergedError: at step 3", "Oops: no", "download it from there",
                     "not finished: its process was killed"):  # fmt: skip
        assert expected in told
    assert close("analyze", plan(PLAN.runs[1], PLAN.runs[3]), store, [], {}) == 0
    late = run(7)  # trained while others were scored
    write_json(store.run(late.id).config, late.record())
    write_json(store.run(late.id).done, read_json(store.run(PLAN.runs[0].id).done))
    assert close("score", plan(late), store, [], {}) == 1
    assert "meanwhile" in capsys.readouterr().out
    assert close("report", plan(PLAN.runs[1]), store, [], {}, undrawn={"a.png": "ValueError: no"}) == 1
    said = capsys.readouterr().out
    assert "picture a.png" in said
    assert "ValueError: no" in said


def test_a_failure_of_a_cell_that_the_study_does_not_want_is_not_told(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of an older version, of a metric whose file is gone, or of another protocol."""
    run, wanted = PLAN.runs[1], plan(PLAN.runs[1])
    kept = {"metric": "mig", "version": 1, "representation": "mean", "seconds": 3.0, "key": "of-an-older-version"}
    write_json(store.run(run.id).scores("old"), {"run": run.id, "cells": [kept | FAILED]})
    assert close("score", wanted, store, [], {}) == 0
    assert capsys.readouterr().out == ""
    assert [key for _, key, *_ in ledger(store).failures if key == kept["key"]]
    assert close("score", replace(plan(PLAN.runs[0]), metrics=("mig",)), store, [], {}) == 0


def test_runs_worked_on_elsewhere_are_told_and_are_no_failure(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with claiming([store.run(PLAN.runs[3].id)]):
        assert close("train", plan(*PLAN.runs[1::2]), store, [], {}) == 0
    assert "1 run claimed by other processes" in capsys.readouterr().err
    assert close("train", plan(*PLAN.runs[1::2]), store, [], {}) == 1


def test_data_sets_that_cannot_be_had_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(name: str) -> None:
        if name == "cars3d":
            raise DataError("download it from there")

    monkeypatch.setattr(data, "fetch", fetch)
    absent = absent_data(plan(run(0), run(0, "cars3d")))
    assert absent == {("cars3d", 1): "download it from there"}
    assert "cars3d is left out: download it from there" in capsys.readouterr().err


def test_of_two_versions_of_a_data_set_the_one_that_is_not_here_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    lost = lost_data(plan(run(0), replace(run(1), dataset_version=9), replace(run(2), dataset_version=9)))
    assert [*lost] == [("dsprites", 9)]
    assert "2 runs of dsprites left out: these runs are of version 9 of dsprites, here is version 1" in (
        " ".join(capsys.readouterr().err.split())
    )


@pytest.fixture
def settings() -> dict[str, object]:
    return {"retry_failed": False, "device": "cpu", "checkpoint": None, "launcher": {"name": "local"}}


def test_a_dry_run_estimates_from_finished_runs_and_writes_nothing(
    store: Store, settings: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(store.path.rglob("*"))
    asked = ["stage=run", "study.name=my study", "model=[beta_vae,pca]", "dry_run=true"]
    assert commands.dry_run("run", PLAN, store, settings | {"overrides": asked}) == 0
    told = capsys.readouterr().out
    assert sorted(store.path.rglob("*")) == before
    assert "python -m bench run 'study.name=my study' model=beta_vae dataset=dsprites" in told
    assert "launcher=local: 1 job of 1 run, on CPUs" in told
    (row,) = [line for line in told.splitlines() if "beta_vae" in line and "python" not in line]
    counts = [part.strip() for part in row.strip("│ ").split("│")]
    assert counts[:5] == ["beta_vae", "dsprites", "1", "1", "90 s"]
    assert counts[7:9] == ["2", "6 s"]


def test_a_dry_run_of_a_launcher_tells_its_jobs_and_the_one_command_that_starts_them(
    store: Store, settings: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    fields = {"launcher": {"name": "slurm", "cpus": 8, "gpus": 0, "runs": 2}, "overrides": ["model=beta_vae"]}
    commands.dry_run("train", plan(*(run(seed) for seed in range(10, 15))), store, settings | fields)
    told = capsys.readouterr().out
    assert "launcher=slurm: 3 jobs of up to 2 runs, on CPUs" in told
    assert told.splitlines()[-1] == "python -m bench train model=beta_vae"


def test_a_dry_run_where_nothing_was_finished_tells_shipped_times(
    tmp_path: Path,
    settings: dict[str, object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands.dry_run("train", PLAN, Store(tmp_path / "none"), settings | {"overrides": []})
    told = capsys.readouterr().out
    (row,) = [line for line in told.splitlines() if "beta_vae" in line and "python" not in line]
    assert [part.strip() for part in row.strip("│ ").split("│")][4:7] == ["unknown", "0 s", "unknown"]
    assert "Nothing was written" in told
    assert not (tmp_path / "none").exists()


def test_times_are_written_for_people() -> None:
    assert [hours(s) for s in (90.0, 3.6e6, None)] == ["90 s", "1,000 h", "unknown"]
    assert [words(s) for s in (3.2, 300, 3 * 3600, 1e6, None)] == ["3 s", "5 min", "3 h", "12 days", "unknown"]
