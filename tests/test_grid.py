"""A configuration becomes runs; what changes numbers changes the id, and nothing else does."""

import subprocess
import sys
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from bench import store
from bench.__main__ import group_options
from bench.grid import ConfigError, plan
from bench.registry import UnknownNameError

Composed = dict[str, Any]


def composed(*overrides: str) -> Composed:
    """As the command line composes it: strengths that are given are every model's."""
    if any(o.startswith("strength=") for o in overrides):
        overrides = (*overrides, "strength_of=null")
    with initialize_config_dir(str(store.conf_dir()), version_base="1.3"):
        return OmegaConf.to_container(compose("config", list(overrides)), resolve=True)  # type: ignore[return-value]


@pytest.mark.parametrize("group", ["model", "study", "trainer", "scoring", "logger"])
def test_every_shipped_configuration_composes_into_a_plan(group: str) -> None:
    for option in group_options(group):
        assert plan(composed(f"{group}={option}")).runs


def test_the_quick_study_is_the_grid_it_says() -> None:
    runs = plan(composed("study=quick")).runs
    assert len({r.id for r in runs}) == len(runs)
    assert {r.dataset for r in runs} == {"dsprites", "noisy_dsprites", "mnist"}


def test_the_command_line_overrides_a_studys_grid() -> None:
    found = plan(composed("study=quick", "model=beta_vae", "strength=[0,3]", "seed=[0,1]", "dataset=dsprites"))
    assert [(r.model, r.value, r.seed, r.dataset) for r in found.runs] == [
        ("beta_vae", v, s, "dsprites") for v in (1.0, 6.0) for s in (0, 1)
    ]


def test_a_study_may_give_a_model_strengths_of_its_own() -> None:
    runs = plan(composed("study=quick", "dataset=mnist", "seed=0")).runs
    values = {m: [r.strength for r in runs if r.model == m] for m in ("beta_vae", "dip_vae_i", "pca")}
    assert values == {"beta_vae": [0, 2, 5], "dip_vae_i": [3], "pca": [None]}
    assert len(plan(composed("study=quick", "model=pca")).runs) == 6


def test_factor_vae_has_half_the_updates_unless_it_is_to_be_fair() -> None:
    steps = [
        plan(composed("model=factor_vae", "trainer=published", f"model.factor_vae.schedule={s}")).runs[0].schedule.steps
        for s in ("published", "fair")
    ]
    assert steps == [150_000, 300_000]
    with pytest.raises(UnknownNameError, match="Did you mean 'fair'"):
        plan(composed("model=factor_vae", "model.factor_vae.schedule=fare"))


def test_the_annealing_threshold_shrinks_with_the_schedule() -> None:
    runs = [plan(composed("model=annealed_vae", f"trainer={t}")).runs[0] for t in ("published", "quick")]
    assert [r.hyper["threshold"] for r in runs] == pytest.approx([100_000, runs[1].schedule.steps / 3])


def test_the_budget_names_who_has_another_one() -> None:
    found = plan(composed("model=[beta_vae,factor_vae,dip_vae_i]", "trainer.steps=800"))
    assert found.budget == "quick: 800 steps, 32x32 px (factor_vae: 400 steps, 32x32 px)"


def test_a_fitted_learner_claims_no_steps() -> None:
    both, alone = (plan(composed(f"model={m}", "trainer.steps=800")) for m in ("[beta_vae,pca]", "pca"))
    assert both.budget == "quick: 800 steps, 32x32 px (pca: fitted directly, 32x32 px)"
    assert alone.budget == "quick: fitted directly, 32x32 px"


def test_the_studies_have_the_sizes_they_say() -> None:
    sizes = {study: len(plan(composed(f"study={study}")).runs) for study in ("small", "card", "locatello2019")}
    assert sizes == {"small": 108, "card": 1080, "locatello2019": 12_600}
    assert {r.seed for r in plan(composed("study=locatello2019", "dataset=dsprites", "model=beta_vae")).runs} == {
        *range(50)
    }


