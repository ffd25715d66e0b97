"""Batches are drawn as a sampling says: as often as its closed form, never what is held out, the same in any fleet."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from bench import registry
from bench.data.base import Card, DataSet
from bench.data.reader import images_on
from bench.data.sampling import of_card, sampled
from bench.models.base import ModelError
from bench.store.files import read_json
from bench.store.folders import Store
from bench.study.run import Frozen, Run, Schedule
from bench.training import train as stage
from bench.training.batches import Batches
from bench.training.stack import Stack

SIZES = (4, 3, 5)
CARD = Card("toy", "Toy", "toy", 60, (32, 32, 1), ("a", "b", "c"), SIZES, True, "", "", "", "")
CORRELATED = {"kind": "correlated", "pairs": [["a", "c"]], "sigma": 0.3}
HELD_OUT = {"kind": "held_out", "held_out": [{"a": "2..3", "b": 0}, {"c": 4}]}
SUBSET = {"kind": "subset", "images": 7}
EVERY = [CORRELATED, CORRELATED | {"inverse": True}, HELD_OUT, {"kind": "held_out", "held_out": "random"}, SUBSET]


class Numbered(DataSet):
    """Images that are their own row number, divided by 60."""

    def read(self, index: np.ndarray, epoch: np.ndarray) -> np.ndarray:
        return np.ones((len(index), 32, 32, 1), np.float32) * (index / 60).astype(np.float32)[:, None, None, None]


def batches(entry: dict[str, Any], seeds: tuple[int, ...] = (3,), batch: int = 6000, name: str = "beta_vae") -> Batches:
    hyper = [{"beta": 1.0, "changes": 1}] * len(seeds)
    model = registry.load("models", name)((32, 32, 1), "small", 2, seeds, hyper)
    data = sampled(Numbered(CARD), of_card(entry, CARD))
    return Batches(images_on(torch.device("cpu"), data), model, seeds, batch)


def at(step: int) -> torch.Tensor:
    return torch.tensor([step], dtype=torch.int32)


@pytest.mark.parametrize("entry", EVERY)
def test_rows_are_drawn_as_often_as_the_closed_form_says(entry: dict[str, Any]) -> None:
    drawn = batches(entry)
    counts = np.bincount(torch.cat([drawn.index(at(step)) for step in range(5)]).flatten(), minlength=60)
    a, _, c = np.unravel_index(np.arange(60), SIZES)
    if entry["kind"] == "correlated":
        other = 1 - c / 4 if entry.get("inverse") else c / 4
        chances = np.exp(-((a / 3 - other) ** 2) / (2 * 0.3**2))
    else:
        chances = np.isin(np.arange(60), of_card(entry, CARD).rows(CARD).every()).astype(float)
        assert 0 < chances.sum() < 60
    assert not counts[chances == 0].any()
    there = chances > 0
    expected = chances[there] / chances.sum() * counts.sum()
    assert stats.chisquare(counts[there], expected).pvalue > 1e-3


def test_rows_of_two_images_and_of_two_steps_are_independent() -> None:
    drawn = batches(CORRELATED, batch=20_000)
    first, second = drawn.index(at(0))[0], drawn.index(at(1))[0]
    for one, other in ((first[:-1], first[1:]), (first, second)):
        table = np.histogram2d(one % 5, other % 5, bins=5)[0]
        assert stats.chi2_contingency(table).pvalue > 1e-3


def test_the_images_that_are_read_are_those_of_the_rows() -> None:
    drawn = batches(HELD_OUT, batch=500)
    read = (drawn.read(at(4))["images"][0, :, 0, 0, 0] * 60).round().long()
    assert torch.equal(read, drawn.index(at(4))[0])
    assert set(read.tolist()) <= set(of_card(HELD_OUT, CARD).rows(CARD).every().tolist())


@pytest.mark.parametrize("entry", EVERY)
def test_rows_depend_on_seed_and_step_alone(entry: dict[str, Any]) -> None:
    together, alone = batches(entry, (1, 2), 50), batches(entry, (2,), 50)
    assert torch.equal(together.index(at(7))[1], alone.index(at(7))[0])
    assert torch.equal(alone.index(at(7)), batches(entry, (2,), 50).index(at(7)))
    assert (alone.index(at(7)) != alone.index(at(8))).any()


@pytest.mark.parametrize("entry", [CORRELATED, HELD_OUT])
def test_a_model_trains_the_same_alone_and_in_a_stack(entry: dict[str, Any]) -> None:
    stacks = [Stack(drawn.model, drawn, 1e-3) for drawn in (batches(entry, (1, 2), 8), batches(entry, (2,), 8))]
    for stack in stacks:
        for _ in range(3):
            stack.update(curves=True)
    together, alone = (stack.losses()[:, -1] for stack in stacks)
    np.testing.assert_allclose(together, alone, rtol=1e-4)


@pytest.mark.parametrize("entry", [CORRELATED, HELD_OUT])
def test_drawing_is_one_graph_that_looks_at_no_value(entry: dict[str, Any], only_on_the_device: Any) -> None:
    drawn = batches(entry, (1, 2), 8)
    expected = drawn.index(at(3))
    compiled = torch.compile(drawn.index, backend="eager", fullgraph=True, dynamic=False)
    assert torch.equal(compiled(at(3)), expected)
    step = at(3)
    only_on_the_device()
    drawn.index(step)


def test_partners_are_drawn_freely_where_every_row_may_be_drawn_and_refused_where_some_are_held_out() -> None:
    paired, single = batches(CORRELATED, batch=100, name="ada_gvae"), batches(CORRELATED, batch=100)
    assert torch.equal(paired.index(at(1))[:, :100], single.index(at(1)))
    for entry in (HELD_OUT, SUBSET):
        with pytest.raises(ModelError, match="ada_gvae chooses partners among all images, also among those that the"):
            batches(entry, name="ada_gvae")


def test_a_run_reads_what_its_sampling_draws_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[int] = set()

    class Watched(Numbered):
        def read(self, index: np.ndarray, epoch: np.ndarray) -> np.ndarray:
            read.update(index.tolist())
            return super().read(index, epoch)

    monkeypatch.setattr(stage, "load_data", lambda name: Watched(CARD))
    held = of_card(HELD_OUT, CARD)
    schedule, common = Schedule(30, 8, 1e-3, 32, "small", 6, 1, "tiny", 10, 5), (None, None, None, 0, "dsprites", 1)
    for model, fitted, hyper in (
        ("beta_vae", False, {"beta": 1.0}),
        ("pca", True, {"latent_dim": 2, "num_images": 99}),
    ):
        read.clear()
        run = Run(model, 1, fitted, Frozen(hyper), *common, schedule, sampling=held)
        assert stage.train([run], Store(tmp_path), "cpu", lambda steps, note: None) == ["done"]
        assert read == set(held.rows(CARD).every().tolist())
        record = read_json(Store(tmp_path).run(run.id).config)
        assert record["sampling"] == held.entry()
        assert record["schedule_label"] == f"{schedule.label}; trained on {held.label}"
