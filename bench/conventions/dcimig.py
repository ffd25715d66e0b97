"""Conventions of DCIMIG: bins, and whether gaps are shares of each factor's entropy or of their sum."""

from functools import partial

from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import JBOILARD, UBISOFT
from bench.conventions.unit_bins import in_unit_bins
from bench.metrics.dcimig import dcimig, largest_credited
from bench.metrics.parts.information_table import information_table


def mean_over_factors(codes: ArrayLike, factors: ArrayLike, *, in_nats: bool = False) -> dict[str, float]:
    """The unweighted mean over factors of their credited gap, as a share of the factor's entropy or in nats."""
    table = information_table(codes, factors, 20, least_factors=2)
    credited = largest_credited(table.information)
    return {"dcimig": float((credited if in_nats else credited / table.of_factors).mean())}


CONVENTIONS = (
    Convention("dcimig", OURS, dcimig, "20 bins, sum of credited gaps / sum of entropies of factors", beside=""),
    Convention("dcimig", "jboilard", mean_over_factors, "mean over factors of credited gap / H(factor)", by=JBOILARD),
    Convention("dcimig", "jboilard.nats", partial(mean_over_factors, in_nats=True), "gaps are not divided: nats",
               beside="jboilard", by=JBOILARD),
    Convention("dcimig", "ubisoft.classes.20_bins", partial(in_unit_bins, dcimig, num_bins=20), "nothing", by=UBISOFT,
               reads="all"),
    Convention("dcimig", "ubisoft.classes", partial(in_unit_bins, dcimig, num_bins=10), "10 bins",
               beside="ubisoft.classes.20_bins", by=UBISOFT, reads="all"),
    Convention("dcimig", "ubisoft", partial(in_unit_bins, dcimig, num_bins=10, bin_factors=True),
               "factors are put in 10 bins of their range as well", beside="ubisoft.classes", by=UBISOFT, reads="all"),
)  # fmt: skip
