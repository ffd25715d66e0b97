"""The training stage leaves what it promises in a run's folder, whatever interrupts it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.models.base import ModelError
from bench.models.beta_vae import BetaVAE
from bench.models.parts.vae import GaussianVAE
from bench.models.pca import PCA
from bench.networks.parts.convolutions import Grouped
from bench.store.claims import claiming
from bench.store.files import StoreError, read_arrays, read_json, sha256_of, write_arrays, write_json
from bench.store.folders import RunFolder, Store
from bench.study.run import Frozen, Run, Schedule
from bench.table.records import read_records
from bench.training import train as stage
from bench.training.adopted import adopt
from bench.training.fleet import Fleet
from bench.training.loggers import LoggerError, LoggerSetting
from bench.training.stack import Stack

SCHEDULE = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)


def run(beta: float = 1.0, seed: int = 0, schedule: Schedule = SCHEDULE) -> Run:
    return Run("beta_vae", 1, False, Frozen(beta=beta), "beta", None, beta, seed, "dsprites", 1, schedule)


def train(runs: Sequence[Run], folder: Path) -> list[str]:
    return stage.train(runs, Store(folder), "cpu", lambda steps, note: None)


def stage_loss(folder: RunFolder) -> float:
    """The last loss that a run recorded."""
    return float(folder.losses.read_text().splitlines()[-1].split(",")[1])


def weights(a: Run, folder: Path) -> dict[str, np.ndarray]:
    return read_arrays(Store(folder).run(a.id).weights)[0]


def test_a_trained_run_leaves_weights_losses_and_provenance(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    assert stage.train([run()], Store(tmp_path), "cpu", lambda *news: told.append(news)) == ["done"]
    folder = Store(tmp_path).run(run().id)
    assert sum(steps for steps, _ in told) == 30
    assert f"highest loss {stage_loss(folder):.1f}: {run()}" == told[-1][1]
    assert folder.losses.read_text().splitlines()[0] == "step,loss,reconstruction,kl,regulariser,total_correlation"
    assert len(folder.losses.read_text().splitlines()) == 1 + 7  # step 1 and every fifth
    assert torch.__version__.startswith(read_json(folder.done)["versions"]["torch"])  # +cu126 is not in the metadata
    assert not folder.checkpoint.exists()
    assert stage.load_learner(run(), folder).encode(np.zeros((2, 32, 32, 1), np.float32))[0].shape == (2, 6)


def test_a_model_may_record_more_losses_which_readers_of_the_others_pass_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BetaVAE, "recorded", ("active",))
    losses = BetaVAE.losses

    def more(model, *given, **options):  # type: ignore[no-untyped-def]
        return losses(model, *given, **options) | {"active": torch.full((model.fleet,), 3.5)}

    monkeypatch.setattr(BetaVAE, "losses", more)
    assert train([run()], tmp_path) == ["done"]
    head, *lines = Store(tmp_path).run(run().id).losses.read_text().splitlines()
    assert head == "step,loss,reconstruction,kl,regulariser,total_correlation,active"
    assert {line.split(",")[-1] for line in lines} == {"3.5"}
    table, damaged = read_records(Store(tmp_path), Store(tmp_path).listings().values())
    assert not damaged
    assert {"training_reconstruction", "training_kl", "training_elbo"} == set(table.to_pandas()["name"])


@pytest.mark.parametrize("name", ["kl", "step", "a,b", ""])
def test_a_name_of_a_loss_that_is_no_column_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(BetaVAE, "recorded", (name,))
    assert train([run()], tmp_path) == ["failed"]
    assert f"recorded has {name!r}" in read_json(Store(tmp_path).run(run().id).failed)["error"]


def test_a_checkpoint_with_other_losses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = stage.new_learner([run()])
    assert isinstance(model, BetaVAE)
    batches = stage.Batches(stage.images_on(torch.device("cpu"), stage.load_data("mnist")), model, [0], 2)
    progress = Stack(model, batches, 1e-3).progress(0)
    monkeypatch.setattr(BetaVAE, "recorded", ("active",))
    with pytest.raises(ModelError, match="the checkpoint has 5 kinds of losses, the model 6"):
        Stack(model, batches, 1e-3).resume([progress])


def test_members_that_stand_at_different_steps_finish_as_if_undisturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run(seed=s) for s in (0, 1)]
    for one in runs:
        train([one], tmp_path / "undisturbed")
    update = Fleet.update

    def killed(fleet: Fleet, recorded: bool) -> None:
        if fleet.step == 25:
            raise KeyboardInterrupt
        update(fleet, recorded)

    monkeypatch.setattr(Fleet, "update", killed)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(runs[:1], tmp_path / "killed")
    monkeypatch.setattr(Fleet, "update", update)
    assert Store(tmp_path / "killed").run(runs[0].id).checkpoint.exists()
    assert train(runs, tmp_path / "killed") == ["done", "done"]
    for one in runs:
        first, second = (weights(one, tmp_path / d) for d in ("undisturbed", "killed"))
        assert all((first[n] == second[n]).all() for n in first)


def test_a_run_is_read_without_the_kernels_that_it_was_trained_with(tmp_path: Path) -> None:
    assert train([run()], tmp_path) == ["done"]
    by_kernels = run(schedule=replace(SCHEDULE, convolution="triton"))
    learner = stage.load_learner(by_kernels, Store(tmp_path).run(by_kernels.id))
    assert isinstance(learner.encoder.way, Grouped)


def test_a_fleet_larger_than_memory_is_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    losses = GaussianVAE.losses

    def small_memory(model, images, noise, step, **options):  # type: ignore[no-untyped-def]
        if model.fleet > 2:  # of stacks of five
            raise torch.OutOfMemoryError("device out of memory")
        return losses(model, images, noise, step, **options)

    monkeypatch.setattr(GaussianVAE, "losses", small_memory)
    stacked = replace(SCHEDULE, stack=5)
    told: list[float] = []
    runs = [run(seed=s, schedule=stacked) for s in range(5)]
    assert stage.train(runs, Store(tmp_path), "cpu", lambda steps, note: told.append(steps)) == ["done"] * 5
    assert "in halves" in capsys.readouterr().err
    assert sum(told) == 5 * 30


def test_the_images_are_put_on_the_device_once_for_a_whole_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = []
    images_on = stage.images_on
    monkeypatch.setattr(stage, "images_on", lambda *given: sources.append(images_on(*given)) or sources[-1])
    assert train([run(seed=s) for s in range(3)], tmp_path) == ["done"] * 3
    assert len(sources) == 1


def test_a_truncated_checkpoint_is_set_aside_and_the_run_starts_anew(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    folder = Store(tmp_path).run(run().id)
    folder.path.mkdir(parents=True)
    folder.checkpoint.write_bytes(b"cut off")
    assert train([run()], tmp_path) == ["done"]
    assert "training starts again" in capsys.readouterr().err
    (kept,) = folder.path.glob("damaged-*")
    assert kept.read_bytes() == b"cut off"


Harm = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def half_way(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The checkpoint of a run at step 10 of 30."""
    folder, update = tmp_path_factory.mktemp("half_way"), Fleet.update

    def killed(fleet: Fleet, recorded: bool) -> None:
        if fleet.step == 15:
            raise KeyboardInterrupt
        update(fleet, recorded)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fleet, "update", killed)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train([run()], folder)
    return read_arrays(Store(folder).run(run().id).checkpoint)


