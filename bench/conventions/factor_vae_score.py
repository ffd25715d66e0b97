"""Conventions of the FactorVAE score: which dimensions vote, how batches are drawn, whether chance scores 0."""

from functools import partial

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import DISENT, DISENTANGLEMENT_LIB, UBISOFT
from bench.conventions.unit_bins import unit_bins
from bench.metrics.base import Ints, SkippedError, check_codes, check_factors
from bench.metrics.factor_vae_score import factor_vae_score, from_votes
from bench.metrics.parts.standardise import moments

TRAIN, TEST = 10_000, 5_000  # votes of the study
VOTES, BATCH, ROWS, BINS = 800, 200, 10_000, 10  # ubisoft: votes per part, rows per vote, rows for variances, bins
LEAST_DEVIATION = 0.02  # the value of ubisoft's experiments


def of_test(codes: ArrayLike, factors: ArrayLike, *, seed: int = 0) -> dict[str, float]:
    """The suite's accuracy of test votes."""
    return {"factor_vae_test": factor_vae_score(codes, factors, seed=seed)["factor_vae_test"]}


def unpruned(codes: ArrayLike, factors: ArrayLike, *, seed: int = 0) -> dict[str, float]:
    """Every dimension votes, however little it varies; a constant one gets all votes, because argmin picks 0 / 0."""
    array = check_codes(codes, min_rows=2)
    if (np.ptp(array, axis=0) > 0).all():
        mean, deviation = moments(array)
        return of_test((array - mean) / deviation, factors, seed=seed)
    rng, width = np.random.default_rng(seed), check_factors(factors, len(array)).shape[1]
    votes = [np.bincount(rng.integers(width, size=n), minlength=width)[:, None] for n in (TRAIN, TEST)]
    return {"factor_vae_test": from_votes(*votes)["factor_vae_test"]}


def rescaled(codes: ArrayLike, factors: ArrayLike, *, seed: int = 0) -> dict[str, float]:
    """(accuracy - 1 / F) / (1 - 1 / F), so that chance scores 0; of the F factors that vary."""
    varied = np.ptp(check_factors(factors, len(np.asarray(codes))), axis=0) > 0
    return _rescaled(of_test(codes, factors, seed=seed)["factor_vae_test"], int(varied.sum()))


def small_batches(
    codes: ArrayLike, factors: ArrayLike, *, bin_factors: bool = False, seed: int = 0
) -> dict[str, float]:
    """Z-min variance: 800 votes of 200 rows, drawn without replacement until the rows of a value are used up.

    A seed draws the same rows as in ubisoft's code.
    """
    array = check_codes(codes, min_rows=2)
    classes = check_factors(factors, len(array))
    classes = unit_bins(classes, BINS) if bin_factors else classes
    random = RandomState(seed)
    order = np.arange(len(array))
    random.shuffle(order)
    variances = array[order[:ROWS]].var(axis=0, ddof=1)
    used = np.sqrt(variances) >= LEAST_DEVIATION
    if not used.any():
        raise SkippedError(f"its code fails if no dimension has a deviation of {LEAST_DEVIATION}")
    width = classes.shape[1]
    counts = [np.bincount(random.randint(0, width, VOTES), minlength=width) for _ in ("train", "test")]
    votes = np.zeros((2, width, used.sum()), np.int64)
    for factor, part_counts in enumerate(zip(*counts, strict=True)):
        for part, batch in _batches(classes[:, factor], part_counts, random):
            least_varied = np.argmin(array[batch][:, used].var(axis=0, ddof=1) / variances[used])
            votes[part, factor, least_varied] += 1
    return _rescaled(from_votes(*votes)["factor_vae_test"], width)


def _batches(labels: Ints, votes: tuple[int, int], random: RandomState) -> list[tuple[int, Ints]]:
    """For each vote of a factor, its part, train (0) or test (1), and its rows."""
    values, sizes = np.unique(labels, return_counts=True)
    if not (sizes > 1).any():
        raise SkippedError("its code gives NaN if all rows have different values")
    values = random.choice(values[sizes > 1], size=sum(votes))
    part = np.repeat([0, 1], votes)
    batches: list[tuple[int, Ints]] = []
    for value in np.unique(values):
        members, parts = np.flatnonzero(labels == value), part[values == value]
        rounds = []
        for _ in range(-(-BATCH * len(parts) // len(members))):
            random.shuffle(members)
            rounds.append(members.copy())
        rows = np.concatenate(rounds)[: BATCH * len(parts)].reshape(-1, BATCH)
        batches += list(zip(parts.tolist(), rows, strict=True))
    return batches


def _rescaled(accuracy: float, factors: int) -> dict[str, float]:
    if factors < 2:
        raise SkippedError("its code divides by 0 if there is one factor")
    return {"factor_vae_test": (accuracy - 1 / factors) / (1 - 1 / factors)}


CONVENTIONS = (
    Convention("factor_vae_score", OURS, of_test, "dimensions of a deviation of 0.05 vote, on 64 rows with one value",
               beside="", reads="all"),
    Convention("factor_vae_score", "disentanglement_lib", of_test, "nothing", by=DISENTANGLEMENT_LIB, reads="all"),
    Convention("factor_vae_score", "disent", unpruned, "no dimension is pruned", by=DISENT, reads="all"),
    Convention("factor_vae_score", "bench.rescaled", rescaled, "chance is 0: (accuracy - 1/F) / (1 - 1/F)",
               reads="all"),
    Convention("factor_vae_score", "ubisoft.classes", small_batches,
               "800 votes on 200 rows, drawn without replacement; values of a factor equally often; deviation 0.02",
               beside="bench.rescaled", by=UBISOFT, reads="all", single_valued=True),
    Convention("factor_vae_score", "ubisoft", partial(small_batches, bin_factors=True),
               "factors are put in 10 bins of their range", beside="ubisoft.classes", by=UBISOFT, reads="all",
               single_valued=True),
)  # fmt: skip
