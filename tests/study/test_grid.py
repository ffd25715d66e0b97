"""A configuration becomes runs; what changes numbers changes the id, and nothing else does."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from bench import data, registry
from bench.cli import keys
from bench.data.sampling import ALL
from bench.networks.base import Network
from bench.registry import UnknownNameError
from bench.store import shipped
from bench.study.grid import plan, usable
from bench.study.run import CONVOLUTIONS, with_unusual
from bench.values import ConfigError

Composed = dict[str, Any]


def composed(*overrides: str) -> Composed:
    """As the command line composes it: strengths that are given are every model's."""
    if any(o.startswith("strength=") for o in overrides):
        overrides = (*overrides, "strength_of=null")
    with initialize_config_dir(str(shipped.conf_dir()), version_base="1.3"):
        return OmegaConf.to_container(compose("config", list(overrides)), resolve=True)  # type: ignore[return-value]


@pytest.mark.parametrize("group", ["model", "study", "trainer", "scoring", "logger", "sampling"])
def test_every_shipped_configuration_composes_into_a_plan(group: str) -> None:
    for option in keys.options(group):
        assert plan(composed(f"{group}={option}")).runs


def test_the_quick_study_is_the_grid_it_says() -> None:
    runs = plan(composed("study=quick")).runs
    assert len({r.id for r in runs}) == len(runs)
    assert {r.dataset for r in runs} == {"dsprites", "rooms3d", "mnist"}


def test_the_command_line_overrides_a_studys_grid() -> None:
    found = plan(composed("study=quick", "model=beta_vae", "strength=[0,3]", "seed=[0,1]", "dataset=dsprites"))
    assert [(r.model, r.value, r.seed, r.dataset) for r in found.runs] == [
        ("beta_vae", v, s, "dsprites") for v in (1.0, 6.0) for s in (0, 1)
    ]


def test_a_study_may_give_a_model_strengths_of_its_own() -> None:
    runs = plan(composed("study=quick", "dataset=mnist", "seed=0")).runs
    values = {m: [r.strength_index for r in runs if r.model == m] for m in ("beta_vae", "dip_vae_i", "pca")}
    assert values == {"beta_vae": [0, 5], "dip_vae_i": [3], "pca": [None]}
    assert len(plan(composed("study=quick", "model=pca")).runs) == 6


def test_every_model_has_the_same_number_of_updates_but_in_the_study_of_2019() -> None:
    def steps(*words: str) -> dict[str, int]:
        return {run.model: run.schedule.steps for run in plan(composed(*words, "seed=0", "strength=0")).runs}

    assert set(steps("study=card").values()) == {300_000}
    assert steps("study=locatello2019") == {
        m: 150_000 if m == "factor_vae" else 300_000 for m in steps("study=locatello2019")
    }
    assert steps("study=locatello2019", "trainer.updates=even")["factor_vae"] == 300_000
    assert steps("model=factor_vae", "trainer=published", "trainer.updates=published")["factor_vae"] == 150_000
    with pytest.raises(UnknownNameError, match="Did you mean 'even'"):
        steps("trainer.updates=evn")


def test_the_annealing_threshold_shrinks_with_the_schedule() -> None:
    runs = [plan(composed("model=annealed_vae", f"trainer={t}")).runs[0] for t in ("published", "quick")]
    assert [r.hyper["threshold"] for r in runs] == pytest.approx([100_000, runs[1].schedule.steps / 3])


def test_the_budget_names_who_has_another_one() -> None:
    found = plan(composed("model=[beta_vae,factor_vae,dip_vae_i]", "trainer.steps=800", "trainer.updates=published"))
    assert found.schedules == "quick: 800 steps, 32x32 px (factor_vae: 400 steps, 32x32 px)"


def test_a_fitted_learner_claims_no_steps() -> None:
    both, alone = (plan(composed(f"model={m}", "trainer.steps=800")) for m in ("[beta_vae,pca]", "pca"))
    assert both.schedules == "quick: 800 steps, 32x32 px (pca: fitted directly, 32x32 px)"
    assert alone.schedules == "quick: fitted directly, 32x32 px"


def test_the_studies_have_the_sizes_that_the_page_says() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "studies.md").read_text(encoding="utf-8")
    said = {s: int(n.replace(",", "")) for s, n in re.findall(r"^\| `(\w+)` \| ([\d,]+)", page, re.MULTILINE)}
    assert said  # which studies the page has: tests/test_docs.py
    assert {study: len(plan(composed(f"study={study}")).runs) for study in said} == said
    of_study = plan(composed("study=locatello2019", "dataset=dsprites", "model=beta_vae")).runs
    assert {run.seed for run in of_study} == {*range(50)}


