"""Codes that a GPU encodes are those of the CPU; here the device is a CPU, and on a GPU, run by hand, with -m gpu."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bench
from bench.data import load_data
from bench.data.pooled import at_size
from bench.pool import Pool
from bench.scoring import codes as coding
from bench.scoring import device_codes
from bench.scoring.device_codes import Encoded, Encoding, encode_runs
from bench.scoring.isolation import score_all
from bench.scoring.run_readers import of_run
from bench.scoring.runs import cell_records, cells
from bench.store.files import write_arrays
from bench.store.folders import Store
from bench.study.protocol import Protocol
from bench.study.run import Frozen, Run, Schedule
from bench.training.train import new_learner

SCHEDULE = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5)
PROTOCOL = Protocol("tiny", 600, 500, 150, 100, ("mean",), (), {})


def run(model: str, seed: int, dataset: str = "dsprites") -> Run:
    swept = {"beta_vae": "beta", "autoencoder": None}[model]
    value, hyper = (None, Frozen({})) if swept is None else (1.0, Frozen({swept: 1.0}))
    return Run(model, 1, False, hyper, swept, None, value, seed, dataset, 1, SCHEDULE)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, writable=True)


def kept(store: Store, *runs: Run) -> tuple[Run, ...]:
    """Runs with weights, as if they were trained."""
    for one in runs:
        write_arrays(store.run(one.id).weights, new_learner([one]).state())
    return runs


def encoded(store: Store, runs: tuple[Run, ...], monkeypatch: pytest.MonkeyPatch, device: str = "cpu") -> list[Encoded]:
    """Encode runs in this process; what was told of each."""
    told: list[Encoded] = []
    monkeypatch.setattr(device_codes, "tell", told.append)
    encode_runs(Encoding(tuple((run, 600) for run in runs), device), store.path)
    return told


def compare(store: Store, one: Run, tolerance: float) -> None:
    data = at_size(load_data(one.dataset), 32)
    expected = bench.encode(new_learner([one]), data, coding.pool(data, 600), device="cpu")
    stored = coding.load(store.run(one.id), coding.pool(data, 600))
    assert stored is not None
    np.testing.assert_allclose(stored.mean, expected.mean, rtol=0, atol=tolerance)
    assert (stored.logvar is None) == (expected.logvar is None)
    if stored.logvar is not None and expected.logvar is not None:
        np.testing.assert_allclose(stored.logvar, expected.logvar, rtol=0, atol=tolerance)


def test_codes_of_several_models_and_data_sets_are_those_of_each_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_codes, "IMAGES", 250)
    runs = kept(
        store, run("beta_vae", 0), run("beta_vae", 1), run("autoencoder", 0), run("beta_vae", 0, "noisy_dsprites")
    )
    assert encoded(store, runs, monkeypatch) == [(one.id, 600) for one in runs]
    for one in runs:
        compare(store, one, 1e-6)


def test_a_batch_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    one = run("beta_vae", 0)
    data, learner = at_size(load_data("dsprites"), 32), new_learner([one])
    index = np.arange(100)
    expected = bench.encode(learner, data, index, device="cpu")
    small, sizes = type(learner).codes_of, []

    def refusing(self: Any, images: torch.Tensor) -> Any:
        sizes.append(images.shape[1])
        if images.shape[1] > 30:
            raise torch.OutOfMemoryError("device out of memory")
        return small(self, images)

    monkeypatch.setattr(type(learner), "codes_of", refusing)
    monkeypatch.setattr(device_codes, "IMAGES", 64)
    ((mean, _),) = device_codes.device_codes([learner], data, index, torch.device("cpu"))
    assert sizes == [64, 32, 16, 16, 16, 16, 16, 16, 4]
    np.testing.assert_allclose(mean, expected.mean, atol=1e-6)


def test_products_are_whole_while_a_device_encodes_and_as_before_afterwards() -> None:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high")
    try:
        with device_codes._without_tf32():
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.long
def test_a_run_is_scored_once_it_is_encoded_and_one_that_cannot_be_fails_as_it_would_anyway(store: Store) -> None:
    whole, broken = kept(store, run("beta_vae", 0), run("beta_vae", 1))
    store.run(broken.id).weights.write_bytes(b"no weights")
    wanted = cells(["active_dims"], PROTOCOL)
    told: list[tuple[float, str]] = []
    scorings = [of_run(one, wanted) for one in (whole, broken)]
    with Pool(1) as pool:
        score_all(
            scorings, store, pool, None, lambda *news: told.append(news), Encoding(((whole, 600), (broken, 600)), "cpu")
        )
    assert [record["metric"] for record in cell_records(store.run(whole.id)).values()] == ["active_dims"]
    assert cell_records(store.run(broken.id)) == {}
    assert told[0] == (0, "encoding 1 run of beta_vae on dsprites")
    assert any(note.startswith(f"FAILED {broken}") for _, note in told)


@pytest.mark.long
def test_where_the_device_fails_the_cpu_goes_on(store: Store) -> None:
    (one,) = kept(store, run("beta_vae", 0))
    told: list[tuple[float, str]] = []
    with Pool(1) as pool:
        encoding = Encoding(((one, 600),), "no such device")
        scorings = [of_run(one, cells(["active_dims"], PROTOCOL))]
        score_all(scorings, store, pool, None, lambda *news: told.append(news), encoding)
    assert told[0][1].startswith("FAILED encoding on the GPU, the CPU goes on: ")
    assert len(cell_records(store.run(one.id))) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("dataset", ["dsprites", "noisy_dsprites"])
def test_codes_of_a_gpu_are_those_of_the_cpu(store: Store, monkeypatch: pytest.MonkeyPatch, dataset: str) -> None:
    torch.set_float32_matmul_precision("high")
    runs = kept(store, run("beta_vae", 0, dataset), run("beta_vae", 1, dataset))
    assert encoded(store, runs, monkeypatch, "cuda") == [(one.id, 600) for one in runs]
    for one in runs:
        compare(store, one, 1e-5)
    data = at_size(load_data(dataset), 32)
    auto = bench.encode(new_learner([runs[0]]), data, np.arange(5000))
    alone = bench.encode(new_learner([runs[0]]), data, np.arange(5000), device="cpu")
    np.testing.assert_allclose(auto.mean, alone.mean, rtol=0, atol=1e-5)
