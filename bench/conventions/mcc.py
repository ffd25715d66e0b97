"""Conventions of the mean correlation coefficient: the rows whose correlations are averaged."""

from numpy.typing import ArrayLike

from bench.conventions.convention import OURS, Convention
from bench.conventions.repositories import ICEBEEM
from bench.metrics.mcc import mcc


def of_matched_rows(codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
    """The correlations in the rows that dimensions and factors were matched on."""
    return mcc(codes, factors, codes, factors)


CONVENTIONS = (
    Convention("mcc", OURS, mcc, "matched on training rows, correlations of test rows", beside="", reads="split"),
    Convention("mcc", "icebeem.out_of_sample", mcc, "nothing", by=ICEBEEM, reads="split"),
    Convention("mcc", "icebeem", of_matched_rows, "correlations of the rows that the match is made on",
               beside="icebeem.out_of_sample", by=ICEBEEM, reads="all"),
)  # fmt: skip
