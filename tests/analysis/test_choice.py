"""What choosing without factors costs is the best run's score less that of the run that is chosen."""

import numpy as np
import pandas as pd
import pytest

from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.scores.choice import ANY, Choice, choose

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


def choice(table: pd.DataFrame, *metrics: str) -> Choice:
    return choose(table, metrics, np.random.default_rng(0))


def regrets(table: pd.DataFrame) -> pd.DataFrame:
    return choice(table, "mig").regrets.set_index("by")


def test_a_criterion_that_ranks_as_the_metric_has_none_and_its_opposite_has_all() -> None:
    lines = regrets(scores())
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
    lines = choice(pd.concat([scores(), other]), "mig").regrets.set_index(["model", "by"])
    assert lines.loc[("slow_vae", "training_reconstruction"), "regret"] == pytest.approx(0.25)
    assert lines.loc[("ada_gvae", "training_reconstruction"), "regret"] == pytest.approx(0.5)


def test_there_is_no_interval_below_five_seeds() -> None:
    lines = regrets(scores(seeds=4))
    assert lines["seeds"].eq(4).all()
    assert lines[["low", "high"]].isna().all(axis=None)
    assert lines["regret"].notna().all()


def test_a_score_that_a_model_lacks_is_no_criterion_of_it_and_its_runs_count() -> None:
    lines = regrets(scores(elbo=np.full(10, np.nan), udr_lasso=-MIG))
    assert list(lines.index) == ["training_reconstruction", "training_elbo", "udr_lasso", ANY]
    assert lines["runs"].eq(10).all()


def test_without_metrics_criteria_choose_the_same_runs() -> None:
    with_metrics, without = choice(scores(), "mig"), choice(scores().drop(columns="mig"))
    pd.testing.assert_frame_equal(with_metrics.picks, without.picks)
    assert without.regrets.empty
    picks = without.picks.set_index("by")
    assert picks.loc["training_elbo", ["run", "value", "seed", "criterion"]].tolist() == ["run8", 1.0, 3, -99.4]
    assert without.reasons == {}


def test_the_runs_chosen_are_those_whose_regret_is_told() -> None:
    both = choice(scores(udr_lasso=np.r_[np.nan, MIG[1:]]), "mig")
    picks = both.picks.set_index("by")
    assert both.regrets.set_index("by")["run"].drop(ANY).equals(picks["run"])
    assert picks["runs"].eq(9).all()
    assert picks["incomplete"].eq(1).all()


def test_too_few_runs_for_a_regret_are_chosen_from_and_named() -> None:
    few = choice(scores(seeds=2), "mig")
    assert few.picks.set_index("by")["run"].to_dict() == {"training_reconstruction": "run1", "training_elbo": "run5"}
    assert few.regrets.empty
    assert few.reasons == {"ada_gvae": "4 runs, 6 are needed"}


def test_a_model_without_the_metrics_of_others_is_chosen_from_without_a_regret() -> None:
    unlabelled = scores(model="slow_vae", mig=np.full(10, np.nan))
    mixed = choice(pd.concat([scores(), unlabelled]), "mig")
    assert set(mixed.picks["model"]) == {"ada_gvae", "slow_vae"}
    assert set(mixed.regrets["model"]) == {"ada_gvae"}
    assert mixed.reasons == {"slow_vae": "its runs have no such score"}


def test_runs_without_a_criterion_are_counted() -> None:
    with pytest.raises(TooFewRunsError, match="none of 10 runs has a score that needs no factors"):
        choice(scores()[["mig"]], "mig")
    with pytest.raises(TooFewRunsError, match="ada_gvae: none of its 10 runs has every score"):
        choice(scores(udr_lasso=np.r_[MIG[:1], [np.nan] * 9], elbo=np.r_[np.nan, MIG[1:]]))
