"""The noisy-OR network: its likelihood, and its recovery from effects alone."""

from itertools import product

import numpy as np
import pytest

from bench.analysis.representations.noisy_or import NoisyOr, all_states, em_step, learn, recovery_error
from bench.metrics.mig import mig

STRENGTH = np.array([[0.9, 0.8, 0.7, 0.0, 0.0, 0.6], [0.0, 0.0, 0.8, 0.9, 0.7, 0.0], [0.6, 0.0, 0.0, 0.0, 0.8, 0.9]])
TRUTH = NoisyOr(np.array([0.2, 0.3, 0.4]), STRENGTH, np.full(6, 0.05))


def test_an_effect_stays_off_where_leak_and_every_cause_fail() -> None:
    on = TRUTH.on(np.array([[0, 0, 0], [1, 0, 1]]))
    assert on[0] == pytest.approx(np.full(6, 0.05))
    assert on[1, 0] == pytest.approx(1 - 0.95 * 0.1 * 0.4)


def test_probabilities_of_all_effects_sum_to_one() -> None:
    every = np.array(list(product((0, 1), repeat=6)))
    assert np.exp(TRUTH.log_likelihood(every)).sum() == pytest.approx(1)


def test_samples_are_as_frequent_as_the_network_says() -> None:
    causes, effects = TRUTH.sample(100_000, np.random.default_rng(0))
    assert causes.mean(axis=0) == pytest.approx(TRUTH.prior, abs=0.01)
    none = (causes == [1, 0, 0]).all(axis=1)
    assert effects[none].mean(axis=0) == pytest.approx(TRUTH.on(np.array([[1, 0, 0]]))[0], abs=0.02)


def test_a_step_never_lowers_the_likelihood() -> None:
    rng = np.random.default_rng(1)
    patterns, counts = np.unique(TRUTH.sample(500, rng)[1], axis=0, return_counts=True)
    network = NoisyOr(rng.uniform(0.2, 0.5, 3), rng.uniform(0.1, 0.9, (3, 6)), np.full(6, 0.1))
    last = -np.inf
    for _ in range(30):
        network = em_step(network, patterns, counts)
        reached = counts @ network.log_likelihood(patterns)
        assert reached >= last - 1e-9
        last = reached


def test_the_network_is_recovered_up_to_the_order_of_its_causes_and_better_from_more_rows() -> None:
    errors = []
    for rows in (300, 30_000):
        rng = np.random.default_rng(0)
        causes, effects = TRUTH.sample(rows, rng)
        learned = learn(effects, 3, rng, starts=2, steps=400)
        errors.append(recovery_error(learned, TRUTH))
    assert errors[1] < 0.02 < errors[0]
    ceiling = mig(TRUTH.posterior(effects), causes)["mig"]
    assert mig(learned.posterior(effects), causes)["mig"] == pytest.approx(ceiling, abs=0.02)


def test_the_order_of_causes_is_no_error() -> None:
    swapped = NoisyOr(TRUTH.prior[::-1], TRUTH.strength[::-1], TRUTH.leak)
    assert recovery_error(swapped, TRUTH) == 0


@pytest.mark.parametrize(
    "effects", [np.full((3, 4), 2), np.zeros((0, 4)), np.zeros(5)], ids=["twos", "no rows", "flat"]
)
def test_what_is_no_table_of_bits_is_refused(effects: np.ndarray) -> None:
    with pytest.raises(ValueError, match="effects must be a non-empty"):
        learn(effects, 3, np.random.default_rng(0))


def test_no_cause_is_refused_and_constant_effects_are_learned() -> None:
    with pytest.raises(ValueError, match="causes must be at least 1"):
        learn(np.eye(3, dtype=int), 0, np.random.default_rng(0))
    learned = learn(np.zeros((20, 3), int), 2, np.random.default_rng(0), starts=1, steps=50)
    assert learned.on(all_states(2)[:1]) == pytest.approx(np.zeros((1, 3)), abs=0.01)
