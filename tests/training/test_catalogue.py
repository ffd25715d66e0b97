"""Trained models ship: added from a store, listed, loaded without training, taken as done, checked."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from merging.tables import QUICK, folder_of, scored

import bench
from bench.cli.listing import trained_table
from bench.data.sampling import of_entry
from bench.models.base import Learner
from bench.models.pca import PCA
from bench.registry import UnknownNameError
from bench.store.files import StoreError, read_arrays, read_json, sha256_of, write_arrays, write_json
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.run import Frozen, Run, Schedule
from bench.table.reference import merge
from bench.table.scores import plan_scores
from bench.training import catalogue as trained
from bench.training.catalogue import catalogue, find, load_model, ship, shipped_among, take
from bench.training.train import new_learner
from bench.values import ConfigError

SCHEDULE = Schedule(7, 4, 1e-3, 32, "small", 3, 1, "tiny", 5, 5, precision="tf32")
DONE = {"device": "one GPU", "seconds": 9.0, "versions": {"torch": "2.11.0"}, "revision": "fef56f475880"}
LOSSES = "step,loss,reconstruction,kl,regulariser,total_correlation\n7,9,8,1,0,0\n"


def of(strength: int, seed: int = 0) -> Run:
    value = (1.0, 2.0, 4.0, 6.0, 8.0, 16.0)[strength]
    hyper = Frozen({"beta": value})
    return Run("beta_vae", 1, False, hyper, "beta", strength, value, seed, "dsprites", 1, SCHEDULE)


def learner(run: Run) -> Learner:
    """As training might have left it: with weights that half precision has to round."""
    made = new_learner([run])
    made.load({name: array * np.float32(1.01) + np.float32(1e-3) for name, array in made.state().items()})
    return made


def finished(run: Run, store: Store, weights_of: Run | None = None) -> None:
    folder = store.run(run.id)
    write_json(folder.config, run.record())
    write_arrays(folder.weights, learner(weights_of or run).state())
    folder.losses.write_text(LOSSES)
    write_json(folder.done, DONE)


def test_a_model_that_was_trained_here_is_loaded_by_the_folder_of_its_run(tmp_path: Path) -> None:
    store = Store(tmp_path)
    finished(of(5), store)
    folder = store.run(of(5).id)
    loaded = load_model(folder.path)
    for name, array in read_arrays(folder.weights)[0].items():
        np.testing.assert_array_equal(loaded.state()[name], array)
    assert load_model(str(folder.path)).state().keys() == loaded.state().keys()


def test_a_model_that_was_fitted_here_is_loaded_by_the_folder_of_its_run(tmp_path: Path) -> None:
    run = Run("pca", 2, True, Frozen({"latent_dim": 3, "num_images": 9}), None, None, None, 0, "dsprites", 1, SCHEDULE)
    folder, images = Store(tmp_path).run(run.id), np.random.default_rng(0).random((20, 32, 32, 1), np.float32)
    fitted = new_learner([run])
    assert isinstance(fitted, PCA)
    fitted.fit_images(images.reshape(20, -1), 0)
    write_json(folder.config, run.record())
    write_arrays(folder.weights, fitted.state())
    write_json(folder.done, DONE)
    np.testing.assert_array_equal(load_model(folder.path).encode(images)[0], fitted.encode(images)[0])


def test_a_folder_of_no_finished_run_and_one_that_was_changed_are_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="nothing is not the folder of a finished run"):
        load_model(tmp_path / "nothing")
    finished(of(0), store)
    config = store.run(of(0).id).config
    write_json(config, read_json(config) | {"seed": 3})
    with pytest.raises(StoreError, match=f"config.json is not that of the run {of(0).id}: it was changed"):
        load_model(store.run(of(0).id).path)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of two trained models, which is the package's for the time of a test."""
    store, folder = Store(tmp_path / "origin"), tmp_path / "trained"
    for run in (of(0), of(5)):
        finished(run, store)
    added = ship([of(0), of(1), of(5)], store, folder)
    assert [entry.run for entry in added] == [of(0).id, of(5).id]
    monkeypatch.setattr(trained, "trained_dir", lambda: folder)
    return folder


