"""A store in which anything is damaged is read on: the damage is named, the rest counts, and what can be is mended."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.cli import commands
from bench.cli.closing import close
from bench.cli.listing import list_names
from bench.cli.question import list_questions
from bench.launch import local
from bench.scoring.codes import Codes
from bench.scoring.codes import load as load_codes
from bench.scoring.isolation import LostWeightsError
from bench.scoring.run_readers import read_run
from bench.scoring.runs import cells
from bench.store import files
from bench.store.files import StoreError, read_json, write_arrays, write_json
from bench.store.folders import RunFolder, Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.record import extend
from bench.study.run import Frozen, Run, Schedule
from bench.table import compact
from bench.table.ledger import ledger, mend
from bench.table.scores import scores

SCHEDULE = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)
PROTOCOL = Protocol("tiny", None, None, None, None, ("mean",), (), {})
RUNS = tuple(Run("beta_vae", 1, False, Frozen(beta=1.0), "beta", 0, 1.0, s, "dsprites", 1, SCHEDULE) for s in range(3))
PLAN = Plan("tiny", "Tiny", RUNS, ("mig", "sap"), PROTOCOL)
HARMED, WHOLE, FAILED = RUNS
FILES = ("config.json", "done.json", "losses.csv", "scores-all.json", "failed.json")
Harm = Callable[[Path], object]


def finish(folder: RunFolder, run: Run) -> None:
    """What training and scoring leave of a run."""
    write_json(folder.config, run.record())
    write_json(
        folder.done, {"device": "cpu", "seconds": 90.0, "fleet": 1, "versions": {"torch": "2"}, "revision": None}
    )
    folder.losses.write_text("step,loss,reconstruction,kl\n10,0,700,1\n20,0,30,10\n30,0,29,12\n")
    tried = []
    for cell, values in zip(cells(PLAN.metrics, PROTOCOL), ({"mig": 0.5, "mig/1": 0.25}, {"sap": 0.5}), strict=True):
        kept = {"metric": cell.metric, "version": 1, "representation": "mean", "seconds": 3.0, "key": cell.key}
        tried.append(kept | {"values": values, "rows": {"num_train": 10, "num_test": 5}})
    write_json(folder.scores("all"), {"run": run.id, "cells": tried})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """One run that is to be harmed, one that stays whole, and one that failed."""
    monkeypatch.setattr(os, "fsync", lambda file: None)  # which takes most of the time
    store = Store(tmp_path, writable=True)
    for run in (HARMED, WHOLE):
        finish(store.run(run.id), run)
    write_json(store.run(FAILED.id).config, FAILED.record())
    write_json(store.run(FAILED.id).failed, {"error": "DivergedError: at step 3", "traceback": ""})
    return store


def instead(content: bytes) -> Harm:
    return lambda path: path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def grow(path: Path) -> None:
    os.truncate(path, 100 * 2**20)


def other(make: Callable[[Path], object]) -> Harm:
    """Something else in the place of the file."""

    def harm(path: Path) -> None:
        path.unlink()
        make(path)

    return harm


OF_ANY_FILE: dict[str, Harm] = {
    "empty": instead(b""),
    "cut short": cut,
    "not utf-8": instead(b"\xff\xfe\x00{}"),
    "zeros": instead(bytes(500)),
    "100 MB": grow,
    "nested deeply": instead(b"[" * 200_000),
    "nested less deeply": instead(b"[" * 1000 + b"]" * 1000),
    "a list": instead(b"[1, 2]"),
    "null": instead(b"null"),
    "NaN": instead(b'{"seconds": NaN}'),
    "a folder": other(Path.mkdir),
    "a link to nothing": other(lambda path: path.symlink_to("nothing")),
    "a link to itself": other(lambda path: path.symlink_to(path.name)),
    "a pipe": other(os.mkfifo),
}


def edit(change: Callable[[Any], object]) -> Harm:
    """A change of what a json file holds."""

    def harm(path: Path) -> None:
        content = json.loads(path.read_bytes())
        change(content)
        path.write_text(json.dumps(content))

    return harm


def having(**values: Any) -> Harm:
    return edit(lambda content: content.update(values))


def cell_having(**values: Any) -> Harm:
    return edit(lambda content: content["cells"][0].update(values))


def part_having(part: str, **values: Any) -> Harm:
    return edit(lambda content: content[part].update(values))


OF_ONE: dict[str, dict[str, Harm]] = {
    "config.json": {
        "seed is text": having(seed="0"),
        "seed is true": having(seed=True),
        "seed is negative": having(seed=-1),
        "another seed": having(seed=77),
        "strength is text": having(strength="0"),
        "strength is too large": having(strength=2**64 - 1),
        "value is a list": having(value=[1.0]),
        "value is infinite": edit(lambda content: content.update(value=float("inf"))),
        "data set is a list": having(dataset=["dsprites"]),
        "another data set": part_having("dataset", name="cars3d"),
        "no model": edit(lambda content: content.pop("model")),
        "model is markup": part_having("model", name="<img src=x onerror=alert(1)>"),
        "model is a formula": part_having("model", name="=HYPERLINK(1)"),
        "model is a path": part_having("model", name="../../x"),
        "model holds an escape": part_having("model", name="a\x1b[31m"),
        "version is text": part_having("model", version="1"),
        "the schedule's name is markup": having(schedule_label="<b>tiny</b>"),
        "the schedule's name is null": having(schedule_label=None),
        "batch size is text": part_having("schedule", batch_size="8"),
        "one key more": having(note="mine"),
        "id of another": having(id=WHOLE.id, seed=WHOLE.seed),
    },
    "done.json": {
        "version is a number": part_having("versions", torch=2),
        "versions is a list": having(versions=["torch"]),
        "fleet is zero": having(fleet=0),
        "seconds is text": having(seconds="90"),
        "seconds is negative": having(seconds=-1.0),
        "no device": edit(lambda content: content.pop("device")),
        "device is a formula": having(device="=cmd()"),
        "revision is a number": having(revision=7),
    },
    "scores-all.json": {
        "cells is null": having(cells=None),
        "a cell is text": having(cells=["mig"]),
        "a cell twice": edit(lambda content: content["cells"].append(content["cells"][0])),
        "metric is null": cell_having(metric=None),
        "metric is reserved": cell_having(metric="training"),
        "version is text": cell_having(version="1"),
        "version is true": cell_having(version=True),
        "version is a float": cell_having(version=1.0),
        "key is a number": cell_having(key=1),
        "key is a list": cell_having(key=["k"]),
        "representation has no name": cell_having(representation="the median"),
        "seconds is null": cell_having(seconds=None),
        "values is a list": cell_having(values=[0.5]),
        "a value is null": cell_having(values={"mig": None}),
        "a value is text": cell_having(values={"mig": "0.5"}),
        "a value is true": cell_having(values={"mig": True}),
        "a value is infinite": cell_having(values={"mig": float("inf")}),
        "a value is NaN": cell_having(values={"mig": float("nan")}),
        "a factor that does not exist": cell_having(values={"mig/99": 0.5}),
        "a factor below zero": cell_having(values={"mig/-1": 0.5}),
        "a name is markup": cell_having(values={"<b>": 0.5}),
        "rows is a number": cell_having(rows=10),
        "rows is text": cell_having(rows={"num_train": "10"}),
        "rows is too large": cell_having(rows={"num_train": 2**64 - 1}),
        "failed is a number": cell_having(failed=3),
        "scores of another run": having(run=WHOLE.id),
    },
    "losses.csv": {
        "no loss": instead(b"step,loss,reconstruction,kl\n"),
        "no such column": instead(b"step,loss\n1,2\n"),
        "a short line": instead(b"step,loss,reconstruction,kl\n10,1,2\n20,1,2,3\n"),
        "text": instead(b"step,loss,reconstruction,kl\n10,a,b,c\n"),
        "infinite": instead(b"step,loss,reconstruction,kl\n10,1,inf,3\n"),
        "NaN": instead(b"step,loss,reconstruction,kl\n10,1,nan,3\n"),
        "a step that is none": instead(b"step,loss,reconstruction,kl\nx,1,2,3\n"),
    },
    "failed.json": {"error is a number": having(error=3), "no error": edit(lambda content: content.pop("error"))},
}  # fmt: skip

CASES = [(file, harm, OF_ANY_FILE[harm]) for file in FILES for harm in OF_ANY_FILE]
CASES += [(file, harm, make) for file, harms in OF_ONE.items() for harm, make in harms.items()]


def rows_of(table: pd.DataFrame, run: Run) -> list[tuple[Any, ...]]:
    return list(table[table["run"] == run.id][["metric", "name", "factor", "score", "device"]].itertuples(index=False))


@pytest.mark.parametrize(("file", "harm", "make"), CASES, ids=[f"{file}: {harm}" for file, harm, _ in CASES])
def test_one_damaged_file_is_named_hides_nothing_else_and_is_mended(
    store: Store, file: str, harm: str, make: Harm, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = rows_of(scores(results_dir=store.path), WHOLE)
    run = FAILED if file == "failed.json" else HARMED
    path = store.run(run.id).path / file
    make(path)

    known, state = ledger(Store(store.path)), "missing" if file in ("done.json", "failed.json") else "done"
    damaged = known.damaged
    assert [(d.run, d.name, d.unreadable) for d in damaged] == [(run.id, file, False)]
    assert known.run(run) == state
    assert f"cannot read {path}: " in damaged[0].fault
    assert str(damaged[0]).isprintable()

    table = scores(results_dir=store.path)
    assert rows_of(table, WHOLE) == whole
    assert commands.status(PLAN, Store(store.path)) == 0
    told = capsys.readouterr()
    assert told.err.count(f"run {run.id}: cannot read {path}: ") == 1
    assert not any("<" in str(name) or "=" in str(name) for name in table["model"])

    mend(RUNS, store)
    named = capsys.readouterr().err
    assert f"{run}: cannot read {path}: " in named
    left = ledger(store)
    if file == "losses.csv":  # training alone would make it again
        assert f"its other scores count; to train it anew, remove {store.run(run.id).done}" in named
        assert [d.name for d in left.damaged] == [file]
        assert {m for m, *_ in rows_of(table, run)} == {"mig", "sap"}
    else:
        assert left.damaged == []
        assert len(list(path.parent.glob("damaged-*"))) == 1
    assert left.run(run) == state
    if file == "config.json":
        assert read_json(path) == run.record()
        assert len(rows_of(scores(results_dir=store.path), run)) == len(whole)
    if file == "scores-all.json":
        assert [r for r, _ in local.unscored_cells(PLAN, store, {"retry_failed": False})] == [HARMED]


def test_scores_of_a_representation_that_a_later_version_has_are_left_out_and_the_others_of_their_file_are_not(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    before = scores(results_dir=store.path)
    path = store.run(HARMED.id).scores("all")
    record = read_json(path)
    record["cells"].append(record["cells"][0] | {"key": "of-a-later-version", "representation": "quantised"})
    write_json(path, record)
    assert rows_of(scores(results_dir=store.path), HARMED) == rows_of(before, HARMED)
    told = " ".join(capsys.readouterr().err.split())
    assert f"scores of the representation quantised in {store.path} are left out: this version does not know" in told
    mend(RUNS, store)
    assert read_json(path) == record
    assert "cannot read" not in capsys.readouterr().err


def test_a_missing_config_is_written_again_from_the_plan(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    table = scores(results_dir=store.path)
    config = store.run(HARMED.id).config
    config.unlink()
    assert commands.status(PLAN, store) == 0
    assert f"cannot read {config}: there is none" in capsys.readouterr().err
    mend(RUNS, store)
    assert "it is made again" in capsys.readouterr().err
    assert read_json(config) == HARMED.record()
    pd.testing.assert_frame_equal(scores(results_dir=store.path), table)


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Files and folders that nobody may read."""
    shut: set[str] = set()

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *rest: Any, **named: Any) -> Any:
            if not isinstance(path, int) and os.fspath(path) in shut:
                raise PermissionError(13, "Permission denied")
            return function(path, *rest, **named)

        return call

    monkeypatch.setattr(os, "open", guarded(os.open))
    monkeypatch.setattr(os, "scandir", guarded(os.scandir))
    return shut


