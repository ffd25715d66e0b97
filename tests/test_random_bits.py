"""Counter-based random numbers: uniform, independent, the same bits from NumPy and torch."""

import numpy as np
import torch
from scipy import stats

from bench import random_bits

PLACES = random_bits.mix(np.arange(200_000, dtype=np.int32))


def words(*identity: object) -> np.ndarray:
    return random_bits.bits(random_bits.root(*identity), PLACES)


def test_numpy_and_torch_give_the_same_bits() -> None:
    key = random_bits.fold(random_bits.root(3, "noise"), np.arange(5, dtype=np.int32))
    theirs = random_bits.Key(*(torch.from_numpy(k)[:, None] for k in key))
    ours = random_bits.bits(random_bits.Key(key.a[:, None], key.b[:, None]), PLACES[:100])
    np.testing.assert_array_equal(ours, random_bits.bits(theirs, torch.from_numpy(PLACES[:100])).numpy())
    np.testing.assert_array_equal(random_bits.uniform(ours), random_bits.uniform(torch.from_numpy(ours)).numpy())
    np.testing.assert_array_equal(
        random_bits.below(ours, 737_280), random_bits.below(torch.from_numpy(ours), 737_280).numpy()
    )


def test_uniforms_are_uniform() -> None:
    drawn = random_bits.uniform(words(0, "test"))
    assert 0 < drawn.min() < drawn.max() < 1
    assert stats.kstest(drawn, "uniform").pvalue > 0.001


def test_the_extreme_words_stay_inside_the_open_interval() -> None:
    assert 0 < random_bits.uniform(np.array([0], np.int32))[0] < random_bits.uniform(np.array([-1], np.int32))[0] < 1


def test_normals_are_normal() -> None:
    drawn = random_bits.normal(torch.from_numpy(words(0, "a")), torch.from_numpy(words(0, "b"))).numpy()
    assert stats.kstest(drawn, "norm").pvalue > 0.001


def test_indices_below_n_are_equally_likely() -> None:
    drawn = random_bits.below(words(1, "index"), 7)
    assert stats.chisquare(np.bincount(drawn, minlength=7)).pvalue > 0.001


def test_neighbouring_keys_and_counters_are_uncorrelated() -> None:
    keys = random_bits.fold(random_bits.root(0, "steps"), np.arange(300, dtype=np.int32))
    drawn = random_bits.uniform(random_bits.bits(random_bits.Key(keys.a[:, None], keys.b[:, None]), PLACES[:300]))
    for shift in (drawn[1:].ravel() - 0.5, np.roll(drawn, 1, axis=1)[1:].ravel() - 0.5):
        assert abs(np.corrcoef(drawn[:-1].ravel(), shift)[0, 1]) < 0.015


def test_identities_differ() -> None:
    assert (words(0, "a") != words(0, "b")).mean() > 0.999
    assert (words(0, "a") != words(1, "a")).mean() > 0.999