def test_a_shipped_model_is_loaded_without_training_and_without_data(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.training.train.load_data", None)
    model, original = load_model("beta_vae", dataset="dsprites", strength=5, seed=0), learner(of(5))
    images = np.random.default_rng(0).random((4, 32, 32, 1), dtype=np.float32)
    mean, logvar = model.encode(images)
    assert mean.dtype == np.float32
    assert logvar is not None
    assert mean.shape == logvar.shape == (4, 3)
    assert np.abs(mean - original.encode(images)[0]).max() < 0.01
    assert model.decode(mean).shape == images.shape
    assert bench.load_model is load_model


def test_weights_are_rounded_to_half_precision_and_read_as_floats(shipped: Path) -> None:
    entry = catalogue()[1]
    assert {a.dtype for a in read_arrays(entry.path)[0].values()} == {np.dtype(np.float16)}
    weights, original = entry.arrays()[0], learner(of(5)).state()
    assert weights.keys() == original.keys()
    for name, array in weights.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, original[name].astype(np.float16).astype(np.float32))


def test_the_catalogue_says_what_each_model_is(shipped: Path) -> None:
    (first, second) = json.loads((shipped / "catalogue.json").read_text())["models"]
    assert (first["run"]["strength"], first["run"]["value"], first["run"]["seed"]) == (0, 1.0, 0)
    assert (first["run"]["model"]["name"], first["run"]["dataset"]["name"]) == ("beta_vae", "dsprites")
    assert (first["run"]["schedule"]["steps"], first["run"]["schedule"]["precision"]) == (7, "tf32")
    assert (second["run"]["id"], second["file"]) == (of(5).id, f"{of(5).id}.safetensors")
    assert second["training"] == DONE
    table = trained_table(catalogue())
    assert len(table) == 2 + 2
    assert all(word in table[3] for word in ("beta_vae", "dsprites", " 16 ", "tiny: 7 steps", "fef56f475880", of(5).id))


def test_a_strength_is_an_index_or_as_a_float_the_value(shipped: Path) -> None:
    by_index, by_value = load_model("beta_vae", strength=5), load_model("beta_vae", strength=16.0)
    assert all((array == by_value.state()[name]).all() for name, array in by_index.state().items())


@pytest.mark.parametrize("steps", [3, 9])
def test_of_several_schedules_the_longest_is_loaded(shipped: Path, tmp_path: Path, steps: int) -> None:
    other = dataclasses.replace(of(0), schedule=dataclasses.replace(SCHEDULE, steps=steps))
    finished(other, Store(tmp_path / "origin"))
    assert len(ship([other], Store(tmp_path / "origin"), shipped)) == 1
    assert find(catalogue(), "beta_vae", "dsprites", 0, 0).run == (other if steps > SCHEDULE.steps else of(0)).id


def test_what_was_trained_on_part_of_the_images_is_in_the_catalogue_and_is_not_loaded_in_the_place_of_all(
    shipped: Path, tmp_path: Path
) -> None:
    part = dataclasses.replace(of(1), sampling=of_entry({"kind": "subset", "images": 100, "draw": 0}))
    finished(part, Store(tmp_path / "origin"))
    ship([part], Store(tmp_path / "origin"), shipped)
    assert [entry.as_run().sampling == part.sampling for entry in catalogue()] == [False, True, False]
    with pytest.raises(ConfigError, match="no trained beta_vae on dsprites has strength 1 and seed 0"):
        load_model("beta_vae", strength=1)


