"""Floors: what metrics say of codes that hold nothing, computed once under a protocol on a data set's factors."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.metrics.active_dims import active_dims
from bench.metrics.irs import irs
from bench.pool import Here
from bench.scoring.floor_codes import KINDS, floor_codes
from bench.scoring.floors import floors_of, identity, make_floors
from bench.scoring.runs import cell_records
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Frozen, Run, Schedule

SCHEDULE = Schedule(6, 8, 1e-3, 32, "small", 4, 1, "tiny", 10, 3)
PROTOCOL = Protocol("tiny", 300, 200, 150, 100, ("mean", "sampled"), (), {"mig": {"num_bins": 5}})


def planned(*metrics: str, protocol: Protocol = PROTOCOL, dataset: str = "dsprites") -> Plan:
    run = Run("beta_vae", 1, False, Frozen({"beta": 1.0}), "beta", 0, 1.0, 0, dataset, 1, SCHEDULE)
    return Plan("few", "Few runs", (run,), metrics, protocol)


@pytest.fixture
def made(tmp_path: Path, grid: Any, in_process: Here) -> tuple[Plan, Store]:
    plan, store = planned("mig", "irs", "irs_active", "active_dims"), Store(tmp_path, writable=True)
    make_floors(plan, store, in_process)
    return plan, store


@pytest.mark.parametrize("kind", KINDS)
def test_codes_that_hold_nothing_are_the_same_each_time(kind: str) -> None:
    codes = floor_codes(kind, 2000)
    assert codes.shape == (2000, 10)
    np.testing.assert_array_equal(codes, floor_codes(kind, 2000))
    assert active_dims(codes)["active_dims"] == {"gaussian": 10, "t3": 10, "constant": 0, "collapsed": 0}[kind]


def test_heavy_tails_raise_the_irs() -> None:
    factors = np.random.default_rng(0).integers(0, 4, (2000, 2))
    assert irs(floor_codes("t3", 2000), factors)["irs"] > 0.6 > irs(floor_codes("gaussian", 2000), factors)["irs"]


def test_every_metric_has_a_floor_for_each_kind_of_code(made: tuple[Plan, Store]) -> None:
    found = floors_of(*made)["dsprites"]
    assert found.reasons == {}
    assert found.values.keys() == KINDS.keys()
    assert all(of.keys() == {"mig", "irs", "irs_active", "active_dims"} for of in found.values.values())
    assert found.values["constant"]["mig"] == 0
    assert found.values["collapsed"]["irs_active"] == 0 < found.values["collapsed"]["irs"]


def test_what_is_computed_is_not_computed_again_and_another_protocol_is(
    made: tuple[Plan, Store], in_process: Here, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, store = made
    make_floors(plan, store, in_process)
    assert "floors: nothing is missing" in capsys.readouterr().err
    other = dataclasses.replace(plan, protocol=dataclasses.replace(PROTOCOL, options={}))
    assert "not computed: python -m bench floors" in floors_of(other, store)["dsprites"].reasons["mig"]
    assert "mig" not in floors_of(other, store)["dsprites"].values["gaussian"]
    make_floors(other, store, in_process)
    before, after = (floors_of(p, store)["dsprites"].values["gaussian"] for p in (plan, other))
    assert before["mig"] != after["mig"]
    assert before["irs"] == after["irs"]


def test_floors_are_of_codes_as_wide_as_the_schedule_makes_them(made: tuple[Plan, Store], in_process: Here) -> None:
    plan, store = made
    assert floors_of(plan, store)["dsprites"].dims == 10
    wide = dataclasses.replace(plan, schedule=dataclasses.replace(SCHEDULE, latent_dim=64))
    assert "not computed" in floors_of(wide, store)["dsprites"].reasons["active_dims"]
    make_floors(wide, store, in_process)
    floors = floors_of(wide, store)["dsprites"]
    assert (floors.dims, floors.values["gaussian"]["active_dims"]) == (64, 64)
    assert floors_of(plan, store)["dsprites"].values["gaussian"]["active_dims"] == 10


def test_floors_are_the_same_in_every_store(made: tuple[Plan, Store], in_process: Here, tmp_path: Path) -> None:
    plan, store = made
    again = Store(tmp_path / "again", writable=True)
    make_floors(plan, again, in_process)
    assert floors_of(plan, again) == floors_of(plan, store)


def test_a_metric_without_a_floor_is_told_with_the_reason(made: tuple[Plan, Store]) -> None:
    plan, store = made
    more = dataclasses.replace(plan, metrics=(*plan.metrics, "clusterability", "elbo", "udr"))
    without = floors_of(more, store)["dsprites"].reasons
    assert "not computed" in without["clusterability"]
    assert "needs a trained model" in without["elbo"]
    assert "codes of runs that differ in their seed" in without["udr"]


def test_a_data_set_that_is_not_there_is_named_and_the_rest_goes_on(
    tmp_path: Path, in_process: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.data.state", lambda name: "to be fetched")
    make_floors(planned("mig", dataset="cars3d"), Store(tmp_path, writable=True), in_process)
    assert "floors: cars3d is to be fetched: `python -m bench data dataset=cars3d`" in capsys.readouterr().err


def test_factors_from_elsewhere_have_no_floor(tmp_path: Path) -> None:
    assert floors_of(planned("mig", dataset="custom"), Store(tmp_path)) == {}
    assert not (tmp_path / "floors").exists()


def test_a_floor_is_kept_under_what_it_is_the_floor_of(made: tuple[Plan, Store]) -> None:
    _, store = made
    kept = Store(store.path / "floors")
    assert set(kept.listings()) == {identity(kind, "dsprites") for kind in KINDS}
    assert len({identity(kind, d) for kind in KINDS for d in ("dsprites", "cars3d")}) == 8
    assert len(cell_records(kept.run(identity("t3", "dsprites")))) == 4
