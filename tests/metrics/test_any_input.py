"""Whatever it is given, a metric returns finite scores in their range, or names the argument that is wrong."""

import warnings

import numpy as np
import pytest

from bench.testing.random_inputs import AWKWARD, metrics_of_codes, random_input, scored_or_refused

COUNT = 40  # each metric has inputs of its own; `python -m benchmarks.random_inputs` tries as many as you like
SELDOM = ("fairness",)  # few rows at random hardly ever hold the counterfactuals of one


@pytest.mark.parametrize("name", metrics_of_codes())
def test_random_inputs_are_scored_or_refused(name: str) -> None:
    outcomes = []
    first = COUNT * metrics_of_codes().index(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(first, first + COUNT):
            try:
                outcomes.append(scored_or_refused(name, *random_input(seed)))
            except Exception as fault:
                raise AssertionError(f"random_input({seed}): {type(fault).__name__}: {fault}") from fault
    assert (0 if name in SELDOM else COUNT / 4) < sum(outcomes) < COUNT


def test_an_input_is_a_function_of_its_seed() -> None:
    for seed in range(20):
        first, second = random_input(seed), random_input(seed)
        assert all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(first, second, strict=True))


KINDS = [change for change, _ in AWKWARD if change.__name__ != "_thousand_dims"]  # those are seconds, in the contract


@pytest.mark.parametrize("kind", KINDS, ids=lambda change: change.__name__.strip("_"))
def test_every_kind_is_scored_or_refused_by_itself(kind) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    codes, factors = kind(rng.normal(size=(40, 3)), rng.integers(4, size=(40, 2)), rng)
    for name in metrics_of_codes():
        scored_or_refused(name, codes, factors)
