"""Pairs share all factors but as many as asked for, as often as the definition says, wherever and whenever drawn."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from bench import registry
from bench.data.reader import DeviceImages
from bench.models.base import ModelError
from bench.models.parts.pairs import check_pairs, factors_of, rows_of
from bench.training.batches import Batches

SIZES = (3, 1, 4, 5)  # one of them never changes
CPU = torch.device("cpu")


def batches(changes: float, seeds: tuple[int, ...] = (3,), batch: int = 4000) -> Batches:
    """Rows of a grid; its images are its row numbers."""
    hyper = [{"beta": 1.0, "changes": changes}] * len(seeds)
    model = registry.load("models", "ada_gvae")((32, 32, 1), "small", 2, seeds, hyper)
    rows = DeviceImages(lambda index, epoch: index.view(-1, 1, 1, 1).float(), math.prod(SIZES), CPU, True, SIZES)
    return Batches(rows, model, seeds, batch)


def pairs(changes: float, steps: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Factors of first and second images, each (pairs, F)."""
    drawn = batches(changes)
    rows = [drawn.index(torch.tensor([step], dtype=torch.int32)).view(2, -1) for step in range(steps)]
    first, second = torch.cat(rows, dim=1)
    return factors_of(first, SIZES).numpy(), factors_of(second, SIZES).numpy()


def chance(counts: np.ndarray, expected: np.ndarray) -> float:
    return float(stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue)


def test_rows_and_factors_are_each_others_inverse_and_row_major() -> None:
    rows = torch.arange(math.prod(SIZES))[None]
    factors = factors_of(rows, SIZES)
    assert torch.equal(rows_of(factors, SIZES), rows)
    np.testing.assert_array_equal(factors[0].numpy(), np.stack(np.unravel_index(rows[0].numpy(), SIZES), axis=1))


@pytest.mark.parametrize("changes", [1, 2])
def test_exactly_as_many_factors_change_as_asked_for_each_set_equally_often(changes: int) -> None:
    first, second = pairs(changes)
    changed = first != second
    assert set(changed.sum(axis=1)) == {changes}
    assert not changed[:, 1].any()
    _, counts = np.unique(changed, axis=0, return_counts=True)
    assert len(counts) == math.comb(3, changes)
    assert chance(counts, np.ones(len(counts))) > 1e-3


def test_any_number_from_one_to_all_but_one_is_equally_likely() -> None:
    first, second = pairs(-1)
    numbers, counts = np.unique((first != second).sum(axis=1), return_counts=True)
    assert list(numbers) == [1, 2]
    assert chance(counts, np.ones(2)) > 1e-3


def test_a_changed_factor_takes_each_other_value_equally_often_whatever_its_own() -> None:
    first, second = pairs(1)
    changed = first[:, 3] != second[:, 3]
    moves = (second[changed, 3] - first[changed, 3]) % 5
    for own in range(5):
        counts = np.bincount(moves[first[changed, 3] == own], minlength=5)
        assert counts[0] == 0
        assert chance(counts[1:], np.ones(4)) > 1e-3


def test_first_images_are_those_of_a_model_without_pairs() -> None:
    paired, model = (
        batches(1, batch=8),
        registry.load("models", "beta_vae")((32, 32, 1), "small", 2, (3,), ({"beta": 1},)),
    )
    single = Batches(paired.source, model, (3,), 8)
    step = torch.tensor([7], dtype=torch.int32)
    assert torch.equal(paired.index(step)[:, :8], single.index(step))
    assert paired.images(step).shape[:2] == paired.noise(step).shape[:2] == (1, 16)


def test_pairs_depend_on_seed_and_step_alone() -> None:
    seven, eight = (torch.tensor([step], dtype=torch.int32) for step in (7, 8))
    together, alone = batches(-1, (1, 2)), batches(-1, (2,))
    assert torch.equal(together.index(seven)[1], alone.index(seven)[0])
    assert torch.equal(alone.index(seven), batches(-1, (2,)).index(seven))
    assert (alone.index(seven) != alone.index(eight)).any()


@pytest.mark.parametrize(
    ("changes", "sizes", "message"),
    [
        (1, (), "the data set has no factor grid"),
        (1, (5, 1), "pairs that share some factors and not others: the data set has 1"),
        (3, SIZES, "from 1 to 2, for 3 factors vary, or -1 for any of these, got 3"),
        (0, SIZES, "got 0"),
        (1.5, SIZES, "got 1.5"),
        (float("nan"), SIZES, "got nan"),
    ],
)
def test_pairs_that_a_data_set_cannot_give_are_refused(changes: float, sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_pairs("ada_gvae", [changes], sizes)
    check_pairs("ada_gvae", [-1, 1, 2], SIZES)
