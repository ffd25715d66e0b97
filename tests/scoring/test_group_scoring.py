"""UDR of a study's runs, from the codes that scoring left behind."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bench.data import load_data
from bench.metrics.groups.udr import udr
from bench.scoring import codes as coding
from bench.scoring import groups
from bench.scoring.groups import udr_scores
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Run, Schedule
from bench.table.stored import COLUMNS

POOL = 300
SCHEDULE = Schedule(10, 8, 1e-3, 32, "small", 3, 1, "test", 10, 10)
RUN = Run("beta_vae", 1, False, {"beta": 1.0}, "beta", 0, 1.0, 0, "mnist", 1, SCHEDULE)
OTHER = {"hyper": {"beta": 4.0}, "strength": 2, "value": 4.0}
RUNS = [dataclasses.replace(RUN, seed=s, **setting) for setting in ({}, OTHER) for s in range(3)]  # type: ignore[arg-type]
RNG = np.random.default_rng(0)
MEANS = RNG.normal(size=(6, POOL, 3)).astype(np.float32)
MEANS[1] = MEANS[0][:, ::-1]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two settings of three seeds each, whose codes are stored."""
    store, index = Store(tmp_path), coding.pool(load_data("mnist"), POOL)
    for run, mean in zip(RUNS, MEANS, strict=True):
        coding.Codes(mean, np.full_like(mean, -3), index).save(store.run(run.id))
    return store


def plan(*runs: Run) -> Plan:
    return Plan("tiny", "Tiny", runs, (), Protocol("p", POOL, None, None, None, ("mean",), (), {}))


def test_a_run_is_compared_with_the_other_seeds_of_its_setting(store: Store) -> None:
    table = udr_scores(plan(*RUNS), store)
    assert list(table.columns) == list(COLUMNS)
    assert set(table["name"]) == {"udr_lasso", "udr_spearman"}
    for setting in (slice(0, 3), slice(3, 6)):
        expected = udr(list(MEANS[setting]), np.ones((3, 3)))
        for name, values in expected.items():
            rows = table[table["name"] == name].set_index("run")["score"]
            np.testing.assert_allclose(rows[[r.id for r in RUNS[setting]]], values)


def test_images_are_the_same_ones_for_every_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "POINTS", 200)
    table = udr_scores(plan(*RUNS), store)
    assert set(table["num_train"]) == {200}
    swapped = table[(table["name"] == "udr_spearman") & (table["value"] == 1)].sort_values("seed")["score"].to_list()
    assert swapped[0] == pytest.approx(swapped[1])


def test_runs_without_codes_without_log_variance_or_alone_have_none(store: Store) -> None:
    store.run(RUNS[2].id).codes(POOL).unlink()
    assert set(udr_scores(plan(*RUNS[:3]), store)["seed"]) == {0, 1}
    coding.Codes(MEANS[1], None, coding.pool(load_data("mnist"), POOL)).save(store.run(RUNS[1].id))
    assert udr_scores(plan(*RUNS[:3]), store).empty


def test_a_log_variance_that_overflows_is_an_active_dimension(store: Store) -> None:
    huge = np.full_like(MEANS[0], 1e4)
    coding.Codes(MEANS[0], huge, coding.pool(load_data("mnist"), POOL)).save(store.run(RUNS[0].id))
    assert udr_scores(plan(*RUNS), store)["score"].between(0, 1).all()
