"""Conventions of MIG-sup: bins, and the entropy that divides the information, if any."""

from functools import partial

from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.refused import refuse_constant
from bench.conventions.repositories import JBOILARD, UBISOFT
from bench.conventions.unit_bins import unit_bins
from bench.metrics.mig_sup import mig_sup
from bench.metrics.parts.information_table import information_table
from bench.metrics.sap import gap


def in_nats(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """The gap in nats."""
    return {"mig_sup": gap(information_table(codes, factors, 20, least_factors=2).information.T)}


def over_entropy_of_code(
    codes: ArrayLike, factors: ArrayLike, *, num_bins: int, bin_factors: bool = False
) -> dict[str, float]:
    """The gap of I(z_d; v_k) / H(z_d)."""
    refuse_constant(codes)
    classes = unit_bins(factors, num_bins) if bin_factors else factors
    table = information_table(unit_bins(codes, num_bins), classes, num_bins, least_factors=2)
    return {"mig_sup": gap((table.information / table.of_dims[:, None]).T)}


CONVENTIONS = (
    Convention("mig_sup", OURS, mig_sup, "20 bins, information / H(factor), of the two factors told of most in nats",
               beside=""),
    Convention("mig_sup", "jboilard", mig_sup, "nothing", by=JBOILARD),
    Convention("mig_sup", "jboilard.nats", in_nats, "the gap is not divided: nats", beside="jboilard", by=JBOILARD),
    Convention("mig_sup", "ubisoft.classes.20_bins", partial(over_entropy_of_code, num_bins=20),
               "information / H(binned dimension), not / H(factor)", by=UBISOFT, reads="all"),
    Convention("mig_sup", "ubisoft.classes", partial(over_entropy_of_code, num_bins=10), "10 bins",
               beside="ubisoft.classes.20_bins", by=UBISOFT, reads="all"),
    Convention("mig_sup", "ubisoft", partial(over_entropy_of_code, num_bins=10, bin_factors=True),
               "factors are put in 10 bins of their range as well", beside="ubisoft.classes", by=UBISOFT, reads="all"),
)  # fmt: skip
