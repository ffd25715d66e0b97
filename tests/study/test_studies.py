"""A study lasts: commands extend its plan, none shrinks or replaces it; what a grid leaves open is as in the study."""

import dataclasses
import json
import multiprocessing
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import bench
from bench import data
from bench.registry import UnknownNameError
from bench.store import files
from bench.store.files import StoreError, read_json
from bench.store.folders import Store
from bench.store.record_types import identity
from bench.store.shipped import conf_dir
from bench.study import grid, record
from bench.study.command import axes, study_of, with_codes
from bench.study.given import GivenCodes
from bench.study.plan import Plan
from bench.study.record import extend, read
from bench.study.run import Run
from bench.table.scores import plan_scores
from bench.values import ConfigError

CODES = GivenCodes("mine", 0, "dsprites", 1, "ab" * 32, "mine.npz")


def settings(*words: str, stage: str = "run", text: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the command line hands on: the composed configuration and the words it was given."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed: Any = OmegaConf.to_container(compose("config", [f"stage={stage}", *words]), resolve=True)
    given = {key: value for key, _, value in (word.partition("=") for word in words)}
    shipped = given.get("study", "custom") != "custom"
    return composed | {"given": given, "shipped": shipped, "studies": ["quick", "reference"], "overrides": list(words)}


def begun(target: Store, *words: str) -> Plan:
    """A study that a command left in the store."""
    return extend(study_of(settings(*words), target).whole, target)


def drawn_from(runs: tuple[Run, ...]) -> dict[str, set[Any]]:
    return {axis: {getattr(run, axis) for run in runs} for axis in ("model", "strength_index", "seed", "dataset")}


@pytest.fixture
def target(tmp_path: Path) -> Store:
    return Store(tmp_path)


GRID = ("model=beta_vae", "strength=[0,5]", "seed=[0,1]", "trainer.steps=50", "study.name=mine")


def test_a_plan_comes_back_from_its_record_as_it_was(target: Store) -> None:
    plan = begun(target, "study=learners")
    assert read(target, "learners") == plan
    assert [r.id for r in read(target, "learners").runs] == [r.id for r in plan.runs]


def test_a_name_without_a_grid_is_the_study_as_it_was_begun(target: Store) -> None:
    plan = begun(target, *GRID)
    for stage in ("run", "train", "score", "analyze", "report", "export", "status"):
        study = study_of(settings("study.name=mine", stage=stage), target)
        assert study.whole == study.part == plan, stage


def test_a_grid_extends_it_and_what_the_grid_leaves_open_is_as_in_the_study(target: Store) -> None:
    begun(target, *GRID)
    study = study_of(settings("study.name=mine", "model=pca", "seed=[0,1]"), target)
    assert drawn_from(study.part.runs)["model"] == {"pca"}
    assert drawn_from(study.whole.runs)["model"] == {"beta_vae", "pca"}
    assert {r.schedule.steps for r in study.whole.runs} == {50}
    assert extend(study.whole, target) == read(target, "mine") == study.whole


def test_the_axes_of_a_study_fill_what_a_command_does_not_say(target: Store) -> None:
    begun(target, *GRID)
    begun(target, "model=pca", "seed=[0,1]", "study.name=mine")
    assert axes(target, "mine") == {
        "model": ["beta_vae", "pca"], "seed": [0, 1], "dataset": ["dsprites"], "strength": [0, 5],
        "strength_of": {"beta_vae": [0, 5]},
    }  # fmt: skip
    assert axes(target, "none") == {}


def test_the_stages_that_read_never_widen_a_shipped_study_and_those_that_train_complete_it(target: Store) -> None:
    small = begun(target, "study=quick", "model=pca", "seed=[7]")
    assert study_of(settings("study=quick", stage="report"), target).whole == small
    whole = study_of(settings("study=quick", stage="run"), target).whole
    assert set(small.runs) < set(whole.runs)
    assert len(whole.runs) == 48 + 3


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("trainer.steps=60",), "trainer.steps is 50 in the study, 60 here"),
        (("trainer=published",), "trainer.batch_size is 32 in the study, 64 here"),
        (("trainer.precision=tf32", "seed=[5]"), "trainer.precision is float32 in the study, tf32 here"),
        (("scoring=published",), "scoring.pool is 10000 in the study, None here"),
        (("scoring.num_train=7", "model=pca"), "scoring.num_train is 2000 in the study, 7 here"),
    ],
)
def test_another_schedule_or_protocol_is_an_error_that_names_both(
    target: Store, words: tuple[str, ...], named: str
) -> None:
    plan = begun(target, *GRID)
    with pytest.raises(ConfigError, match=rf"study mine has one schedule .*{named}.*study\.name=OTHER"):
        study_of(settings("study.name=mine", *words), target)
    assert read(target, "mine") == plan


