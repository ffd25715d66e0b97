"""How much of the factors is linear in the code (Zimmermann et al. 2021)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import LARGEST, Floats, Score, check_split, metric, varying
from bench.metrics.parts.standardise import LEAST_RANGE, moments


@metric(
    version=1,
    reads="split",
    scores={"r2": Score(float("-inf"), 1, title="Linear R²")},
    headline="r2",
    invariant_to=("scale", "sign"),
    paper="Zimmermann et al. 2021, arXiv:2102.08850",
)
def linear_r2(
    train_codes: ArrayLike, train_factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> dict[str, float]:
    """The share of the factors' variance that a linear map of the code explains, in rows that it was not fitted to.

    Least squares fits class indices to the training codes, with an intercept; R2 = 1 - (squared error) / (squared
    distance from the mean) in the test rows, averaged over factors. It says what a code holds, not how it is laid out:
    a rotation leaves it as it is. A code that explains nothing scores about 0, and below 0 where the fit misleads. Of
    dimensions that depend on each other linearly, as far as rounding tells, and of more of them than rows, the shortest
    coefficients are taken, of standardised dimensions. Factors with a single value in the training or the test rows are
    left out.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices.
        test_codes: (m, D).
        test_factors: (m, F).

    Raises:
        ValueError: bad codes or factors.
        SkippedError: no factor has two values in the training rows and in the test rows.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> codes = factors @ [[1.0, 2.0], [-1.0, 1.0]]
        >>> round(linear_r2(codes[:500], factors[:500], codes[500:], factors[500:])["r2"], 6)
        1.0
    """
    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    varied = varying(y, expected)
    y, expected = y[:, varied], expected[:, varied]
    live = np.ptp(x, axis=0) >= LEAST_RANGE
    mean, deviation = moments(x[:, live])
    standard, level = (x[:, live] - mean) / deviation, y.mean(axis=0)
    coefficients = np.linalg.lstsq(standard, y - level, rcond=_rounding(standard))[0]
    predicted = level + (test[:, live] - mean) / deviation @ coefficients
    with np.errstate(over="ignore"):  # of test codes far beyond the training rows
        errors = np.square(predicted - expected).sum(axis=0)
    unexplained = errors / np.square(expected - expected.mean(axis=0)).sum(axis=0)
    return {"r2": float(1 - np.minimum(unexplained, LARGEST).mean())}


def _rounding(standard: Floats) -> float:
    """The share of the largest singular value below which a direction of standardised dimensions is rounding alone.

    The means of dimensions that hardly move beside their size are rounded by a part of their deviation. So dimensions
    that are copies of each other in the training rows differ by a constant: a direction that has no other content, and
    whose coefficient is huge where a test row tells the copies apart.
    """
    left = 2 * np.linalg.norm(standard.mean(axis=0))
    return float(max(np.finfo(np.float64).eps * max(standard.shape), left))
