"""A metric may read another number of encoded images than the others, whose scores stay as they are."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.pool import Here
from bench.registry import UnknownNameError
from bench.scoring import device_codes
from bench.scoring.device_codes import Encoding, encode_runs
from bench.scoring.groups import group_cells
from bench.scoring.isolation import Scoring, score_all, score_cells
from bench.scoring.run_readers import of_group, of_run, read_run
from bench.scoring.runs import Cell, cell_records, cells
from bench.scoring.sensitivity import ways
from bench.scoring.subjects import OfRun
from bench.store.files import StoreError, read_json, write_arrays
from bench.store.folders import RunFolder, Store
from bench.store.shipped import conf_dir
from bench.study.plan import Plan
from bench.study.protocol import Protocol, protocol_of
from bench.study.record import extend, read
from bench.study.run import Frozen, Run, Schedule
from bench.training.train import new_learner
from bench.values import ConfigError

SCHEDULE = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)
RUNS = tuple(
    Run("beta_vae", 1, False, Frozen({"beta": 1.0}), "beta", None, 1.0, k, "dsprites", 1, SCHEDULE) for k in (0, 1)
)
PROTOCOL = Protocol("tiny", 300, 200, 150, 100, ("mean",), (), {})
WITH_MORE = dataclasses.replace(PROTOCOL, pool_of={"mig": 400})
METRICS = ["active_dims", "mig", "modularity"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two runs with weights, as if they were trained."""
    store = Store(tmp_path, writable=True)
    for run in RUNS:
        write_arrays(store.run(run.id).weights, new_learner([run]).state())
    return store


def values(store: Store, protocol: Protocol) -> dict[str, Any]:
    """Metric -> the values of the first run."""
    asked, records = cells(METRICS, protocol), cell_records(store.run(RUNS[0].id))
    return {cell.metric: records[cell.key]["values"] for cell in asked}


def score(store: Store, protocol: Protocol) -> None:
    assert score_cells(of_run(RUNS[0], cells(METRICS, protocol)), store.path, None) == "done"


def test_each_metric_reads_its_own_pool_and_the_scores_of_the_others_stay(store: Store) -> None:
    score(store, WITH_MORE)
    first, folder = values(store, WITH_MORE), store.run(RUNS[0].id)
    assert [size for size in (300, 400, 737_280) if folder.codes(size).exists()] == [300, 400]
    before, of_400 = cells(METRICS, PROTOCOL), cells(METRICS, dataclasses.replace(PROTOCOL, pool=400))
    assert [c.key for c in cells(METRICS, WITH_MORE)] == [before[0].key, of_400[1].key, before[2].key]
    score(store, PROTOCOL)
    again = values(store, PROTOCOL)
    assert {m for m in METRICS if first[m] == again[m]} == {"active_dims", "modularity"}


def test_groups_of_runs_are_compared_on_the_pool_of_the_metric(store: Store) -> None:
    protocol = dataclasses.replace(PROTOCOL, pool_of={"udr": 350})
    (cell,) = group_cells(["udr"], protocol, RUNS)
    assert (cell.pool, group_cells(["udr"], PROTOCOL, RUNS)[0].pool) == (350, 300)
    assert score_cells(of_group(RUNS, [cell]), store.path, None) == "done"
    assert all(cell_records(store.run(run.id))[cell.key]["rows"] == {"num_points": 350} for run in RUNS)


def test_codes_of_one_pool_that_cannot_be_read_leave_the_scores_of_the_other(store: Store) -> None:
    def read(folders: Sequence[RunFolder], of_one_pool: Sequence[Cell]) -> OfRun:
        if of_one_pool[0].pool == 300:
            raise ValueError("no codes")
        return read_run(RUNS[0], folders, of_one_pool)

    score_cells(Scoring((RUNS[0].id,), "one", tuple(cells(METRICS, WITH_MORE)), read), store.path, None)
    failed = {r["metric"]: r.get("failed") for r in cell_records(store.run(RUNS[0].id)).values()}
    assert failed == {"active_dims": "ValueError: no codes", "mig": None, "modularity": "ValueError: no codes"}


