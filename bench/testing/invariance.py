"""Invariances of a score: to order, type and repetition, and, if declared, to scale, sign and monotone maps."""

from collections.abc import Callable

import numpy as np

from bench.metrics.base import Map
from bench.testing.samples import (
    ROWS,
    Codes,
    NotDeclaredError,
    are_close,
    declared,
    noisy,
    perfect_codes,
    sample_factors,
    tolerance,
    values,
)

NOISE = 0.25  # standard deviations, so that no two codes are equal


def the_order_of_dimensions_does_not_matter(name: str) -> None:
    """Exactly; for a metric that samples rows or fits a model, up to a tolerance."""
    factors = sample_factors()
    codes = noisy(perfect_codes(factors), NOISE)
    are_close(values(name, codes, factors), values(name, codes[:, ::-1], factors), tolerance(name))


def the_order_of_rows_does_not_matter(name: str) -> None:
    """Exactly; for a metric that samples rows or fits a model, up to a tolerance."""
    factors = sample_factors()
    codes = noisy(perfect_codes(factors), NOISE)
    order = np.random.default_rng(3).permutation(ROWS)
    are_close(values(name, codes, factors), values(name, codes[order], factors[order]), tolerance(name))


def rescaling_and_shifting_dimensions_does_not_matter(name: str) -> None:
    """If it is declared; the factors span orders of magnitude."""
    _mapped(name, "scale", lambda codes: codes * np.array([1e-3, 1, 300]) + np.array([0.5, -2, 40]))


def the_sign_of_dimensions_does_not_matter(name: str) -> None:
    """If it is declared."""
    _mapped(name, "sign", lambda codes: codes * np.array([-1, 1, -1]))


def strictly_monotone_maps_of_dimensions_do_not_matter(name: str) -> None:
    """If it is declared."""
    _mapped(name, "monotone", lambda codes: np.exp(3 * codes))


def _mapped(name: str, kind: Map, change: Callable[[Codes], Codes]) -> None:
    if kind not in declared(name).invariant_to:
        raise NotDeclaredError(f"invariant_to does not hold {kind!r}")
    factors = sample_factors()
    codes = noisy(perfect_codes(factors), NOISE)
    are_close(values(name, codes, factors), values(name, change(codes), factors), tolerance(name))


def the_same_seed_gives_the_same_value(name: str) -> None:
    """Bit for bit, and the metric does not change its arguments."""
    factors = sample_factors()
    codes = noisy(perfect_codes(factors), 1)
    before = codes.copy(), factors.copy()
    first, second = (values(name, codes, factors, seed=5) for _ in range(2))
    assert first == second, "two calls differ"
    assert (codes == before[0]).all(), "the codes were changed"
    assert (factors == before[1]).all(), "the factors were changed"


def float32_and_float64_agree(name: str) -> None:
    """For numbers that both represent exactly."""
    factors = sample_factors()
    codes = np.random.default_rng(2).normal(size=(ROWS, 4)).astype(np.float32)
    are_close(values(name, codes, factors), values(name, codes.astype(np.float64), factors), 1e-6)


def integers_and_floats_agree(name: str) -> None:
    """Integer codes have the scores of the same numbers as floats."""
    factors = sample_factors()
    codes = np.random.default_rng(2).integers(-9, 9, size=(ROWS, 4))
    are_close(values(name, codes, factors), values(name, codes.astype(np.float64), factors), 1e-6)


CHECKS: tuple[Callable[[str], None], ...] = (
    the_order_of_dimensions_does_not_matter,
    the_order_of_rows_does_not_matter,
    rescaling_and_shifting_dimensions_does_not_matter,
    the_sign_of_dimensions_does_not_matter,
    strictly_monotone_maps_of_dimensions_do_not_matter,
    the_same_seed_gives_the_same_value,
    float32_and_float64_agree,
    integers_and_floats_agree,
)