def test_the_study_of_weak_supervision_draws_the_same_pairs_for_all_and_has_the_published_schedule_by_its_words() -> (
    None
):
    runs = plan(composed("study=weak")).runs
    assert len(runs) == 180
    assert {run.schedule.steps for run in runs} == {8000}
    assert {run.model: run.pairs for run in runs if run.pairs != "paper"} == {"slow_vae": "uniform"}
    assert {run.hyper["changes"] for run in runs if "changes" in run.hyper} == {-1}
    head = (shipped.conf_dir() / "study" / "weak.yaml").read_text().replace("\n# ", " ")
    words = re.search(r"on a GPU: study=weak (.*?) study.name", head)
    assert words is not None
    published = plan(composed("study=weak", *words[1].split()))
    assert len(published.runs) == 360
    assert published.schedule == plan(composed("trainer=published")).schedule


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
    "override",
    ["study=learners", "trainer.log_every=7", "trainer.checkpoint_every=9", "trainer.name=x", "strength=4.0"],
)
def test_what_changes_no_number_keeps_the_id(override: str) -> None:
    overrides = ["dataset=dsprites", "seed=0", "model=beta_vae"]
    strength = [override] if "strength" in override else ["strength=2", override]
    (run,) = plan(composed(*overrides, *strength)).runs
    assert run.id == only("dataset=dsprites")
    assert run.strength_index == 2


def test_the_rule_of_pairs_is_part_of_the_id_where_it_is_another_than_the_papers() -> None:
    ada = ("model=ada_gvae", "seed=0", "dataset=dsprites", "strength=0", "trainer=published")
    (paper,), (dlib,) = (plan(composed(*ada, *words)).runs for words in ((), ("model.ada_gvae.pairs=dlib",)))
    assert (paper.id, paper.config()["model"]) == (
        "a823b23a9734",
        {"name": "ada_gvae", "version": 1, "hyper": {"beta": 1.0, "changes": -1}},
    )
    assert dlib.id != paper.id
    assert dlib.config()["model"]["pairs"] == "dlib"
    assert dlib.training == f"{paper.training}, dlib pairs"


CORRELATED = ("sampling=correlated", "sampling.pairs=[[x,scale]]", "sampling.sigma=.2")


def test_what_is_trained_on_is_part_of_the_id_where_it_is_not_every_image() -> None:
    beta = ("model=beta_vae", "seed=0", "dataset=dsprites", "strength=2", "trainer=published")
    (every,), (same,), (correlated,) = (plan(composed(*beta, *w)).runs for w in ((), ("sampling=all",), CORRELATED))
    assert (every.id, every.named, every.label) == (same.id, "beta_vae", every.schedule.label)
    assert "sampling" not in every.config()
    assert correlated.id != every.id
    assert correlated.config() == every.config() | {
        "sampling": {"kind": "correlated", "pairs": [["scale", "x"]], "sigma": 0.2, "inverse": False}
    }
    told = "scale-x correlated, sigma 0.2"
    assert correlated.label == correlated.training == f"{every.label}; trained on {told}"
    assert correlated.named == f"beta_vae on {told}"
    assert told in str(correlated)
    assert correlated.record()["schedule_label"] == correlated.label


def test_samplings_whose_words_differ_have_ids_that_differ() -> None:
    subsets = [("sampling=subset", f"sampling.{key}") for key in ("images=10", "images=20", "draw=1")]
    splits = [("sampling=held_out", f"sampling.held_out={n}") for n in ("blank_side", "random", "extrapolation")]
    inverse, one = (*CORRELATED, "sampling.inverse=true"), ("sampling=correlated", "sampling.pairs=[[x,all]]")
    words = [*subsets, *splits, CORRELATED, inverse, one]
    runs = [plan(composed("model=pca", *w)).runs[0] for w in words]
    assert len({run.id for run in runs}) == len({run.label for run in runs}) == len(words)
    assert all(run.config()["schedule"] == {"image_size": 32} for run in runs)
    assert runs[0].training == "quick: fitted directly, 32x32 px; trained on 10 images"


