"""Conventions of JEMMIG: bins."""

from functools import partial

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import JBOILARD, UBISOFT
from bench.conventions.unit_bins import in_unit_bins
from bench.metrics.jemmig import jemmig

CONVENTIONS = (
    Convention("jemmig", OURS, jemmig, "20 bins, 1 - J / (H(factor) + log 20)", beside=""),
    Convention("jemmig", "jboilard", jemmig, "nothing", by=JBOILARD),
    Convention("jemmig", "ubisoft.classes.20_bins", partial(in_unit_bins, jemmig, num_bins=20), "nothing", by=UBISOFT,
               reads="all"),
    Convention("jemmig", "ubisoft.classes", partial(in_unit_bins, jemmig, num_bins=10), "10 bins",
               beside="ubisoft.classes.20_bins", by=UBISOFT, reads="all"),
    Convention("jemmig", "ubisoft", partial(in_unit_bins, jemmig, num_bins=10, bin_factors=True),
               "factors are put in 10 bins of their range as well", beside="ubisoft.classes", by=UBISOFT, reads="all"),
)  # fmt: skip
