"""Words become settings: text stays text, unknown words are answered with the nearest name, nothing is written."""

import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import compose_all, perform
from bench.cli.words import check_keys, read
from bench.registry import UnknownNameError
from bench.store.folders import Store
from bench.store.shipped import conf_dir
from bench.study.command import study_of
from bench.study.grid import plan
from bench.study.record import extend
from bench.values import ConfigError

CUSTOM = (conf_dir() / "study" / "custom.yaml").read_text()  # every key of a study
Settings = dict[str, Any]


def settings(*words: str) -> Settings:
    """The settings of a command line that is one command."""
    (found,) = compose_all(read(words))
    return found


STRANGE = [
    "epoch=9-step=100.npz", "a b", "=", "a,b", "(1)", "#1", "&", "it's", '"quoted"', "[x]", "{y: 1}", "$HOME", "a\\b",
    "a\nb", "jürgen", "日本", "a~b", "2024", "1.10", "1e3", "true", "${seed}", "???", "*", "a: b", " x ",
]  # fmt: skip


@pytest.mark.parametrize("key", ["codes", "results_dir", "checkpoint", "rank_by", "name", "study.name", "study.title"])
def test_a_value_of_text_is_what_was_written(key: str) -> None:
    command = read(["run", *(f"{key}={text}" for text in STRANGE)])
    for word, text in zip(command.words, STRANGE, strict=True):
        assert read(["run", word.raw]).text() == {key: text}


@pytest.mark.parametrize("text", ["epoch=9-step=100 (1).npz", "2024", "1.10", "jürgen's [x] {y} #&$ \\"])
def test_text_is_in_the_settings_as_it_was_written(text: str) -> None:
    found = settings("score", f"codes={text}", f"name={text}", f"results_dir={text}", "study.name=1e3")
    assert [found[key] for key in ("codes", "name", "results_dir")] == [text] * 3
    assert found["study"]["name"] == "1e3"


def test_names_that_look_alike_as_numbers_stay_apart() -> None:
    assert {settings("score", f"name={name}", "codes=x")["name"] for name in ("1.1", "1.10", "1.100")} == {
        "1.1", "1.10", "1.100",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["codes", "results_dir", "checkpoint"])