def test_settings_that_change_no_number_can_be_others(target: Store) -> None:
    plan = begun(target, *GRID)
    study = study_of(settings("study.name=mine", "trainer.fleet=8"), target)
    assert {r.schedule.fleet for r in study.whole.runs} == {8}
    assert [r.id for r in study.whole.runs] == [r.id for r in plan.runs]


def test_a_model_cannot_be_trained_in_two_ways_in_one_study(target: Store) -> None:
    begun(target, "model=factor_vae", "trainer.updates=published", "study.name=mine")
    with pytest.raises(ConfigError, match=r"this command asks for others: .*updates"):
        study_of(settings("study.name=mine", "model=factor_vae", "seed=[1]", "trainer.updates=even"), target)
    other = "model.factor_vae.published_updates=0.25"
    with pytest.raises(ConfigError, match="has 150 as steps of factor_vae, and this command asks for 75"):
        study_of(settings("study.name=mine", "model=factor_vae", other, "seed=[1]"), target)


def test_a_record_that_does_not_tell_of_updates_goes_on_as_it_was_begun(target: Store) -> None:
    begun(target, "model=factor_vae", "trainer.updates=published", "study.name=mine")
    path = target.study("mine") / "plan.json"
    text = json.loads(path.read_text())
    for schedule in (text["schedule"], *text["schedules"]):
        del schedule["updates"]
    path.write_text(json.dumps(text))
    whole = study_of(settings("study.name=mine", "model=factor_vae", "seed=[1]"), target).whole
    assert {run.schedule.steps for run in whole.runs} == {150}


def test_a_run_of_an_earlier_version_of_its_model_is_superseded_and_said(
    target: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = begun(target, *GRID)
    newer = tuple(dataclasses.replace(run, version=run.version + 1) for run in plan.runs[:1])
    whole = extend(dataclasses.replace(plan, runs=newer), target)
    assert len(whole.runs) == len(plan.runs)
    assert newer[0] in whole.runs
    assert "1 run of an earlier version" in capsys.readouterr().err


def test_metrics_are_added_and_every_metric_stays_every_metric(target: Store) -> None:
    begun(target, *GRID, "metric=[mig]")
    study = study_of(settings("study.name=mine", "metric=[sap]", stage="score"), target)
    assert (study.whole.metrics, study.part.metrics) == (("mig", "sap"), ("sap",))
    extend(study.whole, target)
    assert study_of(settings("study.name=mine", stage="score"), target).part.metrics == ("mig", "sap")
    every = extend(study_of(settings("study.name=mine", "metric=all", stage="score"), target).whole, target)
    assert every.every_metric
    assert "dci" in every.metrics
    assert study_of(settings("study.name=mine", "metric=[sap]", stage="score"), target).whole.every_metric


def test_codes_are_members_and_stay_members(target: Store) -> None:
    words = settings("study.name=quick", "codes=mine.npz", "name=mine", "dataset=dsprites", stage="score")
    alone = extend(with_codes(CODES, words, target).whole, target)
    assert (alone.runs, alone.codes) == ((), (CODES,))
    assert study_of(settings("study.name=quick", stage="report"), target).whole == alone
    whole = begun(target, "study=quick")
    assert whole.codes == (CODES,)
    assert len(whole.runs) == 48
    assert whole.title == "The quick study"
    assert whole.members[-1] == CODES


def test_codes_are_scored_under_the_protocol_of_their_study(target: Store) -> None:
    begun(target, *GRID, "scoring.pool=77")
    plan = with_codes(CODES, settings("study.name=mine", "dataset=dsprites", stage="score"), target).whole
    assert plan.protocol.pool == 77
    with pytest.raises(ConfigError, match=r"scoring\.pool is 77 in the study, 88 here"):
        with_codes(CODES, settings("study.name=mine", "scoring.pool=88", stage="score"), target)


@pytest.mark.parametrize("words", [("study.name=mien",), ("study.name=mien", "metric=mig")])
def test_a_study_that_is_not_there_is_not_begun_without_a_grid(target: Store, words: tuple[str, ...]) -> None:
    begun(target, *GRID)
    with pytest.raises(UnknownNameError, match=r"unknown study 'mien'\. Did you mean 'mine'"):
        study_of(settings(*words, stage="report"), target)
    assert target.studies() == ["mine"]


def test_a_grid_without_a_name_has_a_name_of_its_own_from_its_content(target: Store) -> None:
    first, second, again = (study_of(settings(f"model={model}"), target).whole.name for model in ("pca", "ica", "pca"))
    assert first == again
    assert first != second
    assert first.startswith("grid-")


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"format": 3}', '{"format": 2}', '{"runs": ["a"], "cells": ["b"]}',
        '{"format": 2, "schedules": [{}], "metrics": "all", "runs": []}',
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_read_is_named_with_the_way_on(target: Store, text: str) -> None:
    begun(target, *GRID)
    target.study_plan("mine").write_text(text)
    with pytest.raises(StoreError, match=r"plan\.json"):
        study_of(settings("study.name=mine", stage="report"), target)
    assert target.study_plan("mine").read_text() == text