def test_a_run_of_a_later_data_set_or_of_a_model_that_is_unknown_here_is_read_as_it_was_recorded(
    shipped: Path, tmp_path: Path
) -> None:
    later = dataclasses.replace(of(1), dataset_version=2)
    theirs = dataclasses.replace(of(2), model="theirs", sweeps="lambda", hyper=Frozen({"lambda": 4.0}))
    for run in (later, theirs):
        finished(run, Store(tmp_path / "origin"), weights_of=of(1))
    ship([later, theirs], Store(tmp_path / "origin"), shipped)
    entries = {entry.run: entry.as_run() for entry in catalogue()}
    assert entries[later.id].dataset_version == 2
    assert (entries[theirs.id].sweeps, entries[theirs.id].hyper) == ("lambda", {"lambda": 4.0})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"model": "beta_va"}, "beta_vae"),
        ({"model": "beta_vae", "dataset": "dsprite"}, "dsprites"),
        ({"model": "beta_vae", "strength": 4}, "nearest: strength=5, seed=0"),
        ({"model": "beta_vae", "strength": 2.5}, "nearest: strength=0, seed=0"),
        ({"model": "beta_vae", "strength": 12.0}, "nearest: strength=5, seed=0"),
        (
            {"model": "beta_vae", "strength": 5, "seed": 3},
            r"strength 0 \(1\): seed 0; strength 5 \(16\): seed 0\.",
        ),
        ({"model": "beta_vae", "strength": "5"}, "strength is an index or a value"),
        ({"model": "beta_vae", "seed": 0.5}, "seed an integer"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(shipped: Path, asked: dict[str, object], told: str) -> None:
    with pytest.raises((UnknownNameError, ConfigError), match=told):
        load_model(**asked)  # type: ignore[arg-type]


def test_without_a_catalogue_there_are_no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "trained_dir", lambda: tmp_path)
    assert catalogue() == []
    with pytest.raises(ConfigError, match="no trained models came with this package"):
        load_model("beta_vae")


