"""The purpose of a metric: better codes score higher."""

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
DEGREES = 30  # not 45, at which two dimensions are exchangeable: that lowers scores that other angles do not lower


def a_perfect_code_scores_higher_than_noise_and_than_a_constant(name: str) -> None:
    """For scores of which higher is better."""
    factors = sample_factors()
    noise = np.random.default_rng(1).normal(size=(ROWS, len(SIZES)))
    good = better(name, values(name, perfect_codes(factors), factors))
    for kind, codes in (("noise", noise), ("a constant", np.zeros_like(noise))):
        bad = values(name, codes, factors)
        for key in good.keys() & bad.keys():
            assert good[key] > bad[key] + LEAST_FALL, (
                f"{key}: {good[key]:.4g} of a perfect code, {bad[key]:.4g} of {kind}"
            )


def a_dead_dimension_raises_no_score(name: str) -> None:
    """For scores of which higher is better: a constant dimension holds no information."""
    factors = sample_factors()
    codes = perfect_codes(factors)
    before = better(name, values(name, codes, factors))
    after = values(name, np.hstack([codes, np.zeros((ROWS, 1))]), factors)
    for key in before.keys() & after.keys():
        assert after[key] <= before[key] + tolerance(name), (
            f"{key}: {before[key]:.6g} without it, {after[key]:.6g} with"
        )


def rotating_pairs_of_dimensions_lowers_the_headline_score(name: str) -> None:
    """The score of a perfect code falls by a fifth at 30 degrees, if that is declared."""
    headline = declared(name).headline
    if not declared(name).falls_under_rotation or headline is None:
        raise NotDeclaredError("falls_under_rotation is not declared")
    factors = sample_factors(sizes=(4, 4, 5, 5))
    codes = perfect_codes(factors)
    aligned, tilted = (values(name, c, factors)[headline] for c in (codes, rotated(codes, DEGREES)))
    assert tilted < aligned * (1 - LEAST_SHARE), (
        f"{headline}: {aligned:.4g} of a perfect code, {tilted:.4g} of it rotated"
    )


CHECKS: tuple[Callable[[str], None], ...] = (
    a_perfect_code_scores_higher_than_noise_and_than_a_constant,
    a_dead_dimension_raises_no_score,
    rotating_pairs_of_dimensions_lowers_the_headline_score,
)