def test_the_studies_of_samplings_have_their_twins_and_the_published_schedule_by_their_words() -> None:
    correlated, held_out = (plan(composed(f"study={name}")) for name in ("correlated", "generalise"))
    assert (len(correlated.runs), len(held_out.runs)) == (240, 175)
    twins = {(run.model, run.value, run.seed) for run in correlated.runs if run.sampling == ALL}
    assert twins == {(run.model, run.value, run.seed) for run in correlated.runs}
    assert all(run.sampling.leaves_out for run in held_out.runs)
    assert held_out.protocol.also_held_out == ("elbo", "linear_r2", "downstream")
    for name, runs in (("correlated", 480), ("generalise", 175)):
        head = (shipped.conf_dir() / "study" / f"{name}.yaml").read_text().replace("\n# ", " ")
        words = re.search(rf"study={name} (trainer=published .*?) study.name", head)
        assert words is not None
        published = plan(composed(f"study={name}", *words[1].split()))
        assert len(published.runs) == runs
        assert published.schedule == plan(composed("trainer=published")).schedule


def test_a_study_trains_each_model_on_each_of_its_samplings() -> None:
    each = "sampling.each=[{kind:all},{kind:subset,images:100},{kind:subset,images:100,draw:0}]"
    runs = plan(composed("model=[beta_vae,pca]", "strength=0", "seed=[0,1]", each)).runs
    assert len(runs) == len({run.id for run in runs}) == 8
    assert {run.named for run in runs} == {"beta_vae", "pca", "beta_vae on 100 images", "pca on 100 images"}


@pytest.mark.parametrize("name", ["ada_gvae", "ada_ml_vae", "gvae", "ml_vae", "slow_vae"])
def test_models_of_pairs_draw_them_by_their_own_rule(name: str) -> None:
    assert plan(composed(f"model={name}")).runs[0].pairs == registry.load("models", name).own_pairs


