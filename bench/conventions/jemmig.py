"""Conventions of JEMMIG: bins."""

from functools import partial

from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import JBOILARD, UBISOFT
from bench.conventions.unit_bins import unit_bins
from bench.metrics.jemmig import jemmig


def of_unit_bins(codes: ArrayLike, factors: ArrayLike, *, num_bins: int, bin_factors: bool = False) -> dict[str, float]:
    """This suite's, of bins that are made as ubisoft makes them."""
    classes = unit_bins(factors, num_bins) if bin_factors else factors
    return jemmig(unit_bins(codes, num_bins), classes, num_bins=num_bins)


CONVENTIONS = (
    Convention("jemmig", OURS, jemmig, "20 bins, 1 - J / (H(factor) + log 20)", beside=""),
    Convention("jemmig", "jboilard", jemmig, "nothing", by=JBOILARD),
    Convention("jemmig", "ubisoft.classes.20_bins", partial(of_unit_bins, num_bins=20), "nothing", by=UBISOFT,
               reads="all"),
    Convention("jemmig", "ubisoft.classes", partial(of_unit_bins, num_bins=10), "10 bins",
               beside="ubisoft.classes.20_bins", by=UBISOFT, reads="all"),
    Convention("jemmig", "ubisoft", partial(of_unit_bins, num_bins=10, bin_factors=True),
               "factors are put in 10 bins of their range as well", beside="ubisoft.classes", by=UBISOFT, reads="all"),
)  # fmt: skip
