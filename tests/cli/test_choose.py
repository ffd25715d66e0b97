"""Runs are chosen without factors; what that costs stands beside them where factors are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.cli import choose
from bench.report import choice
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Frozen, Run, Schedule
from bench.testing.synthetic import SCORES, SyntheticScore, synthetic_table

PROTOCOL = Protocol("quick", None, None, None, None, ("mean",), (), {})
SCHEDULE = Schedule(6, 8, 1e-3, 32, "small", 4, 1, "tiny", 10, 3)
RUN = Run("beta_vae", 1, False, Frozen({"beta": 1.0}), "beta", 0, 1.0, 0, "dsprites", 1, SCHEDULE)
WITHOUT_FACTORS = {name: SCORES[name] for name in ("reconstruction", "kl", "elbo", "gaussian_total_correlation")}

WITH_FACTORS = WITHOUT_FACTORS | {name: SCORES[name] for name in ("mig", "sap")}


def table(seeds: int = 5, **options: object) -> pd.DataFrame:
    made = {"models": ("beta_vae",), "strengths": 2, "seeds": seeds, "scores": WITH_FACTORS} | options
    return synthetic_table(np.random.default_rng(0), **made)  # type: ignore[arg-type]


def chosen(
    scores: pd.DataFrame, folder: Path, monkeypatch: pytest.MonkeyPatch, metric: str = "mig", runs: tuple[Run, ...] = ()
) -> int:
    """The exit code of the stage, of a study with these scores."""
    monkeypatch.setattr(choose, "plan_scores", lambda *_: (scores, ""))
    return choose.choose(Plan("q", "Q", runs, (), PROTOCOL), Store(folder), metric)


def test_the_run_that_a_criterion_takes_is_printed_and_written_with_its_regret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scores, folder = table(), tmp_path / "studies" / "q" / "choice"
    of_model = scores[scores["name"].eq("elbo") & scores["model"].eq("beta_vae")]
    best = of_model.loc[of_model["score"].idxmax()]
    (tmp_path / "runs" / best["run"]).mkdir(parents=True)
    assert chosen(scores, tmp_path, monkeypatch) == 0
    picks = pd.read_csv(folder / "choice.csv", dtype={"run": str}).set_index(["model", "by"])
    taken = picks.loc[("beta_vae", "elbo")]
    assert taken[["run", "criterion", "value", "seed"]].tolist() == [*best[["run", "score", "value", "seed"]]]
    assert taken["path"] == str(tmp_path / "runs" / best["run"])
    assert picks["path"].notna().sum() == picks["run"].eq(best["run"]).sum()  # others come from a table
    regret = pd.read_csv(folder / "regret_dsprites.csv", dtype={"run": str}).set_index(["model", "by", "metric"])
    cell = regret.loc[("beta_vae", "elbo", "mig")]
    written = f"{cell['regret']:.2f} [{cell['low']:.2f}, {cell['high']:.2f}]"
    out, err = capsys.readouterr()
    (line,) = [line for line in out.splitlines() if written in line and "highest ELBO" in line]
    assert f"beta {best['value']:g}" in line
    assert "regret: MIG" in out
    assert str(folder / "regret_dsprites.png") in err
    page = (folder / "choice.md").read_text(encoding="utf-8")
    assert written.replace("[", "\\[").replace("]", "\\]") in page
    assert "regret: SAP" in page


def test_without_factors_criteria_choose_alone_and_an_old_figure_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen(table(), tmp_path, monkeypatch)
    figure = tmp_path / "studies" / "q" / "choice" / "regret_dsprites.png"
    assert figure.exists()
    capsys.readouterr()
    assert chosen(table(scores=WITHOUT_FACTORS), tmp_path, monkeypatch) == 0
    out = capsys.readouterr().out
    assert "regret" not in out
    assert all(words in out for words in ("lowest reconstruction", "highest ELBO", "lowest TC (sampled)"))
    assert not figure.exists()


def test_a_regret_of_another_metric_is_printed_where_that_asked_for_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(choose, "write_choice", lambda *_: [])
    assert chosen(table(), tmp_path, monkeypatch, metric="sap") == 0
    assert "regret: SAP" in capsys.readouterr().out
    assert chosen(table(), tmp_path, monkeypatch, metric="dcimig") == 0
    out, err = capsys.readouterr()
    assert "regret: MIG" in out
    assert "there is no regret by dcimig: rank_by=mig|sap chooses which is printed" in err


def test_dead_runs_are_named_and_not_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = table(scores=WITHOUT_FACTORS | {"active_dims": SyntheticScore("active_dims", 0.0, 1, 2)})
    lowest = scores.loc[scores[scores["name"].eq("kl")]["score"].idxmin()]
    dead = scores["name"].eq("active_dims") & scores["run"].eq(lowest["run"])
    assert chosen(scores.assign(score=scores["score"].mask(dead, 0.0)), tmp_path, monkeypatch) == 0
    picks = pd.read_csv(tmp_path / "studies" / "q" / "choice" / "choice.csv", dtype={"run": str})
    assert lowest["run"] not in set(picks["run"])
    said = capsys.readouterr().err
    assert "1 run is dead (no active dimension)" in said
    assert f"seed {lowest['seed']}; none is chosen" in said
    every = scores.assign(score=scores["score"].mask(scores["name"].eq("active_dims"), 0.0))
    assert chosen(every, tmp_path, monkeypatch) == 1
    assert "nothing is chosen on dsprites: every run is dead" in capsys.readouterr().err


def test_criteria_that_one_seed_cannot_have_are_told_apart_from_those_not_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = table(seeds=1, scores={"elbo": SCORES["elbo"]})
    assert chosen(scores, tmp_path, monkeypatch, runs=(RUN,)) == 0
    said = capsys.readouterr().err
    assert "UDR (Lasso) and UDR (Spearman) and ModelCentrality compare runs that differ in their seed alone" in said
    assert f"and there is one seed: `python -m bench run study=q seed=0..4 results_dir={tmp_path}` adds more" in said
    assert chosen(scores, tmp_path, monkeypatch, runs=(RUN, replace(RUN, seed=1))) == 0
    said = capsys.readouterr().err
    assert f"`python -m bench score study=q metric=[udr,model_centrality] results_dir={tmp_path}` computes them" in said


def test_a_study_without_criteria_is_told_what_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chosen(table(scores={"mig": SCORES["mig"]}, sampled={}), tmp_path, monkeypatch) == 1
    said = capsys.readouterr().err
    assert "nothing is chosen on dsprites: none of 10 runs has a score that needs no factors" in said
    assert "score them with metric=[elbo,unsupervised,udr,model_centrality]" in said
    assert chosen(table().iloc[:0], tmp_path, monkeypatch) == 1
    assert f"no run of study q is scored: python -m bench run study=q results_dir={tmp_path}" in capsys.readouterr().err
    assert not (tmp_path / "studies").exists()


def test_a_figure_says_which_seeds_a_model_that_lost_some_has_left() -> None:
    regrets = pd.DataFrame({"model": ["annealed_vae", "beta_vae"] * 2, "runs": [30, 60] * 2, "seeds": [3, 10] * 2})
    assert choice._standing(regrets) == "90 runs, 3 to 10 seeds a setting by model: no interval below 5"
    assert choice._standing(regrets[regrets["seeds"] == 3]) == "30 runs, 3 seeds a setting: too few to be sure"


def test_a_data_set_on_which_nothing_is_chosen_is_told_beside_those_where_something_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = table(scores=WITHOUT_FACTORS, datasets=("dsprites", "mnist"))
    of_mnist = both["dataset"].eq("mnist")
    lacking = both.assign(name=both["name"].astype(str).mask(of_mnist, "kl_dim_0"))
    assert chosen(lacking.drop_duplicates(["run", "name"]), tmp_path, monkeypatch) == 0
    assert "nothing is chosen on mnist: none of 10 runs has a score that needs no factors" in capsys.readouterr().err


def test_picks_surely_better_and_worse_than_any_run_are_counted() -> None:
    ends = {choice.ANY: (0.3, 0.5), "elbo": (0.1, 0.2), "kl": (0.6, 0.7), "udr": (0.2, 0.4), "mcc": (np.nan, np.nan)}
    regrets = pd.DataFrame(ends.values(), columns=["low", "high"]).assign(by=list(ends), model="beta_vae", metric="mig")
    (sentence,) = choice.sure_picks(regrets)
    assert sentence.startswith("Of 3 picks with an interval, each by one metric, 1 are surely better")
    assert "1 surely worse" in sentence
    assert not list(choice.sure_picks(regrets.assign(low=np.nan)))
