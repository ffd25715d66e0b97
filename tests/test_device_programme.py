"""What a lent device is asked to do is what the reference table lacks."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from bench.store.files import sha256_of
from bench.table.reference import read_reference
from benchmarks import device_programme, packed_stores
from benchmarks.device_programme import MODELS, Programme
from benchmarks.packed_stores import PackedStores

Planned = Callable[[pd.DataFrame], Programme]


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Planned:
    """The programme of a machine with a GPU, were a table the reference table."""

    def programme(table: pd.DataFrame) -> Programme:
        monkeypatch.setattr(device_programme, "read_reference", lambda: (table,))
        return Programme(tmp_path, "cuda")

    return programme


def rows(model: str, dataset: str, seed: int, schedule: str, strength: int | None = 0) -> list[dict[str, object]]:
    """A row for each strength, or for the one that is given."""
    of_run = {"model": model, "dataset": dataset, "seed": seed, "schedule": schedule, "metric": "mig"}
    return [{**of_run, "strength_index": s, "run": f"{of_run}{s}"} for s in (range(6) if strength == 0 else [strength])]


def table(*groups: list[dict[str, object]]) -> pd.DataFrame:
    """The score table of some runs, those without a strength among them."""
    frame = pd.DataFrame([row for group in groups for row in group])
    return frame.astype({"strength_index": "Int64"})


GRID = [
    rows(model, dataset, seed, "quick: 10,000 steps, 32x32 px")
    for model in MODELS for dataset in ("dsprites", "noisy_dsprites") for seed in range(10)
]  # fmt: skip
WITHOUT_STRENGTH = rows("bio_ae", "dsprites", 0, "quick: 10,000 steps, 32x32 px", None)


def full(model: str, *seeds: int) -> list[dict[str, object]]:
    """The rows of a model of the study `full`."""
    return [row for seed in seeds for row in rows(model, "dsprites", seed, "published: 300,000 steps, 64x64 px, tf32")]


def test_the_committed_table_has_the_grid_and_every_metric_of_what_ships(planned: Planned) -> None:
    programme = planned(read_reference()[0])
    assert programme.grid() == []
    assert programme.shipped_scores() == []


def test_the_grid_is_trained_where_a_run_of_it_is_missing(planned: Planned) -> None:
    assert planned(table(*GRID, WITHOUT_STRENGTH)).grid() == []
    lacking = [group for group in GRID if (group[0]["model"], group[0]["dataset"]) != ("dip_vae_i", "dsprites")]
    assert [job.name for job in planned(table(*lacking, WITHOUT_STRENGTH)).grid()] == ["grid-dip_vae_i-dsprites"]


def test_the_next_group_is_one_of_which_nothing_is_there_then_one_with_a_seed_missing(planned: Planned) -> None:
    (job,) = planned(table(full("beta_tcvae", 0), full("dip_vae_ii", 0, 1))).group()
    assert {"model=annealed_vae", "strength=[0,1,2,3,4,5]", "seed=[0,1]"} <= {*job.words}
    every = [full(model, 0, 1) for model in MODELS if model != "dip_vae_i"]
    (job,) = planned(table(*every, full("dip_vae_i", 0), WITHOUT_STRENGTH)).group()
    assert {"model=dip_vae_i", "seed=[1]"} <= {*job.words}
    assert planned(table(*every, full("dip_vae_i", 0, 1))).group() == []


def test_a_shorter_or_longer_schedule_is_not_the_study_full(planned: Planned) -> None:
    others = [rows(model, "dsprites", seed, "mine: 1,300,000 steps") for model in MODELS for seed in (0, 1)]
    (job,) = planned(table(*others)).group()
    assert "seed=[0,1]" in job.words


def test_finished_runs_are_packed_once_in_files_of_limited_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = np.array([1 / 3, -7.0], np.float32)
    for name in ("a", "b", "c"):
        run = tmp_path / "full" / "runs" / name
        run.mkdir(parents=True)
        save_file({"w": weights}, run / "weights.safetensors")
        (run / "config.json").write_text("{}")
        if name != "c":  # it is not finished
            (run / "done.json").write_text(json.dumps({"steps": 3, "sha256": "of the weights before"}))
    said: list[str] = []
    stores = PackedStores(tmp_path, said.append)
    stores.pack("full", "weights")
    assert said == []  # a file is not full, and more may come
    of_a_run = sum(file.stat().st_size for file in (tmp_path / "full" / "runs" / "a").iterdir())
    monkeypatch.setattr(packed_stores, "MOST_BYTES", of_a_run + 10)
    for _ in range(2):
        stores.pack("full", "weights", last=True)
    assert said == ["full-weights-000: 1 run packed", "full-weights-001: 1 run packed"]
    with tarfile.open(tmp_path / "packed" / "full-weights-001.tar") as packed:
        packed.extractall(tmp_path / "taken", filter="data")
    (run,) = (tmp_path / "taken" / "runs").iterdir()
    assert run.name == "b"
    assert {file.name for file in run.iterdir()} == {"config.json", "done.json", "weights.safetensors"}
    np.testing.assert_array_equal(load_file(run / "weights.safetensors")["w"], weights.astype(np.float16))
    halved = {"weights": "rounded to half precision", "sha256": sha256_of(run / "weights.safetensors")}
    assert json.loads((run / "done.json").read_text()) == {"steps": 3} | halved