def test_a_fitted_model_does_not_depend_on_the_steps_it_does_not_take() -> None:
    ids = {plan(composed("model=pca", f"trainer.steps={n}")).runs[0].id for n in (5, 6)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["strength=9"], ConfigError, r"strength 9 of beta_vae is out of range: 0\.\.5"),
        (["strength=x"], ConfigError, "indices or values"),
        (["seed=-1"], ConfigError, "seed must be integers"),
        (
            ["seed=5..3"],
            ConfigError,
            "seed must be integers from 0 to 2,147,483,647, or spans such as 0..49, got '5..3'",
        ),
        (["dataset=dsprits"], UnknownNameError, "Did you mean 'dsprites'"),
        (["metric=mog"], UnknownNameError, "Did you mean 'mig'"),
        (["trainer.steps=0"], ConfigError, "trainer.steps must be a whole number from 1, got 0"),
        (["trainer.steps=1.5"], ConfigError, "trainer.steps must be a whole number from 1, got 1.5"),
        (["+trainer.stepz=3"], UnknownNameError, "Did you mean 'steps'"),
        (["scoring.representations=[meen]"], UnknownNameError, "Did you mean 'mean'"),
        (["+scoring.options.mug.num_bins=3"], UnknownNameError, "Did you mean 'mig'"),
        (["scoring.options.dci=3"], ConfigError, "scoring.options.dci must be names with values"),
        (
            ["+scoring.options.dci.num_trees=1e400"],
            ConfigError,
            "dci.num_trees must be a number, got inf",
        ),
        (["+scoring.options.downstream.train_sizes=[nan]"], ConfigError, "train_sizes must be a number, got nan"),
        (["scoring.representations=[]"], ConfigError, "scoring.representations is empty"),
        (["scoring.num_train=abc"], ConfigError, "scoring.num_train must be a whole number from 1, got 'abc'"),
        (["scoring.num_train=-3"], ConfigError, "scoring.num_train must be a whole number from 1, got -3"),
        (["scoring.num_train=1.5"], ConfigError, "scoring.num_train must be a whole number from 1, got 1.5"),
        (["scoring.num_points=true"], ConfigError, "scoring.num_points must be a whole number from 1, got True"),
        (["scoring.pool=-5"], ConfigError, "scoring.pool must be a whole number from 1, got -5"),
        (["trainer.steps=1e9999"], ConfigError, "trainer.steps must be a whole number from 1, got inf"),
        (["trainer.steps=[3]"], ConfigError, r"trainer.steps must be a whole number from 1, got \[3\]"),
        (["trainer.steps=1" + "0" * 400], ConfigError, "got an integer of many digits"),
        (["trainer.learning_rate=nan"], ConfigError, "trainer.learning_rate must be a positive number, got nan"),
        (["trainer.compile=1"], ConfigError, "trainer.compile must be true or false, got 1"),
        (["trainer.precision=float64"], UnknownNameError, "Did you mean 'bfloat16' or 'float32'"),
        (["trainer.convolution=triten"], UnknownNameError, "Did you mean 'triton'"),
        (["trainer.architecture=smal"], UnknownNameError, "Did you mean 'small'"),
        (["model=[]"], ConfigError, "the grid has no model"),
        (["model=ada_gvae", "model.ada_gvae.pairs=dlob"], UnknownNameError, "Did you mean 'dlib'"),
        (
            ["model=ada_gvae", "model.ada_gvae.pairs=laplace"],
            ConfigError,
            r"model.ada_gvae.pairs=laplace reads a hyper-parameter: give \+model.ada_gvae.hyper.rate=1",
        ),
        (["sampling=correlated", "sampling.sigma=0"], ConfigError, "sampling.sigma must be a positive number, got 0"),
        (["sampling=correlated", "sampling.pairs=[[x,z]]"], UnknownNameError, "unknown factor of dsprites 'z'"),
        (["sampling=subset", "sampling.images=1e6"], ConfigError, "dsprites has 737,280 images"),
        (["sampling=correlated", "dataset=mnist"], ConfigError, "mnist has no factor grid"),
        (["sampling.each=[]"], ConfigError, "sampling.each is empty"),
        (["sampling.each=[3]"], ConfigError, "sampling must be names with values"),
        (["sampling.each=[{kind:subset,image:3}]"], UnknownNameError, "Did you mean 'images'"),
        (["model=ada_gvae", "dataset=mnist"], ConfigError, "ada_gvae trains on images .* mnist has no factor grid"),
        (
            ["model=ada_gvae", "model.ada_gvae.hyper.changes=5"],
            ConfigError,
            "from 1 to 4, for 5 factors vary, .* got 5; ",
        ),
        (["model=slow_vae", "model.slow_vae.hyper.rate=0"], ConfigError, "rate must be above 0, .* is dsprites: leave"),
        (["model=dc_ign", "dataset=mnist"], ConfigError, "dc_ign trains on images .* mnist has no factor grid"),
        (["model=dc_ign", "sampling=held_out"], ConfigError, "dc_ign chooses images .* those that are held out"),
        (["sampling=subset", "model=slow_vae"], ConfigError, "slow_vae chooses images .* with sampling=subset some"),
        (["trainer.name='a; trained on b'"], ConfigError, "trainer.name must not hold '; trained on '"),
        (["seed=true"], ConfigError, "seed must be integers"),
        (["seed=[[1]]"], ConfigError, "seed must be integers"),
        (["seed=0..99999999999"], ConfigError, "seed must be integers from 0 to 2,147,483,647"),
        (["seed=0..2147483647"], ConfigError, "the grid has 12,884,901,888 runs: give 1 to 1,000,000"),
        (["seed=[]"], ConfigError, "the grid has 0 runs"),
        (["strength=[]"], ConfigError, "the grid has 0 runs"),
        (["strength=[nan]"], ConfigError, "indices or values, got nan"),
        (["strength=[true]"], ConfigError, "indices or values, got True"),
        (["strength_of={bta_vae: [0]}"], UnknownNameError, "Did you mean 'beta_vae'"),
        (["strength_of=3"], ConfigError, "strength_of must be names with values"),
        (["dataset=[[dsprites]]"], UnknownNameError, "unknown data set"),
        (["dataset=null"], UnknownNameError, "unknown data set None"),
        (["model.beta_vae.version=x"], ConfigError, "model.beta_vae.version must be a whole number"),
        (["model.beta_vae.hyper=3"], ConfigError, "model.beta_vae.hyper must be names with values"),
        (["+model.beta_vae.hyper.gamma=x"], ConfigError, "model.beta_vae.hyper.gamma must be a number, got 'x'"),
        (["~model.beta_vae.sweeps"], ConfigError, "model.beta_vae lacks sweeps"),
        (["+model.beta_vae.hypr=3"], UnknownNameError, "unknown model.beta_vae key 'hypr'. Did you mean 'hyper'"),
        (["+model.beta_vae.scaled=[gama]"], UnknownNameError, "unknown hyper-parameter of beta_vae 'gama'"),
        (["study.name=../../x"], ConfigError, r"study.name='../../x': a name is 1 to 64 letters, digits"),
        (["study.name=a/b"], ConfigError, "a name is 1 to 64 letters"),
        (["study.name=.."], ConfigError, "starts with a letter or a digit"),
        (["study.name=2024"], ConfigError, "study.name must be text, got 2024"),
    ],
)
def test_a_bad_configuration_is_named(overrides: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plan(composed(*overrides))


def test_a_model_of_pairs_is_refused_on_a_data_set_that_cannot_provide_them(monkeypatch: pytest.MonkeyPatch) -> None:
    dsprites = data.card("dsprites")
    factors = {"factor_names": ("x", "y"), "factor_sizes": (dsprites.num_images, 1), "categorical": ()}
    monkeypatch.setattr(data, "card", lambda name: replace(dsprites, factor_divisors=(), **factors))
    refused = r"ada_gvae trains on pairs .* has 1 that vary; the data set is dsprites: leave one of the two out"
    with pytest.raises(ConfigError, match=refused):
        plan(composed("model=ada_gvae"))
    assert plan(composed("model=[dc_ign,slow_vae,beta_vae]")).runs
    factors["categorical"] = ("x",)
    with pytest.raises(ConfigError, match="slow_vae trains on pairs whose ordered factors move"):
        plan(composed("model=slow_vae"))


def test_whole_numbers_may_be_written_as_powers_of_ten() -> None:
    assert only("trainer.steps=1e3") == only("trainer.steps=1000")


def test_a_metric_has_no_options_that_it_does_not_take() -> None:
    wrong = plan(composed("metric=[mig]", "+scoring.options.mig.num_bin=3"))
    with pytest.raises(UnknownNameError, match=r"unknown option of mig 'num_bin'\. Did you mean 'num_bins'"):
        usable(wrong, ["mig"])
    assert usable(plan(composed("metric=[mig]", "+scoring.options.mig.num_bins=3")), ["mig"])[1] == []


def test_the_closed_sets_of_planning_are_those_of_the_code_that_is_planned_for() -> None:
    from bench.networks.parts.convolutions import convolutions

    with pytest.raises(UnknownNameError, match=f"Known: {', '.join(sorted({*CONVOLUTIONS} - {'auto'}))}"):
        convolutions("nope", 1)


def test_the_version_of_networks_is_part_of_an_id_but_for_the_first_of_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def config(architecture: str) -> Any:
        return plan(composed(f"trainer.architecture={architecture}")).runs[0].config()["schedule"]

    assert "architecture_version" not in config("small")
    assert config("mlp")["architecture_version"] == 1
    monkeypatch.setattr(registry.load("networks", "small"), "network", Network("small", 2))
    assert config("small")["architecture_version"] == 2


def test_another_version_of_training_is_part_of_the_id_of_all_that_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def ids() -> list[str]:
        return [run.id for run in plan(composed("model=[beta_vae,pca]", "seed=0", "strength=0")).runs]

    first = ids()
    monkeypatch.setattr("bench.study.run.TRAINING", 2)
    assert [a == b for a, b in zip(first, ids(), strict=True)] == [False, True]
    fitted = plan(composed("model=pca", "trainer.architecture=small")).runs[0]
    assert fitted.config()["schedule"] == {"image_size": 32}


def test_networks_that_are_not_the_first_are_said_in_the_schedule() -> None:
    schedules = [plan(composed(f"trainer.architecture={name}")).schedules for name in ("mlp", "small")]
    assert schedules == ["quick: 300 steps, 32x32 px, mlp", "quick: 300 steps, 32x32 px"]


@pytest.mark.parametrize(
    ("overrides", "label"),
    [
        ("trainer.latent_dim=64", "quick: 300 steps, 32x32 px, 64 dims"),
        ("trainer.batch_size=64", "quick: 300 steps, 32x32 px, 64 images an update, learning rate 0.001"),
        ("trainer.learning_rate=1e-4", "quick: 300 steps, 32x32 px, 32 images an update, learning rate 0.0001"),
        ("trainer=published", "published: 300,000 steps, 64x64 px"),
    ],
)
def test_what_is_not_as_usual_is_said_in_the_schedule(overrides: str, label: str) -> None:
    assert plan(composed(*overrides.split(), "model=beta_vae")).schedules == label


def test_labels_of_older_records_are_completed() -> None:
    schedule = {"latent_dim": 64, "batch_size": 64, "learning_rate": 1e-3}
    told = "q: 9 steps, 32x32 px, 64 dims, 64 images an update, learning rate 0.001; trained on 100 images"
    for label in ("q: 9 steps, 32x32 px; trained on 100 images", told):
        assert with_unusual(label, schedule) == told
    assert with_unusual("q: fitted directly, 32x32 px", {"image_size": 32}) == "q: fitted directly, 32x32 px"


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Call it, and there is a data set `mine` of images of that size, the user's own or of a plug-in."""
    cards = {name: data.card(name) for name in data.names()}

    def put(size: int, owned: bool = True) -> None:
        cards["mine"] = replace(cards["mnist"], name="mine", image_shape=(size, size, 1), other_sizes=())
        monkeypatch.setattr(data, "card", cards.__getitem__)
        monkeypatch.setattr(data, "names", lambda: sorted(cards))
        monkeypatch.setattr(data, "users_own", lambda: ["mine"] if owned else [])

    return put


def sizes(*words: str) -> dict[str, int]:
    """The size at which each data set of a plan is seen."""
    return {run.dataset: run.schedule.image_size for run in plan(composed(*words)).runs}


@pytest.mark.parametrize(("trainer", "of_the_suite"), [("quick", 32), ("published", 64)])
def test_a_data_set_of_ones_own_is_seen_at_its_size_the_suites_as_the_schedule_says(
    trainer: str, of_the_suite: int, mine: Callable[..., None]
) -> None:
    config = composed(f"trainer={trainer}", "dataset=[mine,dsprites,mnist]", "strength=0")
    for size in (28, 32, 48, 64, 96, 128):
        mine(size)
        seen = {run.dataset: run.schedule.image_size for run in plan(config).runs}
        assert seen == {"mine": size, "dsprites": of_the_suite, "mnist": of_the_suite}


def test_large_images_of_ones_own_are_averaged_where_no_size_is_told(mine: Callable[..., None]) -> None:
    mine(1024)
    assert sizes("dataset=mine") == {"mine": 128}
    assert sizes("dataset=mine", "trainer.image_size=256", "trainer.sized_by_data=false") == {"mine": 256}


def test_a_plug_ins_data_set_is_seen_at_its_size_where_that_of_the_schedule_cannot_be(
    mine: Callable[..., None],
) -> None:
    mine(48, owned=False)
    assert sizes("dataset=mine") == {"mine": 48}
    mine(64, owned=False)
    assert sizes("dataset=mine") == {"mine": 32}


def test_digits_are_seen_as_they_were_made_where_that_is_asked_for() -> None:
    assert sizes("dataset=[mnist,fashion_mnist,morpho_mnist]", "trainer.image_size=28").keys() == {
        "mnist", "fashion_mnist", "morpho_mnist",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("size", "words", "fault"),
    [
        (27, "", "architecture small does not take images of mine at 27x27: give another trainer.architecture"),
        (300, "", r"of mine at 100x100: give trainer.image_size=20 or 12 or 10, or another .* mlp takes any size"),
        (64, "trainer.image_size=48", "image_size 48 does not divide the 64x64 images of mine: .* may be 64, 32, 16, "),
        (64, "trainer.image_size=4", "of mine at 4x4: give trainer.image_size=64 or 32 or 16 or 8, or another"),
    ],
)
def test_a_size_that_cannot_be_is_told_before_training(
    size: int, words: str, fault: str, mine: Callable[..., None]
) -> None:
    mine(size)
    told = (*words.split(), "trainer.sized_by_data=false") if words else ()
    with pytest.raises(ConfigError, match=fault):
        plan(composed("dataset=mine", *told))


def test_learners_without_networks_see_images_of_any_size(mine: Callable[..., None]) -> None:
    mine(27)
    assert sizes("dataset=mine", "model=pca") == {"mine": 27}
    assert sizes("dataset=mine", "trainer.architecture=mlp") == {"mine": 27}


def test_data_sets_that_are_seen_at_another_size_are_named_in_the_schedules(mine: Callable[..., None]) -> None:
    mine(28)
    assert plan(composed("dataset=[dsprites,mnist,mine]")).schedules == (
        "quick: 300 steps, 32x32 px (mine: 300 steps, 28x28 px)"
    )