@pytest.mark.parametrize(("given", "seeds"), [("0..2", [0, 1, 2]), ("[7,1..2]", [7, 1, 2]), ("3..3", [3])])
def test_seeds_may_be_given_as_spans(given: str, seeds: list[int]) -> None:
    assert [r.seed for r in plan(composed("model=pca", f"seed={given}")).runs] == seeds


def test_a_model_without_strengths_runs_once_a_seed() -> None:
    assert len(plan(composed("model=pca", "seed=[0,1]")).runs) == 2


def only(*overrides: str) -> str:
    (run,) = plan(composed("model=beta_vae", "strength=2", *overrides)).runs
    return run.id


@pytest.mark.parametrize(
    "override",
    ["seed=1", "strength=3", "dataset=mnist", "trainer.steps=7", "trainer.learning_rate=0.5", "trainer.batch_size=8",
     "trainer.latent_dim=3", "trainer.threads=2", "model.beta_vae.version=99"],
)  # fmt: skip
def test_what_changes_numbers_changes_the_id(override: str) -> None:
    assert only(override) != only()


@pytest.mark.parametrize(
    "override", ["study=quick", "trainer.log_every=7", "trainer.checkpoint_every=9", "trainer.name=x", "strength=4.0"]
)
def test_what_changes_no_number_keeps_the_id(override: str) -> None:
    overrides = ["dataset=dsprites", "seed=0", "model=beta_vae"]
    strength = [override] if "strength" in override else ["strength=2", override]
    (run,) = plan(composed(*overrides, *strength)).runs
    assert run.id == only("dataset=dsprites")
    assert run.strength == 2


def test_a_fitted_model_does_not_depend_on_the_steps_it_does_not_take() -> None:
    ids = {plan(composed("model=pca", f"trainer.steps={n}")).runs[0].id for n in (5, 6)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["strength=9"], ConfigError, r"strength 9 of beta_vae is out of range: 0\.\.5"),
        (["strength=x"], ConfigError, "indices or values"),
        (["seed=-1"], ConfigError, "seed must be integers"),
        (["seed=5..3"], ConfigError, "seed must be integers from 0, or spans such as 0..49, got '5..3'"),
        (["dataset=dsprits"], UnknownNameError, "Did you mean 'dsprites'"),
        (["metric=mog"], UnknownNameError, "Did you mean 'mig'"),
        (["trainer.steps=0"], ConfigError, "trainer.steps must be a positive number"),
        (["trainer.steps=1.5"], ConfigError, "trainer.steps must be an integer"),
        (["+trainer.stepz=3"], UnknownNameError, "Did you mean 'steps'"),
        (["scoring.representations=[meen]"], UnknownNameError, "Did you mean 'mean'"),
        (["+scoring.options.mug.num_bins=3"], UnknownNameError, "Did you mean 'mig'"),
    ],
)
def test_a_bad_configuration_is_named(overrides: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plan(composed(*overrides))


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bench", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rum"], "unknown stage 'rum'. Did you mean 'run'"),
        (["run", "studdy=quick"], "unknown key 'studdy'. Did you mean 'study'"),
        (["run", "study=quik"], "unknown study 'quik'. Did you mean 'quick'"),
        (["run", "model=[beta_vae,pcb]"], "unknown model 'pcb'. Did you mean 'pca'"),
        (["run", "dataset=mnits"], "unknown data set 'mnits'. Did you mean 'mnist'"),
        (["list", "metricks"], "unknown kind 'metricks'. Did you mean 'metrics'"),
    ],
)
def test_the_command_line_offers_the_nearest_name(words: list[str], message: str) -> None:
    done = bench(*words)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_line_lists_names() -> None:
    assert bench("list", "models").stdout.split() == group_options("model")
    assert "mig" in bench("list").stdout


def test_strength_on_the_command_line_is_every_models() -> None:
    assert "strength_of: null" in bench("run", "study=quick", "strength=[1]", "--cfg", "job").stdout


def test_hydra_shows_the_composed_configuration() -> None:
    shown = bench("run", "study=quick", "--cfg", "job").stdout
    assert "name: quick" in shown
    assert "noisy_dsprites" in shown