def test_the_home_folder_may_be_written_as_a_tilde(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/jürgen")
    assert settings("score", f"{key}=~/x")[key] == "/home/jürgen/x"
    assert settings("score", f"{key}=./~")[key] == "./~"
    assert settings("score", f"{key}=~nobody-of-that-name/x")[key] == f".{os.sep}~nobody-of-that-name/x"


def test_merge_takes_any_folder() -> None:
    assert settings("merge", "a folder, (1) of [2]/x=y")["folder"] == "a folder, (1) of [2]/x=y"


def test_null_is_as_if_a_key_of_text_were_not_given() -> None:
    assert settings("score", "codes=null")["codes"] is None
    assert settings("score", "codes=./null")["codes"] == "./null"
    assert settings("report", "rank_by=null")["rank_by"] == "mig"
    with pytest.raises(ConfigError, match="codes= has no value"):
        settings("score", "codes=")


@pytest.mark.parametrize("word", ["compare=[1.10,true]", "compare=1.10,true", "compare=['1.10', \"true\"]"])
def test_compare_is_a_list_of_names(word: str) -> None:
    assert settings("analyze", word)["compare"] == ["1.10", "true"]


def test_a_study_that_is_not_shipped_is_a_name_for_a_grid_of_ones_own() -> None:
    found = settings("run", "study=2024", "model=pca")
    assert (found["study"]["name"], found["strength_of"], found["given"]["study"]) == ("2024", None, "2024")
    assert settings("run", "study=quick")["study"]["name"] == "quick"
    assert settings("run", "study=quick", "study.name=mine")["study"]["name"] == "mine"


def test_what_a_grid_leaves_open_is_as_in_the_study_that_it_is_added_to(tmp_path: Path) -> None:
    store, place = Store(tmp_path), f"results_dir={tmp_path}"
    begun = settings("run", "model=[beta_vae,pca]", "strength_of={beta_vae: [0, 2.5]}", "seed=3..4", "dataset=mnist",
                     "study.name=mine", place)  # fmt: skip
    extend(study_of(begun, store).whole, store)
    found = settings("run", "study.name=mine", "seed=9", place)
    assert (list(found["model"]), found["seed"], found["dataset"]) == (["beta_vae", "pca"], 9, ["mnist"])
    assert found["strength_of"] == {"beta_vae": [0, 2.5]}
    assert found["given"].keys() == {"study.name", "seed", "results_dir"}
    assert len(study_of(found, store).part.runs) == 3
    assert len(study_of(found, store).whole.runs) == 9
    other = settings("run", "study=mine", "model=ica", place)
    assert (list(other["model"]), other["seed"], other["dataset"]) == (["ica"], [3, 4], ["mnist"])
    assert settings("run", "study.name=mine", "strength=[5]", place)["strength_of"] is None
    codes = settings("score", "codes=a.npz", "name=a", "study.name=mine", place)
    assert (codes["seed"], codes["dataset"]) == ([0], "custom")


def test_one_predicate_may_be_written_without_a_list() -> None:
    for word in ("sampling.held_out={x: 4}", "sampling.held_out=[{x: [4]}]", "sampling.held_out.x=4"):
        (run,) = plan(settings("run", "model=pca", "seed=0", "dataset=dsprites", "sampling=held_out", word)).runs
        assert run.sampling.label == "all but x 4"


def test_a_study_leaves_its_samplings_to_what_is_added_unless_the_words_say_others(tmp_path: Path) -> None:
    place = f"results_dir={tmp_path}"
    each = "sampling.each=[{kind:all},{kind:held_out,held_out:[{x:16..31}]}]"
    begun = settings("run", "model=pca", "seed=0", "dataset=dsprites", each, "study.name=mine", place)
    extend(study_of(begun, Store(tmp_path)).whole, Store(tmp_path))
    assert len(plan(settings("run", "study.name=mine", "seed=9", place)).runs) == 2
    words = ["sampling=subset", "sampling.images=30"]
    (run,) = plan(settings("run", "study.name=mine", *words, place)).runs
    assert (run.model, run.sampling.label) == ("pca", "30 images")
    assert settings("run", "study=quick", *words)["sampling"]["each"] is None


def test_only_a_shipped_study_is_one(tmp_path: Path) -> None:
    assert settings("run", "study=quick")["shipped"]
    assert not settings("run", "study=quik")["shipped"]
    assert not settings("run", "study=custom")["shipped"]
    with pytest.raises(UnknownNameError, match=r"unknown study 'quik'\. Did you mean 'quick'"):
        study_of(settings("run", "study=quik", "seed=0", f"results_dir={tmp_path}"), Store(tmp_path))


def test_the_words_are_kept_as_they_were_written() -> None:
    written = ["+trainer.steps=3", "results_dir=a b", "model=[beta_vae,pca]", "study.title=it's"]
    found = settings("run", *written, "--dry-run", "--open")
    assert found["overrides"] == written
    assert shlex.split(shlex.join(found["overrides"])) == written
    assert found["given"] == {
        "trainer.steps": "3", "results_dir": "a b", "model": "[beta_vae,pca]", "study.title": "it's",
    }  # fmt: skip
    assert (found["dry_run"], found["open"], found["trainer"]["steps"]) == (True, True, 3)


def test_of_words_for_one_key_the_last_holds() -> None:
    found = settings("run", "model=pca", "seed=1", "name=a", "model=ica", "seed=2", "name=b")
    assert (list(found["model"]), found["seed"], found["name"]) == (["ica"], 2, "b")
    assert found["overrides"][:2] == ["model=pca", "seed=1"]


def test_a_key_of_other_stages_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"folder= goes with analyze, .*, verify, board, ship, not with run"):
        perform(["run", "study=quick", "folder=there"])
    for line in ("ship study=full folder=there", "score codes=x.npz name=x", "analyze study=quick compare=[a,b]"):
        check_keys(read(line.split(" ")))


