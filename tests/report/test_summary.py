"""The summary counts what the table and the store have: trained here, known from a table, failed, missing."""

from pathlib import Path

import pandas as pd

from bench.report.summary import run_counts, training_seconds, write_summary
from bench.store.files import write_json
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Frozen, Run, Schedule

SCHEDULE = Schedule(6, 8, 1e-3, 32, "small", 4, 1, "tiny", 10, 3)
RUNS = tuple(
    Run("beta_vae", 1, False, Frozen({"beta": 1.0}), "beta", 0, 1.0, seed, "dsprites", 1, SCHEDULE) for seed in range(4)
)
PLAN = Plan("few", "Few runs", RUNS, (), Protocol("quick", None, None, None, None, ("mean",), (), {}))


def scored(runs: tuple[Run, ...]) -> pd.DataFrame:
    """Two scores of each run, which trained for half a minute."""
    shared = {"model": "beta_vae", "hyperparameter": "beta", "value": 1.0, "dataset": "dsprites"}
    shared |= {"representation": "mean", "metric": "mig", "schedule": "quick: 300 steps, 32x32 px"}
    rows = [
        shared | {"run": r.id, "seed": r.seed, "name": n, "factor": None, "score": 0.5, "num_train": 9, "num_test": 0,
                  "train_seconds": 30.0}
        for r in runs for n in ("mig", "other")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=[*shared, "run", "seed", "name", "factor", "score", "num_train", "num_test",
                                       "train_seconds"])  # fmt: skip


def test_runs_known_from_a_table_are_not_missing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert run_counts(scored(RUNS), PLAN, store) == "4 runs: 4 from a table; 4 scored"
    assert run_counts(scored(()), PLAN, store) == "4 runs: 4 missing; 0 scored"
    write_json(store.run(RUNS[0].id).done, {})
    write_json(store.run(RUNS[1].id).failed, {})
    assert (
        run_counts(scored((RUNS[0], RUNS[2])), PLAN, store)
        == "4 runs: 1 trained here, 1 from a table, 1 failed, 1 missing; 2 scored"
    )


def test_training_time_is_that_of_the_scored_runs_and_not_told_of_where_there_is_none(tmp_path: Path) -> None:
    assert training_seconds(scored(RUNS)) == 120
    page = write_summary(scored(RUNS), PLAN, Store(tmp_path), "scores of 4 runs from the table elsewhere")
    text = page.read_text()
    assert "4 runs: 4 from a table; 4 scored. 2.0 minutes of training in all." in text
    assert "Scores of 4 runs from the table elsewhere." in text
    assert "minutes of training" not in write_summary(scored(()), PLAN, Store(tmp_path)).read_text()
