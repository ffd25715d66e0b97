"""The contract of a metric of groups, checked on runs that share their dimensions up to order and noise."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import data
from bench.metrics.base import Map, SkippedError
from bench.scoring.groups import group_cell
from bench.scoring.returned import ScoreError
from bench.scoring.runs import Cell, called
from bench.scoring.subjects import OfGroup
from bench.testing.samples import EXACT, LEAST_FALL, NOISY, PROTOCOL, Codes, NotDeclaredError, declared, is_ratio

ROWS, DIMS = 400, 4
NOISE = 0.2  # standard deviations

Values = Mapping[str, NDArray[np.float64]]


def alike(name: str, rows: int = ROWS, dims: int = DIMS) -> list[Codes]:
    """Codes of as many runs as the metric needs, at least three: the same dimensions in random order, with noise."""
    rng = np.random.default_rng(0)
    sources = rng.normal(size=(rows, dims))
    runs = range(max(3, declared(name).min_runs))
    return [sources[:, rng.permutation(dims)] + NOISE * rng.normal(size=sources.shape) for _ in runs]


def group_values(name: str, codes: Sequence[Any], kl: Any = None) -> Values:
    """The unchecked scores of codes (n, D) of several runs; by default every dimension has a KL of 1 nat."""
    divergences = np.ones((len(codes), np.shape(codes[0])[-1])) if kl is None else kl
    options = {"kl": divergences} if declared(name).reads_kl else {}
    returned = called(_cell(name, len(codes)), [list(codes)], _ids(len(codes)), **options)
    return {score: np.asarray(numbers, np.float64) for score, numbers in returned.items()}


def _ids(runs: int) -> list[str]:
    return [f"run {i}" for i in range(runs)]


def _cell(name: str, runs: int) -> Cell:
    return group_cell(name, PROTOCOL, data.CUSTOM, _ids(runs))


def what_it_returns_is_taken_by_the_scoring_stage(name: str) -> None:
    """A dict of declared names to one number per run, in its range."""
    codes = alike(name)
    inputs = {_cell(name, len(codes)).key: [(array, np.ones(DIMS)) for array in codes]}
    try:
        OfGroup(_ids(len(codes)), inputs).evaluate(_cell(name, len(codes)))
    except ScoreError as fault:
        raise AssertionError(str(fault)) from fault


def a_run_whose_dimensions_others_have_scores_higher_than_one_of_noise(name: str) -> None:
    """For scores of which higher is better."""
    codes = [*alike(name), np.random.default_rng(1).normal(size=(ROWS, DIMS))]
    better = {n: v for n, v in group_values(name, codes).items() if declared(name).score(n).higher_is_better}
    better = {n: v for n, v in better.items() if not is_ratio(declared(name).score(n))}
    if not better:
        raise NotDeclaredError("no score declares that higher is better")
    for score, (*good, noise) in better.items():
        assert min(good) > noise + LEAST_FALL, f"{score}: {min(good):.4g} of a run like others, {noise:.4g} of noise"


def the_order_of_runs_does_not_matter(name: str) -> None:
    """Exactly; for a metric that samples rows, up to a tolerance."""
    codes = alike(name)
    codes[0] = codes[0] + np.random.default_rng(2).normal(size=codes[0].shape)
    backwards = {score: v[::-1] for score, v in group_values(name, codes[::-1]).items()}
    _are_close(name, group_values(name, codes), backwards)


def the_order_of_dimensions_does_not_matter(name: str) -> None:
    """The dimensions of a single run are reversed."""
    _mapped(name, lambda codes: codes[:, ::-1])


def rescaling_and_shifting_dimensions_does_not_matter(name: str) -> None:
    """If it is declared; the factors span orders of magnitude."""
    _declared(name, "scale")
    _mapped(name, lambda codes: codes * np.array([1e-3, 1, 300, 7]) + np.array([0.5, -2, 40, 0]))


def the_sign_of_dimensions_does_not_matter(name: str) -> None:
    """If it is declared."""
    _declared(name, "sign")
    _mapped(name, lambda codes: codes * np.array([-1, 1, -1, 1]))


def strictly_monotone_maps_of_dimensions_do_not_matter(name: str) -> None:
    """If it is declared."""
    _declared(name, "monotone")
    _mapped(name, np.exp)


def the_same_seed_gives_the_same_value(name: str) -> None:
    """Bit for bit, and the metric does not change its arguments."""
    codes = alike(name)
    before = [array.copy() for array in codes]
    first, second = (group_values(name, codes) for _ in range(2))
    assert all((first[score] == second[score]).all() for score in first), "two calls differ"
    assert all((a == b).all() for a, b in zip(codes, before, strict=True)), "the codes were changed"


def float32_and_float64_agree(name: str) -> None:
    """For numbers that both represent exactly."""
    single = [array.astype(np.float32) for array in alike(name)]
    _are_close(name, group_values(name, single), group_values(name, [a.astype(np.float64) for a in single]), 1e-6)


def awkward_codes_give_valid_scores(name: str) -> None:
    """One dimension and many; some or all dimensions dead or duplicated; tiny, huge and shifted codes."""
    codes = alike(name)
    _valid(name, "runs of one dim", alike(name, dims=1))
    _valid(name, "runs of 30 dims", alike(name, dims=30))
    _valid(name, "runs with a dead dim", [np.hstack([array, np.zeros((ROWS, 1))]) for array in codes])
    _valid(name, "runs with every dim twice", [np.hstack([array, array]) for array in codes])
    _valid(name, "runs of dead dims", [np.full((ROWS, 3), 0.1)] * len(codes))
    _valid(name, "a run of dead dims among others", [np.full((ROWS, DIMS), 0.1), *codes[1:]])
    for kind, factor, offset in (("tiny", 1e-6, 0), ("huge", 1e6, 0), ("shifted", 1, 1e4)):
        _valid(name, f"{kind} codes", [array * factor + offset for array in codes])
    if declared(name).reads_kl:
        _valid(name, "runs without any KL", codes, np.zeros((len(codes), DIMS)))
        _valid(name, "runs with an infinite KL", codes, np.full((len(codes), DIMS), np.inf))


def few_images_give_valid_scores_or_a_reason(name: str) -> None:
    """Ten images."""
    try:
        _valid(name, "ten images", alike(name, rows=10))
    except SkippedError:
        return


def bad_input_is_named(name: str) -> None:
    """NaN, infinities, wrong shapes and wrong types are ValueErrors that name the argument."""
    good = alike(name)
    wrong: dict[str, list[Any]] = {
        "NaN codes": [np.where(good[0] > 1, np.nan, good[0]), *good[1:]],
        "infinite codes": [np.where(good[0] > 1, np.inf, good[0]), *good[1:]],
        "codes of three axes": [array[None] for array in good],
        "codes without rows": [array[:0] for array in good],
        "codes of other images": [good[0][:-1], *good[1:]],
        "codes of words": [array.astype(str) for array in good],
    }
    for case, codes in wrong.items():
        try:
            group_values(name, codes)
        except ValueError as fault:
            assert "codes" in str(fault), f"{case}: the error does not name the argument: {fault}"
        else:
            raise AssertionError(f"{case} were accepted")


def _declared(name: str, kind: Map) -> None:
    if kind not in declared(name).invariant_to:
        raise NotDeclaredError(f"invariant_to does not hold {kind!r}")


def _mapped(name: str, change: Callable[[Codes], Codes]) -> None:
    codes = alike(name)
    _are_close(name, group_values(name, codes), group_values(name, [change(codes[0]), *codes[1:]]))


def _are_close(name: str, a: Values, b: Values, within: float | None = None) -> None:
    within = within or (NOISY if declared(name).seeded else EXACT)
    assert a.keys() == b.keys(), f"other scores: {sorted(a.keys() ^ b.keys())}"
    for score in a:
        difference = np.abs(a[score] - b[score]) / np.maximum(1, np.abs(a[score]))
        assert (difference <= within).all(), f"{score}: {a[score].round(6)} against {b[score].round(6)}"


def _valid(name: str, case: str, codes: Sequence[Codes], kl: Any = None) -> None:
    scores = group_values(name, codes, kl)
    assert scores, f"no scores of {case}"
    for key, numbers in scores.items():
        score = declared(name).score(key)
        assert numbers.shape == (len(codes),), f"{key} of {case}: {numbers.shape} values of {len(codes)} runs"
        inside = (numbers >= score.low - EXACT) & (numbers <= score.high + EXACT)  # False for NaN
        assert inside.all(), f"{key} of {case} is {numbers}, its declared range is {score.low:g}..{score.high:g}"


CHECKS: tuple[Callable[[str], None], ...] = (
    a_run_whose_dimensions_others_have_scores_higher_than_one_of_noise,
    the_order_of_runs_does_not_matter,
    the_order_of_dimensions_does_not_matter,
    rescaling_and_shifting_dimensions_does_not_matter,
    the_sign_of_dimensions_does_not_matter,
    strictly_monotone_maps_of_dimensions_do_not_matter,
    the_same_seed_gives_the_same_value,
    float32_and_float64_agree,
    what_it_returns_is_taken_by_the_scoring_stage,
    awkward_codes_give_valid_scores,
    few_images_give_valid_scores_or_a_reason,
    bad_input_is_named,
)
