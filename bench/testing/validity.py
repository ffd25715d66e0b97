"""Properties of the output for any input: scores in their range, a reason, or an error that names the argument."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench import registry
from bench.metrics.base import SkippedError
from bench.scoring.returned import ScoreError
from bench.testing.samples import (
    ROWS,
    Codes,
    NotDeclaredError,
    declared,
    is_valid,
    perfect_codes,
    sample_factors,
    scored,
    smaller,
    values,
)


def what_it_returns_is_taken_by_the_scoring_stage(name: str) -> None:
    """A dict of declared names, with existing factors, to numbers in their range."""
    factors = sample_factors()
    try:
        scored(name, perfect_codes(factors), factors)
    except ScoreError as fault:
        raise AssertionError(str(fault)) from fault


def any_number_of_dimensions_gives_valid_scores(name: str) -> None:
    """From 1 to 1,000."""
    for dims, rows in ((1, ROWS), (2, ROWS), (15, ROWS), (1000, 150)):
        noise = np.random.default_rng(dims).normal(size=(rows, dims))
        is_valid(name, values(name, noise, sample_factors(rows, sizes=(3, 4))), f"{dims} dims")


def dead_and_duplicated_dimensions_give_valid_scores(name: str) -> None:
    """Some dimensions are dead or duplicated, or all are."""
    perfect, dead = perfect_codes(sample_factors()), np.zeros((ROWS, 1))
    _all_valid(name, {
        "a code with a dead dim": np.hstack([perfect, dead]),
        "a code of dead dims": np.repeat(dead + 0.1, 3, axis=1),
        "a code with every dim twice": np.hstack([perfect, perfect]),
        "a code of one dim thrice": np.repeat(perfect[:, :1], 3, axis=1),
    })  # fmt: skip


def tiny_huge_and_shifted_codes_give_valid_scores(name: str) -> None:
    """Down to 1e-6, up to 1e6, and far from zero."""
    perfect = perfect_codes(sample_factors())
    _all_valid(name, {"a tiny code": perfect * 1e-6, "a huge code": perfect * 1e6, "a shifted code": perfect + 1e4})


def _all_valid(name: str, codes: Mapping[str, Codes]) -> None:
    for case, array in codes.items():
        is_valid(name, values(name, array, sample_factors()), case)


def few_rows_classes_and_factors_give_valid_scores_or_a_reason(name: str) -> None:
    """Ten rows, one factor, a factor with one value, a class of one row, many classes."""
    constant = np.hstack([sample_factors(sizes=(4, 5)), np.zeros((ROWS, 1), np.int64)])
    rare = sample_factors()
    rare[:, 0] = 0
    rare[0, 0] = 7
    cases = {
        "ten rows": sample_factors(10),
        "one factor": sample_factors(sizes=(4,)),
        "a factor of one value": constant,
        "a class of one row": rare,
        "183 classes": sample_factors(sizes=(183, 4)),
    }
    for case, factors in cases.items():
        try:
            scores = values(name, sample_factors(len(factors), 1).astype(float), factors)
        except SkippedError as reason:
            assert "factor" in str(reason), f"of {case}: a reason that does not name the factors: {reason}"
        else:
            is_valid(name, scores, case)


def classes_missing_from_training_or_test_rows_give_valid_scores_or_a_reason(name: str) -> None:
    """If the metric reads a split: a class in one part only, ten training rows, rows of a single class."""
    if declared(name).reads != "split":
        raise NotDeclaredError("no rows are held out")
    factors = sample_factors(300)
    codes = perfect_codes(factors)
    rare, single = (factors == 2).any(axis=1), (factors == factors[0]).all(axis=1)
    parts = {
        "a class missing from the test rows": (slice(None), ~rare),
        "a class missing from the training rows": (~rare, slice(None)),
        "ten training rows": (slice(0, 10), slice(10, None)),
        "training rows of one class": (np.flatnonzero(single)[[0] * 10], slice(None)),
        "test rows of one class": (slice(None), single),
    }
    function = registry.load("metrics", name)
    for case, (train, test) in parts.items():
        try:
            scores = function(codes[train], factors[train], codes[test], factors[test], **smaller(function))
        except ValueError as reason:
            assert "factors" in str(reason), f"{case}: a reason that does not name the factors: {reason}"
        else:
            is_valid(name, scores, case)


def bad_input_is_named(name: str) -> None:
    """NaN, infinities, wrong shapes and wrong types are ValueErrors that name the argument."""
    function = registry.load("metrics", name)
    good, factors = perfect_codes(sample_factors(60)), sample_factors(60)
    wrong: dict[str, tuple[Any, Any]] = {
        "NaN codes": (np.where(good > 1, np.nan, good), factors),
        "infinite codes": (np.where(good > 1, np.inf, good), factors),
        "codes of one axis": (good[:, 0], factors),
        "codes of three axes": (good[None], factors),
        "codes without rows": (good[:0], factors[:0]),
        "codes without dims": (good[:, :0], factors),
        "complex codes": (good + 1j, factors),
        "codes of words": (good.astype(str), factors),
    }
    if declared(name).min_factors:
        wrong |= {
            "fractions as factors": (good, factors + 0.5),
            "negative factors": (good, factors - 9),
            "a row of factors too few": (good, factors[:-1]),
            "factors of one axis": (good, factors[:, 0]),
            "no factors": (good, factors[:, :0]),
        }
    for case, (codes, classes) in wrong.items():
        arguments = [codes, classes] if declared(name).min_factors else [codes]
        try:
            function(*arguments * (2 if declared(name).reads == "split" else 1))
        except ValueError as fault:
            named = any(word in str(fault) for word in ("codes", "factors"))
            assert named, f"{case}: the error does not name the argument: {fault}"
        else:
            raise AssertionError(f"{case} were accepted")


CHECKS: tuple[Callable[[str], None], ...] = (
    what_it_returns_is_taken_by_the_scoring_stage,
    any_number_of_dimensions_gives_valid_scores,
    dead_and_duplicated_dimensions_give_valid_scores,
    tiny_huge_and_shifted_codes_give_valid_scores,
    few_rows_classes_and_factors_give_valid_scores_or_a_reason,
    classes_missing_from_training_or_test_rows_give_valid_scores_or_a_reason,
    bad_input_is_named,
)
