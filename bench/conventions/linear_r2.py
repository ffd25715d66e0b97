"""Conventions of linear R2: the rows that are scored."""

from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import CL_ICA
from bench.metrics.base import check_codes, check_factors
from bench.metrics.linear_r2 import linear_r2


def of_fitted_rows(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """R2 of the rows that the regression is fitted to."""
    return linear_r2(codes, factors, codes, factors)


def of_second_half(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """R2 of the second half of the rows in their order; the regression is fitted to the first half."""
    array = check_codes(codes, min_rows=4)
    classes, half = check_factors(factors, len(array)), len(array) // 2
    return linear_r2(array[:half], classes[:half], array[half:], classes[half:])


CONVENTIONS = (
    Convention("linear_r2", OURS, linear_r2, "fitted to training rows, scored on test rows", beside="", reads="split"),
    Convention("linear_r2", "cl_ica", of_fitted_rows, "scored on the rows that it is fitted to", by=CL_ICA,
               reads="all"),
    Convention("linear_r2", "cl_ica.split", of_second_half,
               "fitted to the first half of the rows, scored on the second", by=CL_ICA, reads="all"),
)  # fmt: skip