@pytest.mark.parametrize(
    ("field", "values"),
    {
        "model": [None, {}, 3, "<b>"], "version": ["1", 0, True], "fitted": [None, 0], "hyper": [None, {"beta": []}],
        "sweeps": [True, {}], "strength": ["0", -1, 10**30], "value": [{}, "1", True], "seeds": [3, [-1], ["0"]],
        "dataset": [10**30, "a\x1b[31m"], "dataset_version": [None, 1.5], "schedule": ["0", -1, 9],
        "checkpoint": [True, "ab", [1]], "networks_version": [-1, [1]], "pairs": [None, {}], "sampling": [None, {}],
    }.items(),
)  # fmt: skip
def test_a_field_of_a_wrong_type_is_damage(target: Store, field: str, values: list[Any]) -> None:
    begun(target, *GRID)
    path = target.study_plan("mine")
    entry = json.loads(path.read_text())
    for value in values:
        path.write_text(json.dumps(entry | {"runs": [entry["runs"][0] | {field: value}]}))
        with pytest.raises(StoreError, match=rf"cannot read {path}: .*; move it away and give the study's grid once"):
            read(target, "mine")


@pytest.mark.parametrize("harm", [{"title": None}, {"metrics": "mig"}, {"metrics": [1]}, {"codes": [{"model": "a"}]}])
def test_what_is_wrong_elsewhere_in_a_plan_is_damage(target: Store, harm: dict[str, Any]) -> None:
    begun(target, *GRID)
    path = target.study_plan("mine")
    path.write_text(json.dumps(json.loads(path.read_text()) | harm))
    with pytest.raises(StoreError, match=rf"cannot read {path}: {next(iter(harm))}"):
        read(target, "mine")


def test_a_plan_that_may_not_be_read_is_not_taken_for_none(target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(target, *GRID)

    def closed(path: Any, *rest: Any, **named: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files.os, "open", closed)
    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(StoreError, match=rf"cannot read {target.study_plan('mine')}: .*Permission denied: '.*'$"):
        read(target, "mine")


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.parent.write_text(""), Path.mkdir])
def test_where_there_is_no_plan_there_is_no_study(target: Store, make: Any) -> None:
    path = target.study_plan("mine")
    path.parent.parent.mkdir(parents=True)
    if make is Path.mkdir:
        path.mkdir(parents=True)
        with pytest.raises(StoreError, match=r"no regular file; move it away"):
            read(target, "mine")
    else:
        make(path)
        assert read(target, "mine") is None


def _extend_with(seed: int, path: Path, words: dict[str, Any]) -> None:
    target = Store(path)
    added = study_of(words | {"seed": [seed]}, target).whole
    extend(added, target)