@pytest.mark.parametrize(
    ("harm", "notes"),
    {
        "as it was written": (dict, {}),
        "no step": (dict, {"step": ""}),
        "a step that is none": (dict, {"step": "x"}),
        "a step beyond the last": (dict, {"step": "31"}),
        "no arrays": (lambda arrays: {}, {}),
        "no losses": (lambda arrays: {n: a for n, a in arrays.items() if n != "losses"}, {}),
        "losses of another shape": (lambda arrays: arrays | {"losses": arrays["losses"].ravel()}, {}),
        "no moments": (lambda arrays: {n: a for n, a in arrays.items() if n[:2] != "m/"}, {}),
        "more weights": (lambda arrays: arrays | {"weights/more": arrays["losses"]}, {}),
    }.values(),
)
def test_a_checkpoint_that_does_not_fit_is_set_aside_and_harms_no_other_run(
    harm: Harm,
    notes: dict[str, str],
    half_way: tuple[dict[str, np.ndarray], dict[str, str]],
    tmp_path: Path,
    capsys: Any,
) -> None:
    arrays, written = half_way
    folder, other = Store(tmp_path).run(run().id), run(seed=1)
    folder.path.mkdir(parents=True)
    write_arrays(folder.checkpoint, harm(arrays), written | notes)
    assert train([run(), other], tmp_path) == ["done", "done"]
    intact = harm is dict and not notes
    assert len([*folder.path.glob("damaged-*")]) == (not intact)
    assert (f"{run()}: cannot go on from {folder.checkpoint}: " in capsys.readouterr().err) == (not intact)
    assert train([run()], tmp_path / "undisturbed") == ["done"]
    first, second = weights(run(), tmp_path), weights(run(), tmp_path / "undisturbed")
    assert all((first[n] == second[n]).all() for n in first)