@pytest.mark.parametrize("file", ["", "config.json", "done.json", "scores-all.json", "losses.csv"])
def test_a_run_that_may_not_be_read_is_named_and_left_alone(
    store: Store, file: str, closed: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = rows_of(scores(results_dir=store.path), WHOLE)
    path = store.run(HARMED.id).path / file
    before = sorted((store.path / "runs").rglob("*"))
    closed.add(str(path))
    known = ledger(store)
    assert [(d.run, d.name, d.unreadable) for d in known.damaged] == [(HARMED.id, file, True)]
    assert known.run(HARMED) == "unreadable"
    assert rows_of(scores(results_dir=store.path), WHOLE) == whole
    assert commands.status(PLAN, store) == 0
    assert local.missing_work("run", PLAN, store, {"retry_failed": True}) == [FAILED]
    mend(RUNS, store)
    told = capsys.readouterr().err
    assert "1 run cannot be read: left alone" in told
    assert f"cannot read {path}: Permission denied; the run is left alone" in told
    assert close("score", PLAN, store, [], {}) == 1
    assert "Permission denied" in capsys.readouterr().out
    closed.clear()
    assert sorted((store.path / "runs").rglob("*")) == before


@pytest.mark.parametrize("name", ["X.bak", "0123456789ab", "caf\udce9 \x1b[31m"])
def test_a_folder_whose_name_is_not_its_records_id_is_no_run(
    store: Store, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = scores(results_dir=store.path)
    copy = store.path / "runs" / name
    copy.mkdir()
    for file in store.run(HARMED.id).path.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    for _ in range(2):
        pd.testing.assert_frame_equal(scores(results_dir=store.path), table)
    told = capsys.readouterr().err
    assert told.count(f"it is the run {HARMED.id}, not that of its folder") == 1
    assert "\x1b" not in told


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nothing"), lambda p: p.symlink_to(p.name)])
def test_what_is_no_folder_but_has_the_name_of_a_run_is_left_alone(
    store: Store, make: Harm, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store.path / "runs" / "0123456789ab"
    make(path)
    assert [(d.run, d.unreadable) for d in ledger(store).damaged] == [(path.name, True)]
    assert len(scores(results_dir=store.path)["run"].unique()) == 2
    assert f"cannot read {path}: " in capsys.readouterr().err


def test_files_beside_the_runs_and_backups_of_records_count_for_nothing(store: Store) -> None:
    table = scores(results_dir=store.path)
    (store.path / "runs" / "notes.txt").touch()
    (store.path / "runs" / "empty").mkdir()
    (store.run(HARMED.id).path / "scores-all.json.bak").write_text("mine")
    pd.testing.assert_frame_equal(scores(results_dir=store.path), table)
    assert not ledger(store).damaged


def seen(store: Store) -> dict[Path, tuple[int, int, int]]:
    """Everything in a store, with what changes when it is written or touched."""
    return {p: (s.st_mtime_ns, s.st_size, s.st_ino) for p in [store.path, *store.path.rglob("*")] if (s := p.lstat())}


def test_who_reads_changes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compact, "WORTHWHILE", 1)
    extend(PLAN, store)
    (store.run(HARMED.id).path / f".x.json.{files._machine()}-0123abcd").touch()  # of a killed writer
    store.run(HARMED.id).done.write_bytes(b"garbage")
    ledger(store)
    (copy,) = store.compact.iterdir()
    copy.write_bytes(b"PAR1 of another version")
    reader, before = Store(store.path), seen(store)
    commands.status(PLAN, reader)
    settings = {"retry_failed": False, "device": "cpu", "overrides": [], "given": {}, "checkpoint": None}
    settings |= {"launcher": {"name": "local"}}
    commands.dry_run("run", PLAN, reader, settings)
    list_questions()
    list_names("studies", {"model": [], "study": []}, reader)
    assert len(scores(results_dir=store.path)) == len(scores("tiny", results_dir=store.path))
    assert seen(store) == before
    told = capsys.readouterr().err.replace("\n", " ")
    assert told.count(f"{copy} cannot be read and is left out") == 1


def test_a_store_on_a_read_only_file_system_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, real = scores(results_dir=store.path), os.open

    def read_only(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(30, "Read-only file system")
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", read_only)
    assert commands.status(PLAN, Store(store.path)) == 0
    pd.testing.assert_frame_equal(scores(results_dir=store.path), whole)
    with pytest.raises(StoreError, match="Read-only file system"):
        Store(store.path, writable=True)


def test_weights_that_may_not_be_read_are_left_where_they_are(store: Store, closed: set[str]) -> None:
    folder = store.run(HARMED.id)
    folder.weights.touch()
    closed.add(str(folder.weights))
    with pytest.raises(LostWeightsError, match=r"weights\.safetensors: .*Permission denied; the run is left alone"):
        read_run(HARMED, [folder], cells(["mig"], replace(PROTOCOL, pool=100)))
    assert folder.state() == "done"
    assert folder.weights.exists()


@pytest.mark.parametrize("harm", ["no mean", "NaN", "another length", "text"])
def test_codes_that_are_damaged_count_as_none(tmp_path: Path, harm: str) -> None:
    index, mean = np.arange(5), np.ones((5, 2), np.float32)
    folder = RunFolder(tmp_path)
    Codes(mean, mean, index).save(folder)
    assert load_codes(folder, index) is not None
    if harm == "no mean":
        write_arrays(folder.codes(5), {"index": index})
    elif harm == "text":
        folder.codes(5).write_text("text")
    else:
        write_arrays(folder.codes(5), {"index": index, "mean": mean * np.nan if harm == "NaN" else mean[:3]})
    assert load_codes(folder, index) is None
