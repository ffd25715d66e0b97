"""Conventions of the interventional robustness score: the quantile of the worst case, and bins of factors."""

from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import DISENTANGLEMENT_LIB, UBISOFT
from bench.conventions.unit_bins import unit_bins
from bench.metrics.base import check_codes, check_factors
from bench.metrics.irs import irs
from bench.metrics.parts.information import dense

BINS = 10


def of_worst_rows(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """The IRS of the largest deviation within a class of a factor."""
    classes = dense(check_factors(factors, len(check_codes(codes))))
    return irs(codes, classes, num_bins=int(classes.max()) + 1, diff_quantile=1.0)  # enough bins to keep all classes


def of_binned_factors(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """The IRS of the largest deviation within a bin of a factor."""
    return of_worst_rows(codes, unit_bins(check_factors(factors, len(check_codes(codes))), BINS))


CONVENTIONS = (
    Convention("irs", OURS, irs, "the 0.99 quantile of deviations; factors of more than 20 values are binned",
               beside=""),
    Convention("irs", "disentanglement_lib", irs, "nothing", by=DISENTANGLEMENT_LIB),
    Convention("irs", "ubisoft.classes", of_worst_rows, "the largest deviation; factors are not binned", by=UBISOFT,
               reads="all"),
    Convention("irs", "ubisoft", of_binned_factors, "factors are put in 10 bins of their range",
               beside="ubisoft.classes", by=UBISOFT, reads="all"),
)  # fmt: skip
