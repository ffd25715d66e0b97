"""Conventions of the mean correlation coefficient: the rows whose correlations are averaged."""

from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.refused import refuse_constant
from bench.conventions.repositories import ICEBEEM
from bench.metrics.mcc import mcc


def out_of_sample(
    train_codes: ArrayLike, train_factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> dict[str, float]:
    """The suite's scores; codes with a constant dimension, which has no correlation, are refused."""
    for codes in (train_codes, test_codes):
        refuse_constant(codes)
    return mcc(train_codes, train_factors, test_codes, test_factors)


def of_matched_rows(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """The correlations in the rows that dimensions and factors were matched on."""
    return out_of_sample(codes, factors, codes, factors)


CONVENTIONS = (
    Convention("mcc", OURS, mcc, "matched on training rows, correlations of test rows", beside="", reads="split"),
    Convention("mcc", "icebeem.out_of_sample", out_of_sample, "nothing", by=ICEBEEM, reads="split"),
    Convention("mcc", "icebeem", of_matched_rows, "correlations of the rows that the match is made on",
               beside="icebeem.out_of_sample", by=ICEBEEM, reads="all"),
)  # fmt: skip
