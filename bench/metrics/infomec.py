"""InfoMEC: modularity, compactness and explicitness by information (Hsu et al. 2023)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import (
    Floats,
    Ints,
    Score,
    SkippedError,
    check_codes,
    check_count,
    check_factors,
    metric,
    varying,
)
from bench.metrics.parts import multinomial, neighbour_information
from bench.metrics.parts.information import dense, entropy, mutual_information
from bench.metrics.parts.standardise import moments

LEAST_SHARE = 1 / 20  # of the largest range of a dimension: those of no more than it are not active
MOST_VALUES, MOST_INDICATORS = 64, 1_024  # of a dimension of quantised codes, and of all: columns of the regression
JITTER = 1e-10  # standard deviations that are added, so that no two rows are equal


@metric(
    version=1,
    reads="points",
    min_factors=2,
    scores={
        "infomec_modularity": Score(0, 1, title="InfoM"),
        "infomec_compactness": Score(0, 1, title="InfoC"),
        "infomec_explicitness": Score(float("-inf"), 1, title="InfoE"),
    },
    headline="infomec_modularity",
    invariant_to=("sign",),  # not to scale: a dimension is active by its range beside the largest
    falls_under_rotation=True,
    paper="Hsu et al. 2023, arXiv:2305.18378",
)
def infomec(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    neighbours: int = 10,
    iterations: int | None = None,
    quantised: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """How far each dimension tells of one factor, each factor of one dimension, and how well they are told linearly.

    With I_dk the mutual information of dimension d and factor k over the factor's entropy, of K factors and the A
    dimensions that are active,

        modularity = mean_d (max_k I_dk / sum_k I_dk - 1 / K) / (1 - 1 / K),
        compactness = mean_k (max_d I_dk / sum_d I_dk - 1 / A) / (1 - 1 / A),
        explicitness = mean_k (H_k - L_k) / H_k.

    I is estimated from nearest neighbours of standardised codes. A dimension is active if its range is above a
    twentieth of the largest. L_k is the log loss of a multinomial logistic regression on all dimensions, without
    a penalty and with balanced classes, over the rows that it is fitted to, and H_k = log(number of classes) that of
    the same regression on nothing. It is 1 at best, and negative where balanced classes cost more than they tell.

    What is 0 / 0 counts 0, as it tells of nothing apart from the rest: in modularity an active dimension without
    information, in compactness a factor that no active dimension tells of, compactness itself where one dimension is
    active (to be told by one of one is no merit), and all three where none is. Factors with a single value are left
    out.

    Information estimated from a finite sample is cut off at 0 and a ratio of what is left: noise has a modularity far
    above 0. Published code ends the regression after 100 iterations, which is the variant `iterations: 100`.

    As numbers, values of a codebook that has no order tell less than they do as names. With `quantised`, as the authors
    score such codes, each value is a name: information is that of counts, a dimension of two values is active, and the
    regression reads, for each value, whether a row has it.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        neighbours: of the estimate of information.
        iterations: of L-BFGS, in the place of the regression's optimum.
        quantised: whether a dimension takes few values, each of which is a name.
        seed: of the jitter that tells equal codes apart, 1e-10 of a standard deviation.

    Raises:
        ValueError: bad codes, factors or counts.
        SkippedError: fewer than two factors vary, or `quantised` codes take too many values.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> {name: round(score, 1) for name, score in infomec(factors, factors).items()}
        {'infomec_modularity': 1.0, 'infomec_compactness': 1.0, 'infomec_explicitness': 1.0}
    """
    array = check_codes(codes, min_rows=2)
    classes = dense(check_factors(factors, len(array)))
    classes = classes[:, varying(classes, least=2)]
    near = check_count(neighbours, "neighbours")
    steps = None if iterations is None else check_count(iterations, "iterations")
    if not isinstance(quantised, bool):
        raise ValueError(f"quantised must be true or false, got {quantised!r}")
    if quantised:
        values = _values(array)
        informed, regressors = mutual_information(values, classes), _indicators(values)
    else:
        regressors, active = standardised(array)
        informed = neighbour_information.information(jittered(active, np.random.default_rng(seed)), classes, near)
    shares = informed / entropy(classes)
    return {
        "infomec_modularity": dominance(shares),
        "infomec_compactness": dominance(shares.T),
        "infomec_explicitness": float(np.mean([_explained(regressors, y, steps) for y in classes.T])),
    }


def _values(codes: Floats) -> Ints:
    """The values of each dimension that has two or more, numbered from 0.

    Raises:
        SkippedError: a dimension has, or all have together, more than those of a codebook.
    """
    values = dense(codes)
    counts = values.max(axis=0) + 1
    if counts.max() > MOST_VALUES or counts.sum() > MOST_INDICATORS:
        raise SkippedError(
            f"quantised codes take at most {MOST_VALUES} values a dimension and {MOST_INDICATORS:,} together, these "
            f"{counts.max():,} and {counts.sum():,}: without quantised=true they are scored as numbers"
        )
    return values[:, counts > 1]


def _indicators(values: Ints) -> Floats:
    """A column for each value of each dimension, 1 where a row has it: (N, values)."""
    columns = [v[:, None] == np.arange(v.max() + 1) for v in values.T]
    return np.hstack([np.zeros((len(values), 0)), *columns])


def standardised(codes: Floats) -> tuple[Floats, Floats]:
    """Codes in units of standard deviations, and those of their dimensions that are active."""
    mean, deviation = moments(codes)
    standard, ranges = (codes - mean) / deviation, np.ptp(codes, axis=0)
    return standard, standard[:, ranges > ranges.max() * LEAST_SHARE]


def jittered(table: Floats, rng: np.random.Generator) -> Floats:
    """Columns with noise added, so that no two rows are equal."""
    jittered_table = table.copy()
    for column in jittered_table.T:
        column += JITTER * rng.standard_normal(len(table))
    return jittered_table


def dominance(shares: Floats) -> float:
    """Mean over rows of how far the largest entry has the sum to itself: 0 (even, or nothing) to 1 (alone)."""
    totals, width = shares.sum(axis=1), shares.shape[1]
    if len(shares) == 0 or width < 2:
        return 0.0
    even = 1 / width
    largest = np.divide(shares.max(axis=1), totals, out=np.full(len(shares), even), where=totals > 0)
    return float(np.clip(((largest - even) / (1 - even)).mean(), 0, 1))


def _explained(codes: Floats, classes: Ints, iterations: int | None) -> float:
    """The share of a factor's log loss that a logistic regression takes away."""
    nothing = np.log(classes.max() + 1)
    return float((nothing - multinomial.log_loss(codes, classes, iterations=iterations)) / nothing)
