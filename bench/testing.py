"""The contract every registered metric must pass, for the suite's own tests and for authors of new metrics.

`check_metric("my_metric")` raises an AssertionError that says which property failed; it returns nothing.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import registry
from bench.grid import Protocol
from bench.metrics.base import Metric
from bench.scoring import SkippedError, cells, evaluate

ROWS = 1500
SIZES = (3, 4, 5)
EXACT = 1e-9
NOISY = 0.12  # how far a score that draws rows, or fits a model, may move where it should not move
PROTOCOL = Protocol("check", None, ROWS, 900, 600, ("mean",), (), {})
SMALLER: Mapping[str, Any] = {"num_train": 600, "num_test": 400, "train_sizes": [100, 900], "num_rounds": 5}
Codes = NDArray[np.float64]
Factors = NDArray[np.int64]


def check_metric(name: str) -> None:
    """Check every property of the contract on one registered metric.

    Raises:
        AssertionError: a property does not hold; the message names it.
        UnknownNameError: no such metric.
    """
    for check in (*CHECKS,):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                check(name)
        except Warning as warning:
            raise AssertionError(f"{name}: {check.__name__}: warned: {warning}") from warning
        except AssertionError as fault:
            raise AssertionError(f"{name}: {check.__name__.replace('_', ' ')}: {fault}") from fault


def sample_factors(rows: int = ROWS, seed: int = 0, sizes: tuple[int, ...] = SIZES) -> Factors:
    """Independent uniform factors (rows, number of factors)."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(n, size=rows) for n in sizes], axis=1)


def perfect_codes(factors: Factors) -> Codes:
    """One standardised dimension a factor."""
    return (factors - factors.mean(axis=0)) / factors.std(axis=0)


def values(name: str, codes: Any, factors: Factors, seed: int = 0) -> dict[str, float]:
    """The metric's scores, called as the scoring stage calls it."""
    function = registry.load("metrics", name)
    (cell,) = cells([name], Protocol(**vars(PROTOCOL) | {"options": {name: smaller(function)}}))
    given = factors if function.metric.min_factors else None
    return evaluate(cell, codes, given, f"seed {seed}")[0]


def smaller(function: Callable[..., Any]) -> dict[str, Any]:
    """Options that make a metric quick, of those that it takes."""
    return {option: v for option, v in SMALLER.items() if option in inspect.signature(function).parameters}


def _declared(name: str) -> Metric:
    return registry.load("metrics", name).metric


def _tolerance(name: str) -> float:
    """A metric that reads all rows it is given, and draws nothing, has no excuse to move."""
    declared = _declared(name)
    return NOISY if declared.seeded or declared.reads == "split" else EXACT


def _is_valid(name: str, scores: dict[str, float]) -> None:
    assert scores, "no scores were returned"
    for key, value in scores.items():
        score = _declared(name).score(key)
        assert np.isfinite(value), f"{key} is {value}"
        assert score.low - 1e-9 <= value <= score.high + 1e-9, f"{key} = {value} is outside its declared range"


def _close(a: dict[str, float], b: dict[str, float], tolerance: float) -> None:
    assert a.keys() == b.keys(), f"other scores: {sorted(a.keys() ^ b.keys())}"
    for key in a:
        assert abs(a[key] - b[key]) <= tolerance * max(1, abs(a[key])), f"{key}: {a[key]} against {b[key]}"


def a_perfect_code_scores_higher_than_noise_and_than_a_constant(name: str) -> None:
    """Where higher is better."""
    factors = sample_factors()
    noise = np.random.default_rng(1).normal(size=(ROWS, len(SIZES)))
    good = values(name, perfect_codes(factors), factors)
    for bad_codes in (noise, np.zeros_like(noise)):
        bad = values(name, bad_codes, factors)
        for key in good.keys() & bad.keys():
            if _declared(name).score(key).higher_is_better and "efficiency" not in key:
                assert good[key] > bad[key] + 0.1, f"{key}: {good[key]} for a perfect code, {bad[key]} for a bad one"


