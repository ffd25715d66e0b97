"""Mean correlation coefficient: each factor beside the dimension that follows it (Hyvärinen & Morioka 2016)."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from bench.metrics.base import Floats, Score, check_split, metric, varying
from bench.metrics.parts.standardise import moments

BLOCK = 256  # dimensions whose ranks are held at once


@metric(
    version=1,
    reads="split",
    scores={"mcc_pearson": Score(0, 1, title="MCC"), "mcc_spearman": Score(0, 1, title="MCC (ranks)")},
    headline="mcc_pearson",
    invariant_to=("scale", "sign"),  # that of ranks to monotone maps as well
    paper="Hyvärinen & Morioka 2016, arXiv:1605.06336; Khemakhem et al. 2020, arXiv:2002.11537",
)
def mcc(
    train_codes: ArrayLike, train_factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> dict[str, float]:
    """Mean absolute correlation of factors and dimensions, matched one to one.

    The match is the one that has the largest sum on the training rows (Hungarian method); the correlations that are
    averaged are those of the test rows. `mcc_pearson` correlates dimensions with class indices, `mcc_spearman` the
    ranks of both, equal values having the mean of theirs.

    There are as many pairs as factors, or as dimensions where those are fewer: factors that are left without a
    dimension cost nothing. A dimension that is constant in the rows looked at is correlated with nothing: 0. Factors
    with a single value in the training or the test rows are left out.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices.
        test_codes: (m, D).
        test_factors: (m, F).

    Raises:
        ValueError: bad codes or factors.
        SkippedError: no factor has two values in the training rows and in the test rows.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> codes = -factors[:, ::-1] ** 3
        >>> round(mcc(codes[:500], factors[:500], codes[500:], factors[500:])["mcc_spearman"], 3)
        1.0
    """
    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    varied = varying(y, expected)
    classes, held_out = (table[:, varied].astype(np.float64) for table in (y, expected))
    matrices = {
        "mcc_pearson": (_correlations(x, classes), _correlations(test, held_out)),
        "mcc_spearman": (_rank_correlations(x, classes), _rank_correlations(test, held_out)),
    }
    return {name: _matched(*of_rows) for name, of_rows in matrices.items()}


def _matched(train: Floats, test: Floats) -> float:
    from scipy.optimize import linear_sum_assignment

    pairs = linear_sum_assignment(train, maximize=True)
    return float(test[pairs].mean())


def _correlations(codes: Floats, factors: Floats) -> Floats:
    """The absolute correlation of each dimension with each factor, (D, F): 0 where either is constant."""
    x, y = (_standardised(table) for table in (codes, factors))
    return np.minimum(np.abs(x.T @ y) / len(x), 1)


def _standardised(table: Floats) -> Floats:
    mean, deviation = moments(table)
    return (table - mean) / deviation


def _rank_correlations(codes: Floats, factors: Floats) -> Floats:
    ranks = _ranks(factors)
    blocks = [codes[:, start : start + BLOCK] for start in range(0, codes.shape[1], BLOCK)]
    return np.concatenate([_correlations(_ranks(block), ranks) for block in blocks])


def _ranks(table: Floats) -> Floats:
    """From 1 in each column, equal values having the mean of theirs; contiguous, for sums depend on the layout."""
    return np.ascontiguousarray(rankdata(table, axis=0))
