"""What choosing without factors costs is the best run's score less that of the run that is chosen."""

import numpy as np
import pandas as pd
import pytest

from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.scores.regret import ANY, regret

MIG = np.array([0.3, 0.1, 0.2, 0.35, 0.25, 0.5, 0.4, 0.45, 0.6, 0.55])


def scores(seeds: int = 5, model: str = "ada_gvae", **columns: np.ndarray) -> pd.DataFrame:
    """Runs of two settings, whose training ELBO ranks as MIG and whose reconstruction is best where MIG is worst."""
    kept = np.r_[0:seeds, 5 : 5 + seeds]
    index = pd.MultiIndex.from_tuples(
        [("dsprites", model, float(k // 5), k % 5, f"run{k}") for k in kept],
        names=["dataset", "model", "value", "seed", "run"],
    )
    made = {"mig": MIG, "training_elbo": MIG - 100, "training_reconstruction": MIG} | columns
    return pd.DataFrame({name: column[kept] for name, column in made.items()}, index=index)


def found(table: pd.DataFrame) -> pd.DataFrame:
    return regret(table, ["mig"], np.random.default_rng(0)).set_index("by")


def test_a_criterion_that_ranks_as_the_metric_has_none_and_its_opposite_has_all() -> None:
    lines = found(scores())
    assert lines.loc["training_elbo", ["regret", "low", "high"]].tolist() == [0, 0, 0]
    assert lines.loc["training_elbo", "run"] == "run8"
    assert lines.loc["training_reconstruction", "regret"] == pytest.approx(0.6 - 0.1)
    assert lines.loc["training_reconstruction", "run"] == "run1"
    assert lines.loc[ANY, "regret"] == pytest.approx(0.6 - MIG.mean())
    assert lines["best"].eq(0.6).all()
    assert (lines["low"] <= lines["regret"]).all()
    assert (lines["high"] >= lines["regret"]).all()
    assert (lines["low"] >= 0).all()


def test_each_model_is_measured_against_its_own_best_run() -> None:
    other = scores(model="slow_vae", mig=MIG / 2)
    lines = regret(pd.concat([scores(), other]), ["mig"], np.random.default_rng(0)).set_index(["model", "by"])
    assert lines.loc[("slow_vae", "training_reconstruction"), "regret"] == pytest.approx(0.25)
    assert lines.loc[("ada_gvae", "training_reconstruction"), "regret"] == pytest.approx(0.5)


def test_there_is_no_interval_below_five_seeds() -> None:
    lines = found(scores(seeds=4))
    assert lines["seeds"].eq(4).all()
    assert lines[["low", "high"]].isna().all(axis=None)
    assert lines["regret"].notna().all()


def test_a_score_that_a_model_lacks_is_no_criterion_of_it_and_its_runs_count() -> None:
    lines = found(scores(elbo=np.full(10, np.nan), udr_lasso=-MIG))
    assert list(lines.index) == ["training_reconstruction", "training_elbo", "udr_lasso", ANY]
    assert lines["runs"].eq(10).all()


def test_too_few_runs_are_named() -> None:
    with pytest.raises(TooFewRunsError, match="ada_gvae has 4"):
        found(scores(seeds=2))
    with pytest.raises(TooFewRunsError, match="score without factors"):
        found(scores()[["mig"]])