def every_shape_of_code_gives_valid_scores(name: str) -> None:
    """More, fewer, one, dead, duplicated, tiny and huge dimensions."""
    factors = sample_factors()
    perfect = perfect_codes(factors)
    noise = np.random.default_rng(1).normal(size=(ROWS, 12))
    dead = np.zeros((ROWS, 1))
    shapes = [
        np.hstack([perfect, noise]), perfect[:, :2], perfect[:, :1], noise[:, :1], np.hstack([perfect, dead]),
        np.repeat(dead, 3, axis=1), np.hstack([perfect, perfect]), perfect * 1e-6, perfect * 1e6, perfect + 1e4,
    ]  # fmt: skip
    for codes in shapes:
        _is_valid(name, values(name, codes, factors))


def few_rows_classes_and_factors_give_valid_scores_or_a_reason(name: str) -> None:
    """Ten rows, one factor, a factor with one value, a class that is rare, many classes."""
    few = sample_factors(10)
    single = sample_factors(sizes=(4,))
    constant = np.hstack([sample_factors(sizes=(4, 5)), np.zeros((ROWS, 1), np.int64)])
    rare = sample_factors()
    rare[:, 0] = 0
    rare[0, 0] = 7
    many = sample_factors(sizes=(183, 4))
    for factors in (few, single, constant, rare, many):
        try:
            scores = values(name, sample_factors(len(factors), 1).astype(float), factors)
        except SkippedError as reason:
            assert "factor" in str(reason), f"a reason that does not name the factors: {reason}"
        else:
            _is_valid(name, scores)


def the_order_of_dimensions_does_not_matter(name: str) -> None:
    """Not at all, or for a metric that draws rows or fits a model, up to that."""
    factors = sample_factors()
    codes = perfect_codes(factors) + np.random.default_rng(2).normal(size=(ROWS, len(SIZES))) / 4
    _close(values(name, codes, factors), values(name, codes[:, ::-1], factors), _tolerance(name))


def the_order_of_rows_does_not_matter(name: str) -> None:
    """Likewise."""
    factors = sample_factors()
    codes = perfect_codes(factors) + np.random.default_rng(2).normal(size=(ROWS, len(SIZES))) / 4
    order = np.random.default_rng(3).permutation(ROWS)
    _close(values(name, codes, factors), values(name, codes[order], factors[order]), _tolerance(name))


def the_same_seed_gives_the_same_value(name: str) -> None:
    """To the bit, and the inputs are left as they were."""
    factors = sample_factors()
    codes = perfect_codes(factors) + np.random.default_rng(2).normal(size=(ROWS, len(SIZES)))
    before = codes.copy(), factors.copy()
    first, second = (values(name, codes, factors, seed=5) for _ in range(2))
    assert first == second, "two calls differ"
    assert (codes == before[0]).all(), "the codes were changed"
    assert (factors == before[1]).all(), "the factors were changed"


def float32_and_float64_agree(name: str) -> None:
    """On numbers that both can hold."""
    factors = sample_factors()
    codes = np.random.default_rng(2).normal(size=(ROWS, 4)).astype(np.float32)
    _close(values(name, codes, factors), values(name, codes.astype(np.float64), factors), 1e-6)


def bad_input_is_named(name: str) -> None:
    """NaN, infinities, wrong shapes and wrong types are ValueErrors that name the argument."""
    function, declared = registry.load("metrics", name), _declared(name)
    good = perfect_codes(sample_factors(60))
    factors = sample_factors(60)
    spoiled = good.copy()
    spoiled[3, 1] = np.nan
    attempts: list[tuple[Any, Any]] = [(spoiled, factors), (good[:, 0], factors), (good[:0], factors[:0])]
    if declared.min_factors:
        attempts += [(good, factors + 0.5), (good, factors - 9), (good, factors[:-1]), (good, factors[:, 0])]
    for codes, classes in attempts:
        arguments = [codes, classes] if declared.min_factors else [codes]
        try:
            function(*arguments * (2 if declared.reads == "split" else 1))
        except ValueError as fault:
            assert any(word in str(fault) for word in ("codes", "factors")), f"the argument is not named: {fault}"
        else:
            raise AssertionError("bad input was accepted")


CHECKS: tuple[Callable[[str], None], ...] = (
    a_perfect_code_scores_higher_than_noise_and_than_a_constant,
    every_shape_of_code_gives_valid_scores,
    few_rows_classes_and_factors_give_valid_scores_or_a_reason,
    the_order_of_dimensions_does_not_matter,
    the_order_of_rows_does_not_matter,
    the_same_seed_gives_the_same_value,
    float32_and_float64_agree,
    bad_input_is_named,
)