def test_a_grid_without_a_model_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert perform(["status", "model=[]"]) == 1
    assert "the grid has no model" in capsys.readouterr().err


def test_a_single_word_may_stand_for_what_list_question_and_merge_are_about() -> None:
    assert settings("list", "models")["what"] == "models"
    assert settings("question", "noisy_or")["what"] == "noisy_or"
    assert settings("merge", "results_dir=x", "folder")["folder"] == "folder"


def test_what_a_stage_implies() -> None:
    assert settings("score", "codes=x.npz")["dataset"] == "custom"
    assert settings("score", "codes=x.npz", "dataset=mnist")["dataset"] == "mnist"
    assert settings("score", "codes=x.npz", "seed=3..3")["seed"] == [3]
    assert "dsprites" in settings("data")["dataset"]
    assert settings("data", "dataset=mnist")["dataset"] == ["mnist"]
    assert settings("check", "metric=mig,sap")["metric"] == settings("check", "metric=[mig,sap]")["metric"]
    assert settings("run", "study=quick")["strength_of"] == {"beta_vae": [0, 5]}
    assert settings("run", "study=quick", "strength=[1]")["strength_of"] is None


def test_several_commands_have_a_study_in_common() -> None:
    words = ["run", "-m", "model=pca,ica", "seed=range(0,2)", "results_dir=a,b"]
    jobs = list(compose_all(read(words)))
    assert [(list(job["model"]), job["seed"]) for job in jobs] == [
        (["pca"], 0),
        (["pca"], 1),
        (["ica"], 0),
        (["ica"], 1),
    ]
    (name,) = {job["study"]["name"] for job in jobs}
    assert jobs[3]["overrides"] == ["model=ica", "seed=1", "results_dir=a,b", f"study.name={name}"]
    assert jobs[3]["given"]["model"] == "ica"
    (again,) = {job["study"]["name"] for job in compose_all(read(["report", *words[1:4], "-m", "processes=1"]))}
    assert name == again  # another stage of the same commands
    (other,) = {job["study"]["name"] for job in compose_all(read(["run", "-m", "model=pca,ica"]))}
    assert name.startswith("sweep-")
    assert name != other
    assert {job["study"]["name"] for job in compose_all(read([*words, "study=mine"]))} == {"mine"}
    assert [job["study"]["name"] for job in compose_all(read(["status", "-m", "study=quick,small"]))] == [
        "quick",
        "small",
    ]


