"""Conventions of modularity: bins, an estimate without bins, squares or shares."""

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import DCF, DISENTANGLEMENT_LIB, JBOILARD, LATENT_QUANTIZATION, UBISOFT
from bench.conventions.unit_bins import refuse_constant, unit_bins
from bench.metrics.base import SkippedError, check_codes, check_factors
from bench.metrics.modularity import modularity
from bench.metrics.parts.information import dense, entropy

NEIGHBOURS = 10
LEAST_SHARE = 1 / 20  # of the largest range: dimensions of no more than it are pruned


def of_unit_bins(codes: ArrayLike, factors: ArrayLike, *, num_bins: int, bin_factors: bool = False) -> dict[str, float]:
    """This suite's, of bins that are made as these repositories make them."""
    refuse_constant(codes)
    classes = unit_bins(factors, num_bins) if bin_factors else factors
    return modularity(unit_bins(codes, num_bins), classes, num_bins=num_bins)


def info_m(codes: ArrayLike, factors: ArrayLike, *, seed: int = 0) -> dict[str, float]:
    """InfoM (Hsu et al. 2023): the share of a dimension's information that is of one factor, brought to [0, 1].

    Information is estimated from nearest neighbours and divided by the factor's entropy.
    """
    from sklearn.feature_selection import mutual_info_classif

    array = check_codes(codes, min_rows=2)
    classes = dense(check_factors(factors, len(array)))
    ranges = np.ptp(array, axis=0)
    kept = array[:, ranges > ranges.max() * LEAST_SHARE]
    standard = (kept - kept.mean(axis=0)) / kept.std(axis=0)
    jitter = np.random.RandomState(seed)
    information = np.array([
        [mutual_info_classif(x[:, None], y, n_neighbors=NEIGHBOURS, random_state=jitter)[0] for x in standard.T]
        for y in classes.T
    ])  # fmt: skip
    shares, even = information / entropy(classes)[:, None], 1 / classes.shape[1]
    totals = shares.sum(axis=0)
    if even == 1 or not len(totals) or not totals.all():
        raise SkippedError("its code gives NaN for one factor, and where an active dimension tells of no factor")
    return {"modularity": float(((shares.max(axis=0) / totals).mean() - even) / (1 - even))}


CONVENTIONS = (
    Convention("modularity", OURS, modularity, "20 bins, squares of information in nats; a dead dimension is 0",
               beside=""),
    Convention("modularity", "disentanglement_lib", modularity, "nothing", by=DISENTANGLEMENT_LIB),
    Convention("modularity", "jboilard", modularity, "nothing", by=JBOILARD),
    Convention(
        "modularity", "dcf", partial(of_unit_bins, num_bins=20, bin_factors=True),
        "factors are put in 20 bins of their range as well", by=DCF, reads="all",
    ),
    Convention(
        "modularity", "ubisoft.classes.20_bins", partial(of_unit_bins, num_bins=20),
        "bits, and NaN where a dimension is constant: neither moves a ratio", by=UBISOFT, reads="all",
    ),
    Convention(
        "modularity", "ubisoft.classes", partial(of_unit_bins, num_bins=10), "10 bins",
        beside="ubisoft.classes.20_bins", by=UBISOFT, reads="all",
    ),
    Convention(
        "modularity", "ubisoft", partial(of_unit_bins, num_bins=10, bin_factors=True),
        "factors are put in 10 bins of their range as well", beside="ubisoft.classes", by=UBISOFT, reads="all",
    ),
    Convention(
        "modularity", "latent_quantization", info_m,
        "InfoM: 10 nearest neighbours in the place of bins, information / H(factor), shares in the place of squares, "
        "brought to [0, 1]; dimensions of a twentieth of the largest range or less are pruned",
        by=LATENT_QUANTIZATION,
    ),
)  # fmt: skip
