"""Properties of what a metric is for: better codes score higher."""

from collections.abc import Callable

import numpy as np

from bench.testing.samples import (
    LEAST_FALL,
    ROWS,
    SIZES,
    NotDeclaredError,
    better,
    declared,
    perfect_codes,
    rotated,
    sample_factors,
    tolerance,
    values,
)

LEAST_SHARE = 0.2  # of the headline score, lost by rotation
DEGREES = 30  # at 45 two dimensions are exchangeable, which lowers scores that no other angle lowers


def a_perfect_code_scores_higher_than_noise_and_than_a_constant(name: str) -> None:
    """Where higher is better."""
    factors = sample_factors()
    noise = np.random.default_rng(1).normal(size=(ROWS, len(SIZES)))
    good = better(name, values(name, perfect_codes(factors), factors))
    for what, codes in (("noise", noise), ("a constant", np.zeros_like(noise))):
        bad = values(name, codes, factors)
        for key in good.keys() & bad.keys():
            assert good[key] > bad[key] + LEAST_FALL, (
                f"{key}: {good[key]:.4g} of a perfect code, {bad[key]:.4g} of {what}"
            )


def a_dead_dimension_raises_no_score(name: str) -> None:
    """Where higher is better: what carries nothing earns nothing."""
    factors = sample_factors()
    codes = perfect_codes(factors)
    before = better(name, values(name, codes, factors))
    after = values(name, np.hstack([codes, np.zeros((ROWS, 1))]), factors)
    for key in before.keys() & after.keys():
        assert after[key] <= before[key] + tolerance(name), (
            f"{key}: {before[key]:.6g} without it, {after[key]:.6g} with"
        )


def rotating_pairs_of_dimensions_lowers_the_headline_score(name: str) -> None:
    """By a fifth at 30 degrees, of a perfect code, where it is declared."""
    headline = declared(name).headline
    if not declared(name).falls_under_rotation or headline is None:
        raise NotDeclaredError("falls_under_rotation is not declared")
    factors = sample_factors(sizes=(4, 4, 5, 5))
    codes = perfect_codes(factors)
    upright, turned = (values(name, c, factors)[headline] for c in (codes, rotated(codes, DEGREES)))
    assert turned < upright * (1 - LEAST_SHARE), (
        f"{headline}: {upright:.4g} of a perfect code, {turned:.4g} of it rotated"
    )


CHECKS: tuple[Callable[[str], None], ...] = (
    a_perfect_code_scores_higher_than_noise_and_than_a_constant,
    a_dead_dimension_raises_no_score,
    rotating_pairs_of_dimensions_lowers_the_headline_score,
)
