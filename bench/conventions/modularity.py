"""Conventions of modularity: bins, an estimate without bins, squares or shares."""

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.refused import refuse_constant
from bench.conventions.repositories import DCF, DISENTANGLEMENT_LIB, JBOILARD, LATENT_QUANTIZATION, UBISOFT
from bench.conventions.unit_bins import in_unit_bins
from bench.metrics.base import SkippedError, check_codes, check_factors
from bench.metrics.infomec import dominance, jittered, standardised
from bench.metrics.modularity import mean_modularity, modularity
from bench.metrics.parts.information import dense, discretise, entropy, mutual_information
from bench.metrics.parts.neighbour_information import information

NEIGHBOURS = 10


def of_every_factor(codes: ArrayLike, factors: ArrayLike, *, num_bins: int = 20) -> dict[str, float]:
    """The suite's modularity, where a factor with a single value, of which nothing is told, is one of the F factors."""
    array = check_codes(codes, min_rows=2)
    classes = dense(check_factors(factors, len(array)))
    if classes.shape[1] < 2:
        raise SkippedError("its code divides by 0 if there is one factor")
    return {"modularity": mean_modularity(mutual_information(discretise(array, num_bins), classes))}


def without_constant(
    codes: ArrayLike, factors: ArrayLike, *, num_bins: int, bin_factors: bool = False
) -> dict[str, float]:
    """That in the bins of dcf and ubisoft; codes with a constant dimension are refused."""
    refuse_constant(codes)
    return in_unit_bins(of_every_factor, codes, factors, num_bins=num_bins, bin_factors=bin_factors)


def info_m(codes: ArrayLike, factors: ArrayLike, *, seed: int = 0) -> dict[str, float]:
    """InfoM (Hsu et al. 2023): the share of a dimension's information that is about one factor, rescaled to [0, 1].

    Raises:
        SkippedError: there is one factor, or an active dimension, or none, is estimated to tell of any.
    """
    array = check_codes(codes, min_rows=2)
    classes = dense(check_factors(factors, len(array)))
    active = jittered(standardised(array)[1], np.random.default_rng(seed))
    shares = information(active, classes, NEIGHBOURS) / entropy(classes)
    if classes.shape[1] < 2 or not len(shares) or not shares.any(axis=1).all():
        raise SkippedError("its code gives NaN for one factor, and where an active dimension tells of none")
    return {"modularity": dominance(shares)}


CONVENTIONS = (
    Convention("modularity", OURS, modularity, "20 bins, squares of information in nats; a dead dimension is 0",
               beside=""),
    Convention("modularity", "disentanglement_lib", of_every_factor, "nothing", by=DISENTANGLEMENT_LIB,
               single_valued=True),
    Convention("modularity", "jboilard", modularity, "nothing", by=JBOILARD),
    Convention(
        "modularity", "dcf", partial(without_constant, num_bins=20, bin_factors=True),
        "factors are put in 20 bins of their range as well", by=DCF, reads="all",
    ),
    Convention(
        "modularity", "ubisoft.classes.20_bins", partial(without_constant, num_bins=20),
        "bits, and NaN where a dimension is constant: neither moves a ratio", by=UBISOFT, reads="all",
        single_valued=True,
    ),
    Convention(
        "modularity", "ubisoft.classes", partial(without_constant, num_bins=10), "10 bins",
        beside="ubisoft.classes.20_bins", by=UBISOFT, reads="all", single_valued=True,
    ),
    Convention(
        "modularity", "ubisoft", partial(without_constant, num_bins=10, bin_factors=True),
        "factors are put in 10 bins of their range as well", beside="ubisoft.classes", by=UBISOFT, reads="all",
        single_valued=True,
    ),
    Convention(
        "modularity", "latent_quantization", info_m,
        "InfoM: 10 nearest neighbours in the place of bins, information / H(factor), shares in the place of squares, "
        "brought to [0, 1]; dimensions of a twentieth of the largest range or less are pruned",
        by=LATENT_QUANTIZATION,
    ),
)  # fmt: skip
