"""Conventions of the mutual information gap: bins, and the entropy that divides the gap, if any."""

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.refused import refuse_constant
from bench.conventions.repositories import DCF, DISENT, DISENTANGLEMENT_LIB, JBOILARD, UBISOFT
from bench.conventions.unit_bins import in_unit_bins, unit_bins
from bench.metrics.mig import mig
from bench.metrics.parts.concentration import gaps
from bench.metrics.parts.information_table import information_table


def in_nats(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """The gap in nats, which is larger for a factor of many values."""
    return {"mig": float(gaps(information_table(codes, factors, 20).information).mean())}


def over_entropy_of_code(
    codes: ArrayLike, factors: ArrayLike, *, num_bins: int, bin_factors: bool = False
) -> dict[str, float]:
    """The gap of I(z_d; v_k) / H(z_d); a factor with a single value counts with a gap of 0."""
    refuse_constant(codes)
    classes = unit_bins(factors, num_bins) if bin_factors else factors
    table = information_table(unit_bins(codes, num_bins), classes, num_bins)
    return {"mig": float(gaps(table.information / table.of_dims[:, None]).sum() / np.shape(factors)[1])}


CONVENTIONS = (
    Convention("mig", OURS, mig, "20 equal-width bins over each dimension's range, gap / H(factor)", beside=""),
    Convention("mig", "disentanglement_lib", mig, "nothing", by=DISENTANGLEMENT_LIB),
    Convention("mig", "disent", mig, "nothing", by=DISENT),
    Convention("mig", "jboilard", mig, "nothing", by=JBOILARD),
    Convention("mig", "jboilard.nats", in_nats, "the gap is not divided: nats", beside="jboilard", by=JBOILARD),
    Convention(
        "mig", "dcf", partial(in_unit_bins, mig, num_bins=20, bin_factors=True),
        "factors are put in 20 bins of their range as well", by=DCF, reads="all",
    ),
    Convention(
        "mig", "ubisoft.classes.20_bins", partial(over_entropy_of_code, num_bins=20),
        "information / H(binned dimension), not / H(factor)", by=UBISOFT, reads="all", single_valued=True,
    ),
    Convention(
        "mig", "ubisoft.classes", partial(over_entropy_of_code, num_bins=10), "10 bins",
        beside="ubisoft.classes.20_bins", by=UBISOFT, reads="all", single_valued=True,
    ),
    Convention(
        "mig", "ubisoft", partial(over_entropy_of_code, num_bins=10, bin_factors=True),
        "factors are put in 10 bins of their range as well", beside="ubisoft.classes", by=UBISOFT, reads="all",
        single_valued=True,
    ),
)  # fmt: skip