def test_a_process_that_lost_its_run_leaves_no_checkpoint_in_the_finished_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It slept until its claim expired; meanwhile another process finished the run."""
    finished = ("config.json", "done.json", "losses.csv", "weights.safetensors")
    folder, update = Store(tmp_path).run(run().id), Fleet.update

    def sleeping(fleet: Fleet, recorded: bool) -> None:
        if fleet.step == 15:
            for file in finished:
                (folder.path / file).write_bytes(b"of the other process")
            folder.checkpoint.unlink()
            folder.claim("0").unlink()
        update(fleet, recorded)

    monkeypatch.setattr(Fleet, "update", sleeping)
    assert train([run()], tmp_path) == ["elsewhere"]
    assert {p.name: p.read_bytes() for p in folder.path.iterdir()} == dict.fromkeys(finished, b"of the other process")


def test_members_that_recorded_their_losses_at_other_steps_finish_together(
    half_way: tuple[dict[str, np.ndarray], dict[str, str]], tmp_path: Path
) -> None:
    arrays, notes = half_way
    runs = [run(), run(seed=1)]
    for one, records in zip(runs, (slice(None), slice(1)), strict=True):
        write_arrays(Store(tmp_path).run(one.id).checkpoint, arrays | {"losses": arrays["losses"][records]}, notes)
    assert train(runs, tmp_path) == ["done", "done"]


def test_a_fault_of_one_fleet_of_a_job_is_not_that_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = stage._train_together

    def faulty(members: Any, *rest: Any) -> Any:
        if members[0][0].seed == 1:
            raise RuntimeError("the device was lost")
        return together(members, *rest)

    monkeypatch.setattr(stage, "_train_together", faulty)
    runs = [run(seed=s, schedule=replace(SCHEDULE, fleet=1)) for s in range(3)]
    assert train(runs, tmp_path) == ["done", "failed", "done"]
    assert "the device was lost" in Store(tmp_path).run(runs[1].id).failed.read_text()


def test_a_learner_that_cannot_be_fitted_harms_no_other_of_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = PCA.fit

    def faulty(learner: PCA, data: Any, seed: int) -> None:
        if seed == 1:
            raise ValueError("no such images")
        fit(learner, data, seed)

    monkeypatch.setattr(PCA, "fit", faulty)
    hyper = Frozen(latent_dim=3, num_images=50)
    runs = [Run("pca", 2, True, hyper, None, None, None, s, "dsprites", 1, SCHEDULE) for s in range(3)]
    assert train(runs, tmp_path) == ["done", "failed", "done"]


def test_a_batch_may_be_larger_than_the_data_set_for_images_are_drawn_with_replacement(tmp_path: Path) -> None:
    large = run(schedule=replace(SCHEDULE, batch_size=80_000, steps=1, image_size=32))
    data = stage.load_data("mnist")
    assert len(data) < large.schedule.batch_size
    batches = stage.Batches(stage.images_on(torch.device("cpu"), data), stage.new_learner([large]), [0], 80_000)
    index = batches.index(torch.zeros(1, dtype=torch.int32))
    assert index.shape == (1, 80_000)
    assert 0 <= int(index.min()) <= int(index.max()) < len(data)


def test_a_learning_rate_that_diverges_is_recorded_with_its_step(tmp_path: Path) -> None:
    wild = run(schedule=replace(SCHEDULE, learning_rate=1e12))
    assert train([wild], tmp_path) == ["failed"]
    assert "was not finite at step 2" in read_json(Store(tmp_path).run(wild.id).failed)["error"]


def test_a_diverging_member_is_recorded_with_its_step_and_the_others_finish(tmp_path: Path) -> None:
    runs = [run(1.0), run(1e39), run(4.0)]
    assert train(runs, tmp_path) == ["done", "failed", "done"]
    failure = read_json(Store(tmp_path).run(runs[1].id).failed)
    assert "not finite at step 1" in failure["error"]


def test_weights_that_the_last_update_breaks_are_a_failure(tmp_path: Path) -> None:
    wild = run(schedule=replace(SCHEDULE, steps=1, learning_rate=1e39))
    assert train([wild], tmp_path) == ["failed"]
    folder = Store(tmp_path).run(wild.id)
    assert f"the weights of {wild} were not finite after step 1" in read_json(folder.failed)["error"]
    assert not folder.weights.exists()


def test_images_that_do_not_fit_the_architecture_are_named(tmp_path: Path) -> None:
    wrong = run(schedule=replace(SCHEDULE, image_size=4))
    assert train([wrong], tmp_path) == ["failed"]
    error = read_json(Store(tmp_path).run(wrong.id).failed)["error"]
    assert "architecture 'small' does not take images of 4x4 pixels: set trainer.image_size, or another" in error
    assert "mlp takes any size" in error


def test_weights_of_another_architecture_are_refused_by_name(tmp_path: Path) -> None:
    small, wide = run(), run(schedule=replace(SCHEDULE, latent_dim=9))
    train([small], tmp_path)
    folder = Store(tmp_path).run(small.id)
    folder.done.unlink()  # else the weights are not those that it was written for
    write_arrays(folder.weights, stage.new_learner([wide]).state())
    with pytest.raises(ModelError, match=f"{folder.weights}: .*another architecture.* anew, remove {folder.done}"):
        stage.load_learner(small, folder)


def test_weights_of_another_run_are_refused_by_name_unless_its_record_is_of_an_earlier_version(tmp_path: Path) -> None:
    train([run(seed=0), run(seed=1)], tmp_path)
    folder, other = (Store(tmp_path).run(run(seed=seed).id) for seed in (0, 1))
    assert stage.load_learner(run(seed=0), folder)
    folder.weights.write_bytes(other.weights.read_bytes())
    with pytest.raises(StoreError, match=f"{folder.weights} holds other weights than done.json was written for"):
        stage.load_learner(run(seed=0), folder)
    record = read_json(folder.done)
    del record["sha256"]
    write_json(folder.done, record)
    assert stage.load_learner(run(seed=0), folder)


def test_weights_that_are_given_are_taken_by_one_process_and_never_trained(tmp_path: Path) -> None:
    train([run()], tmp_path)
    store, weights = Store(tmp_path), Store(tmp_path).run(run().id).weights
    given = replace(run(), checkpoint=sha256_of(weights))
    folder = store.run(given.id)
    assert train([given, run(seed=1)], tmp_path) == ["failed", "done"]
    assert "give checkpoint=FILE" in read_json(folder.failed)["error"]
    with claiming([folder]):
        assert not adopt(given, store, weights)
        assert not folder.weights.exists()
    assert adopt(given, store, weights)
    assert folder.state() == "done"
    assert not folder.failed.exists()
    assert [*folder.path.glob("claim-*")] == []
    np.testing.assert_equal(read_arrays(folder.weights)[0], read_arrays(weights)[0])


class Remembering:
    """Stands for any Lightning logger."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def log_hyperparams(self, record: dict[str, object]) -> None:
        (self.folder / "hyper").write_text(str(record["id"]))

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        with (self.folder / "metrics").open("a") as file:
            file.write(f"{step} {sorted(metrics)}\n")

    def finalize(self, status: str) -> None:
        (self.folder / "status").write_text(status)


def test_loss_curves_go_to_the_logger_of_each_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "remembering", sys.modules[__name__])
    setting = LoggerSetting("remembering", "remembering.Remembering", {"folder": "{results}/log/{run}"})
    runs = [run(1.0), run(4.0)]
    stage.train(runs, Store(tmp_path), "cpu", lambda steps, note: None, setting)
    for one in runs:
        folder = tmp_path / "log" / one.id
        assert (folder / "hyper").read_text() == one.id
        assert (folder / "status").read_text() == "success"
        lines = (folder / "metrics").read_text().splitlines()
        assert [int(line.split()[0]) for line in lines] == [1, 5, 10, 15, 20, 25, 30]
        assert "total_correlation" in lines[0]


def test_a_logger_that_cannot_be_started_is_named_and_fails_no_run(tmp_path: Path) -> None:
    setting = LoggerSetting("nonsense", "no_such_package.Logger")
    with pytest.raises(LoggerError, match="the logger nonsense cannot be started: ModuleNotFoundError"):
        stage.train([run()], Store(tmp_path), "cpu", lambda steps, note: None, setting)
    assert Store(tmp_path).run(run().id).state() == "missing"
