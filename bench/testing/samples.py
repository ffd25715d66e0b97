"""Codes of known quality, and a metric's scores of them, computed as the scoring stage does."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import registry
from bench.analysis.representations.identifiability import plane_rotation
from bench.metrics.base import Score
from bench.scoring.runs import PUBLISHED, Cell, cells, compute, evaluate
from bench.scoring.runs import declaration as declared

ROWS = 700
SIZES = (3, 4, 5)
PROTOCOL = replace(PUBLISHED, name="check", num_points=ROWS, num_train=400, num_test=300)
SMALLER: Mapping[str, Any] = {"num_train": 600, "num_test": 400, "train_sizes": [300], "num_rounds": 5, "num_trees": 10}
EXACT = 1e-9
NOISY = 0.12  # tolerance of invariance for scores that sample rows or fit a model
LEAST_FALL = 0.1  # of a score, from a good code to noise
Codes = NDArray[np.float64]
Factors = NDArray[np.int64]


class NotDeclaredError(Exception):
    """The metric does not declare this property, or the property cannot apply to it; the message is the reason."""


def sample_factors(rows: int = ROWS, seed: int = 0, sizes: tuple[int, ...] = SIZES) -> Factors:
    """Independent uniform factors (rows, number of factors)."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(n, size=rows) for n in sizes], axis=1)


def perfect_codes(factors: Factors) -> Codes:
    """One standardised dimension per factor."""
    return (factors - factors.mean(axis=0)) / factors.std(axis=0)


def noisy(codes: Codes, deviation: float, seed: int = 2) -> Codes:
    """Codes plus Gaussian noise of this standard deviation."""
    return codes + deviation * np.random.default_rng(seed).normal(size=codes.shape)


def rotated(codes: Codes, degrees: float) -> Codes:
    """Dimensions 0 and 1, 2 and 3, ... rotated in their plane; an odd last one is not."""
    return codes @ plane_rotation(codes.shape[1], degrees).T


def values(
    name: str, codes: Any, factors: Factors, seed: int = 0, options: Mapping[str, Any] = SMALLER
) -> dict[str, float]:
    """The unchecked scores of codes (N, D), with those of the options that are parameters of the metric."""
    classes = factors if declared(name).min_factors else None
    returned, _ = compute(_cell(name, options), codes, classes, f"seed {seed}", worth(name, factors))
    return {key: float(value) for key, value in returned.items()}


def scored(name: str, codes: Codes, factors: Factors) -> dict[str, float]:
    """The scores of codes, checked as the scoring stage does.

    Raises:
        ScoreError: the metric returned something else than its declared scores.
    """
    return evaluate(_cell(name, SMALLER), codes, factors, "seed 0", worth(name, factors))[0]


def worth(name: str, factors: Factors) -> Codes | None:
    """What factors are worth, anywhere within their classes; None: the metric does not read it."""
    within = np.random.default_rng(3).random(factors.shape)
    return factors + within if declared(name).reads_values else None


def _cell(name: str, options: Mapping[str, Any]) -> Cell:
    protocol = replace(PROTOCOL, options={name: smaller(registry.load("metrics", name), options)})
    return cells([name], protocol)[0]


def smaller(function: Callable[..., Any], options: Mapping[str, Any] = SMALLER) -> dict[str, Any]:
    """The options that are parameters of the metric; the default ones make it quick."""
    return {option: v for option, v in options.items() if option in inspect.signature(function).parameters}


def tolerance(name: str) -> float:
    """Tolerance of invariance: rounding alone for a metric that reads all its rows and draws nothing."""
    return NOISY if declared(name).seeded or declared(name).reads == "split" else EXACT


def is_valid(name: str, scores: Mapping[str, float], case: str) -> None:
    """Assert that there are scores, finite and in their declared range.

    Raises:
        AssertionError: the message names the score and the case.
    """
    assert scores, f"no scores of {case}"
    for key, value in scores.items():
        score = declared(name).score(key)
        assert np.isfinite(value), f"{key} of {case} is {value}"
        inside = score.low - EXACT <= value <= score.high + EXACT
        assert inside, f"{key} of {case} is {value}, outside its declared range {score.low:g}..{score.high:g}"


def are_close(a: Mapping[str, float], b: Mapping[str, float], within: float) -> None:
    """Assert that two calls returned the same scores, up to `within` times max(1, |score|).

    If `within` is large, only means over factors are compared, not the scores of single factors.

    Raises:
        AssertionError: the message names the score that differs.
    """
    assert a.keys() == b.keys(), f"other scores: {sorted(a.keys() ^ b.keys())}"
    for key in (k for k in a if "/" not in k or within < NOISY):
        assert abs(a[key] - b[key]) <= within * max(1, abs(a[key])), f"{key}: {a[key]:.6g} against {b[key]:.6g}"


def better(name: str, scores: Mapping[str, float]) -> dict[str, float]:
    """The scores of which higher is better; ratios are left out.

    Raises:
        NotDeclaredError: there are none.
    """
    declarations = {key: declared(name).score(key) for key in scores}
    rising = {key for key, score in declarations.items() if score.higher_is_better and not is_ratio(score)}
    if not rising:
        raise NotDeclaredError("no score declares that higher is better")
    return {key: value for key, value in scores.items() if key in rising}


def is_ratio(score: Score) -> bool:
    """Whether higher is better without a bound: a ratio of scores, such as an efficiency; worse codes can raise it."""
    return bool(score.higher_is_better) and score.high == np.inf