def test_commands_that_extend_a_study_at_once_lose_nothing(target: Store) -> None:
    words = settings("model=pca", "seed=[0]", "study.name=shared")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_extend_with, args=(seed, target.path, words)) for seed in range(12)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert {r.seed for r in read(target, "shared").runs} == set(range(12))
    assert [p.name for p in target.study("shared").iterdir()] == ["plan.json"]


def test_a_plan_written_before_networks_had_versions_is_read_as_their_first(target: Store) -> None:
    plan = begun(target, *GRID)
    written = files.read_json(target.study_plan("mine"))
    for entry in written["runs"]:
        del entry["networks_version"], entry["pairs"], entry["sampling"]
    files.write_json(target.study_plan("mine"), written)
    assert read(target, "mine") == plan


def test_an_old_plan_is_not_replaced_in_silence(target: Store) -> None:
    files.write_json(target.study_plan("mine"), {"name": "mine", "runs": ["a"], "cells": ["b"]})
    with pytest.raises(StoreError, match="was written by an earlier version: move it away and give"):
        study_of(settings(*GRID), target)


def test_a_shipped_study_that_was_begun_with_another_schedule_goes_on_so_and_says_it(
    target: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(target, "study=quick", "trainer.steps=70", "model=pca")
    assert not capsys.readouterr().err
    study = study_of(settings("study=quick"), target)
    assert {r.schedule.steps for r in study.whole.runs} == {70}
    assert (
        "study quick was begun here with another schedule, and goes on so: trainer.steps is 70"
        in capsys.readouterr().err
    )


def test_the_schedule_of_the_study_itself_is_what_its_record_has(target: Store) -> None:
    begun(target, "study=small", "trainer.steps=70")
    assert {r.schedule.steps for r in study_of(settings("study=small"), target).whole.runs} == {70}
    assert record.read(target, "small").schedule.name == "small"


def test_the_reference_table_is_read_as_its_page_says() -> None:
    code = "import bench; table, card = bench.reference.read_reference(); print(len(table) == card['rows'] > 0)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_the_reference_study_answers_where_nothing_was_trained(target: Store) -> None:
    table = bench.scores("reference", target.path)
    plan = begun(target, "study=reference")
    assert {*table["run"]} == {run.id for run in plan.runs}
    again, origin = plan_scores(plan, target)
    assert {*again["run"]} == {*table["run"]}
    assert f"scores of {len(plan.runs)} runs from the table" in origin


def test_a_table_that_has_no_run_of_its_study_any_more_is_said(target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.study.run.TRAINING", 2)
    table, origin = plan_scores(begun(target, "study=reference"), target)
    assert table.empty
    assert "none of the runs that" in origin
    assert "a version in their ids was raised since" in origin


def test_a_study_has_one_rule_of_pairs_a_model(target: Store) -> None:
    grid = ("model=ada_gvae", "strength=0", "seed=0", "study.name=mine")
    begun(target, *grid, "model.ada_gvae.pairs=dlib")
    assert {run.pairs for run in read(target, "mine").runs} == {"dlib"}
    with pytest.raises(ConfigError, match=r"has dlib as ada_gvae\.pairs, and this command asks for paper"):
        study_of(settings(*grid), target)


ON_SOME = ("model=beta_vae", "strength=[0]", "seed=[0,1]", "study.name=mine")
SAMPLINGS = "[{kind:all},{kind:held_out,held_out:[{x:16..31}]},{kind:correlated,pairs:[[x,y]],sigma:0.1}]"


def test_a_study_keeps_what_its_runs_are_trained_on(target: Store) -> None:
    plan = begun(target, *ON_SOME, f"sampling.each={SAMPLINGS}")
    assert read(target, "mine") == plan
    assert [r.id for r in read(target, "mine").runs] == [r.id for r in plan.runs]
    assert len({r.sampling for r in plan.runs}) == 3
    written = files.read_json(target.study_plan("mine"))
    assert [entry["sampling"]["kind"] for entry in written["runs"]] == ["all", "held_out", "correlated"]


def test_another_sampling_is_added_to_a_study_like_another_seed(target: Store) -> None:
    begun(target, *ON_SOME)
    assert "sampling.each" not in axes(target, "mine")
    plan = begun(target, *ON_SOME, "sampling=subset", "sampling.images=100")
    assert [r.sampling.label for r in plan.runs] == ["all images", "all images", "100 images", "100 images"]
    assert axes(target, "mine")["sampling.each"] == [{"kind": "all"}, {"kind": "subset", "images": 100, "draw": 0}]


def test_records_call_the_strength_index_strength_and_ids_do_not_depend_on_what_is_shown(target: Store) -> None:
    begun(target, *GRID)
    codes = dataclasses.replace(CODES, strength_index=2)
    plan = extend(with_codes(codes, settings("study.name=mine"), target).whole, target)
    assert plan.codes == read(target, "mine").codes == (codes,)
    kept = read_json(target.study_plan("mine"))
    assert {entry["strength"] for entry in (*kept["runs"], *kept["codes"])} == {0, 5, 2}
    run = read(target, "mine").runs[-1]
    assert (run.record()["hyperparameter"], run.record()["strength"], run.record()["value"]) == ("beta", 5, 16.0)
    assert identity(run.record()) == run.id
    assert identity({k: v for k, v in run.record().items() if k != "hyperparameter"}) == run.id


def test_a_study_of_before_sees_data_of_ones_own_at_the_size_of_its_schedule(
    target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = {name: data.card(name) for name in data.names()}
    cards["own"] = dataclasses.replace(cards["dsprites"], name="own")
    monkeypatch.setattr(data, "card", cards.__getitem__)
    monkeypatch.setattr(data, "names", lambda: sorted(cards))
    monkeypatch.setattr(data, "users_own", lambda: ["own"])
    grid = (*GRID, "dataset=own")
    begun(target, *grid, "trainer.sized_by_data=false")
    entry = json.loads(target.study_plan("mine").read_text())
    for schedule in (entry["schedule"], *entry["schedules"]):
        del schedule["sized_by_data"]  # as in a record of before there was such a key
    target.study_plan("mine").write_text(json.dumps(entry))
    extended = begun(target, "study.name=mine", "model=beta_vae", "strength=[0,5]", "seed=[2]", "dataset=own")
    assert {run.schedule.image_size for run in extended.runs} == {32}
    assert len(extended.runs) == 6
    with pytest.raises(ConfigError, match="study mine has 32 as image_size of own, and this command asks for 64"):
        begun(target, *grid, "trainer.sized_by_data=true", "seed=[3]")
    assert {run.schedule.image_size for run in begun(target, *grid[:-2], "study.name=anew", grid[-1]).runs} == {64}


def test_a_copied_study_is_one_of_its_own(target: Store) -> None:
    begun(target, *GRID)
    shutil.copytree(target.study("mine"), target.study("copy"))
    begun(target, "model=pca", "study.name=copy")
    assert [{run.model for run in read(target, name).runs} for name in ("mine", "copy")] == [
        {"beta_vae"}, {"beta_vae", "pca"},
    ]  # fmt: skip


def test_a_plan_that_was_cut_says_how_to_go_on(target: Store) -> None:
    begun(target, *GRID)
    path = target.study_plan("mine")
    path.write_text(path.read_text()[:200])
    with pytest.raises(
        StoreError, match=r"cannot read .*plan\.json: .*; move it away and give the study's grid once more"
    ):
        read(target, "mine")


def test_a_study_that_is_not_there_is_looked_for_in_a_store_that_is_named(tmp_path: Path) -> None:
    nowhere = Store(tmp_path / "typo")
    with pytest.raises(UnknownNameError, match=r"The store is .*/typo, which does not exist\."):
        study_of(settings("study.name=mine", stage="status"), nowhere)
    with pytest.raises(StoreError, match="typo, which does not exist"):
        bench.scores(results_dir=tmp_path / "typo")


def test_the_value_that_a_grid_sweeps_is_given_as_a_strength() -> None:
    with pytest.raises(ConfigError, match=r"hyper.beta is what a grid sweeps: .* strength="):
        grid.plan(settings("model=beta_vae", "model.beta_vae.hyper.beta=3"))