def test_a_file_that_is_missing_or_another_is_one_line_with_the_mend(shipped: Path) -> None:
    path = catalogue()[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(StoreError, match="its sha256 differs: restore it, or install the package again"):
        load_model("beta_vae")
    path.unlink()
    with pytest.raises(StoreError, match=r"is missing: restore it, or install the package again$"):
        load_model("beta_vae")


def test_a_damaged_catalogue_is_one_line_with_the_mend(shipped: Path) -> None:
    path = shipped / "catalogue.json"
    whole = json.loads(path.read_text())

    def changed(**fields: object) -> str:
        model = whole["models"][0]
        return json.dumps(whole | {"models": [model | fields]})

    run = whole["models"][0]["run"]
    for text in (
        "{", json.dumps(whole | {"format": 9}), changed(file="../weights.safetensors"), changed(sha256="0"),
        changed(run=run | {"seed": 4}), changed(run=run | {"schedule": {"batch_size": 4}}),
        changed(run={k: v for k, v in run.items() if k != "schedule"}),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(StoreError, match=r"^cannot read .*catalogue.json: .*; restore it, or install .* again$"):
            catalogue()


def test_a_store_takes_what_ships_in_the_place_of_training(shipped: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "own", writable=True)
    assert [run.id for run in take([of(0), of(1), of(5)], store)] == [of(0).id, of(5).id]
    folder = store.run(of(5).id)
    assert (folder.state(), store.run(of(1).id).state()) == ("done", "missing")
    assert read_json(folder.done) == DONE | {
        "taken_from": f"shipped {of(5).id}.safetensors",
        "sha256": sha256_of(folder.weights),
    }
    assert read_json(folder.config) == of(5).record()
    assert folder.losses.read_text() == LOSSES
    weights, there = catalogue()[1].arrays()[0], read_arrays(folder.weights)[0]
    assert all((array == there[name]).all() for name, array in weights.items())
    assert take([of(5)], store) == []


def test_a_run_that_is_done_or_being_trained_is_left_alone(shipped: Path, tmp_path: Path) -> None:
    from bench.store.claims import claiming

    store = Store(tmp_path / "own", writable=True)
    finished(of(0), store)
    before = store.run(of(0).id).weights.read_bytes()
    with claiming([store.run(of(5).id)]):
        assert take([of(0), of(5)], store) == []
    assert store.run(of(0).id).weights.read_bytes() == before


def test_shipping_again_adds_what_is_new_and_keeps_the_rest(shipped: Path, tmp_path: Path) -> None:
    store, before = Store(tmp_path / "origin"), (shipped / "catalogue.json").read_bytes()
    assert ship([of(0), of(5)], store, shipped) == []
    assert (shipped / "catalogue.json").read_bytes() == before
    finished(of(1, seed=1), store)
    assert [entry.run for entry in ship([of(1, seed=1)], store, shipped)] == [of(1, seed=1).id]
    assert [entry.setting[0] for entry in catalogue()] == [0, 1, 5]


def test_what_half_precision_cannot_hold_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "origin")
    finished(of(0), store)
    write_arrays(store.run(of(0).id).weights, {"w": np.float32([1e5])})
    with pytest.raises(ConfigError, match="its w has numbers beyond 65,504"):
        ship([of(0)], store, tmp_path / "trained")


def test_beyond_the_size_of_a_repository_models_are_files_of_a_release(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained, "LARGEST_IN_REPOSITORY", 10)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    store = Store(tmp_path / "origin")
    finished(of(2), store)
    (entry,) = ship([of(2)], store, shipped)
    assert entry.path == tmp_path / "data" / "trained" / f"{of(2).id}.safetensors"
    assert load_model("beta_vae", strength=2).encode(np.zeros((1, 32, 32, 1), np.float32))[0].shape == (1, 3)
    assert shipped_among([of(2)])
    entry.path.unlink()
    with pytest.raises(StoreError, match="it is a file of the project's release, put it there"):
        load_model("beta_vae", strength=2)
    assert shipped_among([of(2)]) == []  # so that a study trains it instead


@pytest.mark.parametrize("room", [0.5, 1.5, 2.5])
def test_the_size_of_a_repository_is_that_of_what_it_holds_and_of_what_is_added(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: float
) -> None:
    store = Store(tmp_path / "origin")
    runs = [of(2), of(3)]
    for run in runs:
        finished(run, store)
    held = [entry.path.stat().st_size for entry in catalogue()]
    monkeypatch.setattr(trained, "LARGEST_IN_REPOSITORY", sum(held) + room * held[0])
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    added = ship(runs, store, shipped)
    assert [bool(entry.record.get("release")) for entry in added] == [room < 1, room < 2]


def test_what_failed_or_was_begun_is_replaced_by_what_ships(shipped: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "own", writable=True)
    folder = store.run(of(0).id)
    for leftover in (folder.failed, folder.checkpoint):
        leftover.parent.mkdir(parents=True, exist_ok=True)
        leftover.write_text("{}")
    assert [run.id for run in take([of(0)], store)] == [of(0).id]
    assert (folder.state(), folder.failed.exists(), folder.checkpoint.exists()) == ("done", False, False)


def test_until_it_is_scored_a_run_that_was_taken_has_the_tables_scores(shipped: Path, tmp_path: Path) -> None:
    """They are the scores of the same weights; the losses are the store's, and a run trained here has its own alone."""
    store = Store(tmp_path / "own", writable=True)
    take([of(0)], store)
    finished(of(5), store)
    plan = Plan("mine", "Mine", (of(0), of(5)), ("mig", "sap"), QUICK)
    rows = [row for run in plan.runs for row in scored(run)]
    merge(folder_of(tmp_path / "table", rows), store)
    table, origin = plan_scores(plan, store)
    of_taken = table[table["run"] == of(0).id]
    assert of_taken["metric"].value_counts().to_dict() == {"training": 3, "mig": 2}
    assert "mig" not in {*table.loc[table["run"] == of(5).id, "metric"]}
    assert "scores of 1 run from the table" in origin


def test_the_command_adds_finished_runs_and_a_dry_run_none(tmp_path: Path) -> None:
    from bench.__main__ import compose_all, perform
    from bench.cli.words import read
    from bench.study.grid import plan

    grid = ["model=beta_vae", "strength=[0,1]", "dataset=dsprites", "trainer.steps=7", "trainer.name=tiny"]
    words = ["ship", *grid, f"results_dir={tmp_path}", f"folder={tmp_path / 'trained'}"]
    (settings,) = compose_all(read(words))
    run = plan(settings).runs[0]
    write_json(Store(tmp_path).run(run.id).config, run.record())
    write_arrays(Store(tmp_path).run(run.id).weights, new_learner([run]).state())
    write_json(Store(tmp_path).run(run.id).done, DONE)
    assert perform([*words, "--dry-run"]) == 0
    assert catalogue(tmp_path / "trained") == []
    assert perform(words) == 0
    assert [entry.run for entry in catalogue(tmp_path / "trained")] == [run.id]
    assert Store(tmp_path).studies() == []
