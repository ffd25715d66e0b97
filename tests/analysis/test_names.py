"""Models, data sets and scores are written as they are declared, whatever their names are."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
import yaml

from bench import data, registry
from bench.analysis import names
from bench.metrics.base import Score
from bench.store import shipped
from bench.store.files import StoreError
from bench.study.learner import swept
from bench.study.run import Run, Schedule


def test_every_model_and_data_set_of_the_suite_has_a_title() -> None:
    for file in (shipped.conf_dir() / "model").glob("*.yaml"):
        assert names.model_title(file.stem) == yaml.safe_load(file.read_text(encoding="utf-8"))["title"]
    for name in data.names():
        assert names.dataset_title(name) == data.card(name).title


@pytest.mark.parametrize("name", ["mine", "../beta_vae", "beta_vae.yaml", "a/b", "", "<b>"])
def test_what_the_suite_does_not_know_is_written_by_its_name(name: str) -> None:
    assert names.model_title(name) == name
    assert names.dataset_title(name) == name
    assert swept(name) is None


def test_the_title_of_a_model_is_not_part_of_its_identity() -> None:
    schedule = Schedule(6, 8, 1e-3, 32, "small", 4, 1, "tiny", 10, 3)
    run = Run("beta_vae", 1, False, {"beta": 1.0}, "beta", 0, 1.0, 0, "dsprites", 1, schedule)
    assert "title" not in str(run.config())
    assert names.setting_of(run) == "β-VAE, beta 1"
    assert names.setting_of(dataclasses.replace(run, model="mine", value=None)) == "mine"


def test_a_broken_file_of_a_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.setattr(shipped, "conf_dirs", lambda: (tmp_path,))
    for stem, text in (("torn_model", "title: [\n"), ("empty_model", "")):
        (tmp_path / "model" / f"{stem}.yaml").write_text(text)
        with pytest.raises(StoreError, match=f"{stem}.yaml"):
            names.model_title(stem)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("beta_vae_test", "BetaVAE score"),
        ("lr_100", "LR 100"),
        ("gbt_10000", "GBT 10,000"),
        ("lr_efficiency", "Efficiency (LR)"),
        ("xgb_100", "XGBoost 100"),
        ("xgb_efficiency", "Efficiency (XGBoost)"),
        ("gaussian_total_correlation_sampled", "TC (sampled)"),
        ("elbo", "ELBO"),
        ("a_score_of_mine", "a score of mine"),
    ],
)
def test_a_score_is_written_as_it_is_declared(name: str, written: str) -> None:
    assert names.title(name) == written


def test_a_metric_that_cannot_be_imported_takes_no_title_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    load = registry.load

    def broken(kind: str, name: str) -> object:
        if name == "sap":
            raise registry.PluginError("sap cannot be imported")
        return load(kind, name)

    names._declared_scores.cache_clear()
    monkeypatch.setattr(registry, "load", broken)
    try:
        assert (names.title("sap"), names.title("mig")) == ("sap", "MIG")
    finally:
        names._declared_scores.cache_clear()


def test_scores_that_need_no_factors_say_which_way_is_better() -> None:
    assert {n: names.directed_title(n)[-1] for n in names.UNSUPERVISED} == {
        "reconstruction": "↓", "kl": "↓", "elbo": "↑", names.TC_SAMPLED: "↓", "udr_lasso": "↑", "udr_spearman": "↑",
        "model_centrality": "↑",
    }  # fmt: skip


def test_a_title_makes_no_other_score() -> None:
    assert Score(0, 1, title="MIG") == Score(0, 1)


def test_runs_of_another_sampling_are_models_of_their_own_where_models_are_told_apart() -> None:
    label = "quick: 300 steps, 32x32 px"
    table = pd.DataFrame({"model": ["pca", "pca", "mine"], "schedule": [label, f"{label}; trained on 9 images", label]})
    table = table.astype("category")
    apart = names.apart(table)
    assert names.samplings_in(table) == {"", "9 images"}
    assert list(apart["model"]) == ["pca", "pca on 9 images", "mine"]
    assert names.apart(apart).equals(apart)
    assert names.model_title(apart["model"][1]) == "PCA on 9 images"
    assert names.setting_title("beta_vae on 9 images", "beta", 4.0) == "β-VAE on 9 images, beta 4"
    plain = table.iloc[[0, 2]]
    assert names.apart(plain) is plain