def test_several_commands_may_be_all_that_match() -> None:
    models = [next(iter(job["model"])) for job in compose_all(read(["run", "-m", "model=glob(dip*)"]))]
    assert models == ["dip_vae_i", "dip_vae_ii"]
    with pytest.raises(ConfigError, match="matches nothing"):
        list(compose_all(read(["run", "-m", "model=glob(zip*)"])))
    with pytest.raises(ConfigError, match="seed=0,1: a list is"):
        settings("run", "seed=0,1")
    with pytest.raises(ConfigError, match="more than 1,000 commands"):
        list(compose_all(read(["run", "-m", "seed=range(0,1000000)"])))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("rum", "unknown stage 'rum'. Did you mean 'run'"),
        ("run traner.steps=3", "unknown key 'traner.steps'. Did you mean 'trainer.steps'?"),
        ("run trainer.step=3", "unknown key 'trainer.step'. Did you mean 'trainer.steps'"),
        ("run trainer.lr=0.1", "unknown key 'trainer.lr'. Did you mean 'trainer.learning_rate'?"),
        ("run steps=3", "unknown key 'steps'. Did you mean 'trainer.steps'?"),
        ("run study.nam=x", "unknown key 'study.nam'. Did you mean 'study.name'"),
        ("run model.beta_vae.hyper.bta=1", "Did you mean 'model.beta_vae.hyper.beta'"),
        ("run scoring.optons={}", "Did you mean 'scoring.options'"),
        ("run launcher=slurm launcher.cpu=2", "Did you mean 'launcher.cpus'"),
        ("run launcher.cpus=2", "unknown key 'launcher.cpus' here: it goes with launcher=joblib, ray, slurm"),
        ("run launcher.sbatch.account=x", "it goes with launcher=slurm"),
        ("run logger.x=1", "unknown key 'logger.x'"),
        ("run trainer={stepz:4}", "unknown key 'trainer.stepz'. Did you mean 'trainer.steps'"),
        ("run seed.x=1", "unknown key 'seed.x': seed has no keys below it"),
        ("run +foo=1", "unknown key 'foo'"),
        ("run ++foo=1", "unknown key 'foo'"),
        ("run ~foo", "unknown key 'foo'"),
        ("run stage=train", "unknown key 'stage'"),
        ("run =x", "unknown key ''"),
        ("run studdy=quick", "unknown key 'studdy'. Did you mean 'study'"),
        ("run model=[beta_vae,pcb]", "unknown model 'pcb'. Did you mean 'pca'"),
        ("run trainer=quik", "unknown trainer 'quik'. Did you mean 'quick'"),
        ("run scoring=publishd", "Did you mean 'published'"),
        ("run logger=wandbb", "Did you mean 'wandb'"),
        ("run launcher=slrm", "Did you mean 'slurm'"),
        ("run device=cdua", "unknown device 'cdua'. Did you mean 'cuda'"),
        ("report rank_by=migg", "unknown score 'migg'. Did you mean 'mig'"),
        ("report rank_by=ud_lasso", "Did you mean 'udr_lasso'"),
        ("report rank_set=informaton", "unknown rank set 'informaton'. Did you mean 'information'"),
        ("report level=udr_laso", "unknown level 'udr_laso'. Did you mean 'udr_lasso'"),
        ("question nosy_or", "unknown question 'nosy_or'. Did you mean 'noisy_or'"),
        ("run --dryrun", "unknown flag '--dryrun'. Did you mean '--dry-run'"),
        ("data dataset=[[mnist]]", "unknown data set ['mnist']"),
        ("run --", "unknown flag '--'"),
        ("run -", "unknown flag '-'"),
        ("run --cfg jop", "unknown configuration to show 'jop'. Did you mean 'job'"),
    ],
)
def test_an_unknown_word_is_answered_with_the_nearest_name(words: str, message: str) -> None:
    with pytest.raises(UnknownNameError) as fault:
        settings(*words.split(" "))
    assert message in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run model", "'model' is neither key=value nor a flag. Did you mean model=..."),
        ("run ", "'' is neither key=value nor a flag."),
        ("run ~seed", "this key cannot be removed"),
        ("run ~strength_of", "this key cannot be removed"),
        ("run ~scoring.options.sap", "there is no such key to remove"),
        ("run seed=[0,1", r"seed=\[0,1: this value cannot be read"),
        ("run seed=${nothing}", "cannot be composed: Interpolation key 'nothing' not found"),
        ("train --open", "--open goes with the stages run and report, not with train"),
        ("run --dry-run=1", "--dry-run takes no value"),
        ("submit codes=x name=mine --dry-run", "--dry-run goes with .*, not with submit of codes=FILE"),
        ("submit study=quick dry_run=true", "--dry-run goes with run, train and score .*, not with submit"),
        ("score codes=x name=mine --dry-run", "not with score of codes=FILE"),
        ("merge x --dry-run", "not with merge"),
        ("compare a,b --dry-run", "not with compare"),
        ("data dataset=mnist --dry-run", "not with data"),
        ("data remove name=mine --dry-run", "not with data remove"),
        ("list models metrics", "'metrics' is neither"),
        (f"status results_dir={'x' * 300} study=mine", "cannot be used: File name too long"),
        ("status results_dir=/dev/null/x", "results_dir=/dev/null/x cannot be used: Not a directory"),
        ("status hydra.searchpath=" + "9" * 300, "hydra.searchpath: there is no folder 999"),
        ("status hydra.searchpath=[pkg://nothing.conf]", "hydra.searchpath: there is no package nothing.conf"),
        ("score codes=x name=mine study.name=../x", "study.name='../x': a name is 1 to 64 letters"),
        ("score codes=x seed=-1", "seed must be integers from 0"),
        ("run processes=-1", "processes must be a whole number from 1, got -1"),
        ("run processes=x", "processes must be a whole number from 1, got 'x'"),
        ("run retry_failed=perhaps", "retry_failed must be true or false"),
        ("run launcher=slurm launcher.minutes=-5", "launcher.minutes must be a whole number from 1"),
        ("run launcher=slurm launcher.wait=maybe", "launcher.wait must be true or false"),
        ("run --shell-completion install=bash", "disentanglement-bench completion bash"),
        ("report rank_by=lr_100/3", "a score of all factors, lr_100"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as fault:
        settings(*words.split(" "))
    assert "\n" not in str(fault.value)
    assert "hydra.cc" not in str(fault.value)


@pytest.mark.parametrize(
    "words",
    [
        "run trainer={steps:4}",
        "run scoring.options.downstream.train_sizes=[10] scoring=published",
        "run scoring={options:{mig:{num_bins:4}}}",
        "run strength_of={pca:[0]} study=quick",
        "run strength_of.pca=[0] study=quick",
        "run model=factor_vae model.factor_vae.published_updates=0.25",
        "run ~scoring.options.dci",
        "run ~scoring.options.downstream.num_rounds",
        "run study=quick ~model.pca",
        "run launcher=slurm launcher.sbatch={account:x} launcher.setup=[ls]",
        "run launcher=slurm launcher.sbatch.account=x",
        "run logger=wandb logger.arguments.project=mine",
        "run seed=0..4 trainer.steps=1e3 model=[beta_vae,pca]",
        "report rank_by=lr_100",
        "report rank_set=prediction level=best",
        "report level=elbo",
        "floors study=quick",
        "report rank_by=elbo --open",
    ],
)
def test_what_may_be_given_makes_a_plan(words: str) -> None:
    assert plan(settings(*words.split(" "))).runs


def test_options_of_another_package_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tmp_path / "own_package" / "conf" / "study" / "theirs.yaml"
    study.parent.mkdir(parents=True)
    study.write_text(CUSTOM.replace("name: null", "name: theirs").replace("seed: [0]", "seed: [7]"))
    for folder in study.parents[1:3]:
        (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    for place in ("pkg://own_package.conf", f"file://{study.parents[1]}"):
        found = settings("run", "study=theirs", f"hydra.searchpath=[{place}]")
        assert (found["study"]["name"], found["seed"]) == ("theirs", [7])
        assert found["shipped"]
        with pytest.raises(UnknownNameError, match="Did you mean 'theirs'"):
            study_of(settings("run", "study=thiers", f"hydra.searchpath=[{place}]"), Store(tmp_path))


def test_a_study_of_someone_else_runs_no_code(tmp_path: Path) -> None:
    study = tmp_path / "study" / "theirs.yaml"
    study.parent.mkdir()
    called = "{x: {_target_: os.mkdir, path: " + str(tmp_path / "made") + "}}"
    study.write_text(CUSTOM.replace("name: null", "name: theirs") + f"hydra: {{callbacks: {called}}}\n")
    assert settings("run", "study=theirs", f"hydra.searchpath=[file://{tmp_path}]")["study"]["name"] == "theirs"
    assert not (tmp_path / "made").exists()


def test_of_hydras_own_settings_it_is_said_that_they_have_no_effect(capsys: pytest.CaptureFixture[str]) -> None:
    assert settings("run", "hydra.verbose=true")["given"] == {"hydra.verbose": "true"}
    assert "only hydra.searchpath has an effect" in capsys.readouterr().err


def test_a_size_that_is_asked_for_is_that_of_every_data_set() -> None:
    assert settings("run")["trainer"]["sized_by_data"]
    assert not settings("run", "trainer.image_size=32")["trainer"]["sized_by_data"]
    assert settings("run", "trainer.image_size=32", "trainer.sized_by_data=true")["trainer"]["sized_by_data"]
