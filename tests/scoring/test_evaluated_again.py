"""Stored codes evaluated again: each way differs from the protocol in one choice, and is computed once."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.scoring.codes import Codes, pool
from bench.scoring.sensitivity import evaluate_again, scores_again, ways, with_codes
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Frozen, Run, Schedule

SCHEDULE = Schedule(6, 8, 1e-3, 32, "small", 4, 1, "tiny", 10, 3)
PROTOCOL = Protocol("tiny", 300, 200, 150, 100, ("mean", "sampled"), (), {"factor_vae_score": {"num_train": 100}})
METRICS = ("mig", "factor_vae_score", "downstream")
RUNS = tuple(
    Run("beta_vae", 1, False, Frozen({"beta": 1.0}), "beta", 0, 1.0, seed, "dsprites", 1, SCHEDULE) for seed in (0, 1)
)
PLAN = Plan("few", "Few runs", RUNS, METRICS, PROTOCOL)


@pytest.fixture
def store(tmp_path: Path, grid: Any) -> Store:
    """A store with the codes of one of two runs."""
    index = pool(grid, 300)
    factors = grid.factors(index).astype(np.float32)
    Codes(factors, np.full_like(factors, -2), index).save(Store(tmp_path, writable=True).run(RUNS[0].id))
    return Store(tmp_path)


def test_each_way_differs_from_the_protocol_in_one_choice() -> None:
    found = {(w.choice, w.level): w for w in ways(PLAN) if w.cell.metric == "mig"}
    base = found["", "protocol"].cell
    assert found["bins", "40 bins"].cell == dataclasses.replace(base, options={"num_bins": 40})
    assert found["rows", "25% of the rows"].cell == dataclasses.replace(base, sizes={"num_points": 50})
    assert found["codes", "sampled codes"].cell == dataclasses.replace(base, representation="sampled")
    assert [w.evaluation for w in ways(PLAN) if w.choice == "evaluation seed" and w.cell == base] == [1, 2]


def test_a_metric_that_draws_its_own_rows_draws_fewer() -> None:
    found = {w.level: w.cell.options for w in ways(PLAN) if w.cell.metric == "factor_vae_score"}
    assert found["50% of the rows"] == {"num_train": 50, "num_test": 2500, "num_variance": 5000}
    assert not any("bins" in level for level in found)


def test_a_metric_without_a_headline_is_left_out() -> None:
    assert {way.cell.metric for way in ways(PLAN)} == {"mig", "factor_vae_score"}


def test_stored_codes_alone_are_evaluated_and_only_once(store: Store, in_process: Any) -> None:
    assert with_codes(PLAN, store) == [RUNS[0]]
    plan = dataclasses.replace(PLAN, metrics=("mig",))
    evaluate_again(plan, store, in_process)
    assert in_process.tasks == 3
    evaluate_again(plan, store, in_process)
    assert in_process.tasks == 3
    found = scores_again(plan, store).set_index(["choice", "level"])["score"]
    assert set(found.index.get_level_values("choice")) == {"", "evaluation seed", "bins", "rows", "codes"}
    assert found["codes", "sampled codes"] < found["", "protocol"]
    assert found["rows", "25% of the rows"] != found["", "protocol"]


def test_a_study_without_stored_codes_has_no_scores(store: Store) -> None:
    assert scores_again(dataclasses.replace(PLAN, runs=RUNS[1:]), store).empty