def test_scores_of_one_pool_are_kept_where_the_store_fails_at_the_other(store: Store) -> None:
    def read(folders: Sequence[RunFolder], of_one_pool: Sequence[Cell]) -> OfRun:
        if of_one_pool[0].pool == 400:
            raise StoreError("the disk is full")
        return read_run(RUNS[0], folders, of_one_pool)

    with pytest.raises(StoreError, match="the disk is full"):
        score_cells(Scoring((RUNS[0].id,), "one", tuple(cells(METRICS, WITH_MORE)), read), store.path, None)
    assert {r["metric"] for r in cell_records(store.run(RUNS[0].id)).values()} == {"active_dims", "modularity"}


def test_a_device_encodes_each_pool(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(device_codes, "tell", told.append)
    encode_runs(Encoding(((RUNS[0], 300), (RUNS[1], 300), (RUNS[0], 400)), "cpu"), store.path)
    assert told == [(RUNS[0].id, 300), (RUNS[1].id, 300), (RUNS[0].id, 400)]
    assert [store.run(run.id).codes(400).exists() for run in RUNS] == [True, False]


@pytest.mark.long
def test_a_run_waits_for_all_of_its_pools_on_a_device(store: Store) -> None:
    scorings, notes = [of_run(run, cells(METRICS, WITH_MORE)) for run in RUNS], []
    encoding = Encoding(((RUNS[0], 300), (RUNS[1], 300), (RUNS[0], 400), (RUNS[1], 400)), "cpu")
    score_all(scorings, store, Here(), None, lambda count, note: notes.append(note), encoding)
    begun = next(k for k, note in enumerate(notes) if note.startswith(str(RUNS[0])))
    assert sum(note.startswith("encoding 2 runs") for note in notes[:begun]) == 2
    assert set(values(store, WITH_MORE)) == set(METRICS)


def test_other_ways_of_evaluating_are_of_the_metrics_that_read_the_pool_of_the_study() -> None:
    plan = Plan("mine", "Mine", RUNS, tuple(METRICS), WITH_MORE)
    assert {way.cell.metric for way in ways(plan)} == {"modularity"}


@pytest.mark.parametrize(
    ("pools", "error", "words"),
    [
        ({"fairnes": None}, UnknownNameError, "fairness"),
        ({"mig": -5}, ConfigError, r"scoring\.pool_of\.mig must be a whole number from 1, got -5"),
        ({"mig": "all"}, ConfigError, r"scoring\.pool_of\.mig must be a whole number"),
        (["mig"], ConfigError, r"scoring\.pool_of must be names with values"),
    ],
)
def test_pools_of_metrics_are_checked(pools: Any, error: type[Exception], words: str) -> None:
    entry = yaml.safe_load((conf_dir() / "scoring" / "quick.yaml").read_text())
    assert protocol_of(entry | {"pool_of": {"mig": 1e3}}).images("mig") == 1000
    with pytest.raises(error, match=words):
        protocol_of(entry | {"pool_of": pools})


def test_records_of_studies_are_read_by_earlier_versions_and_theirs_here(tmp_path: Path) -> None:
    entry = yaml.safe_load((conf_dir() / "scoring" / "quick.yaml").read_text())
    older = {key: value for key, value in entry.items() if key != "pool_of"}
    assert protocol_of(older) == protocol_of(entry)
    store = Store(tmp_path, writable=True)
    for name, protocol in (("mine", PROTOCOL), ("more", WITH_MORE)):
        extend(Plan(name, name, RUNS, tuple(METRICS), protocol, SCHEDULE), store)
        assert read(store, name) == Plan(name, name, RUNS, tuple(METRICS), protocol, SCHEDULE)
        assert ("pool_of" in read_json(store.study_plan(name))["protocol"]) == bool(protocol.pool_of)
