"""Mutual information of every dimension of a code with every factor: the table behind several scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, check_codes, check_factors, varying
from bench.metrics.parts.information import dense, discretise, entropy, mutual_information

DIGITS = 12  # round off the error of summation, so that equal sums tie


@dataclass(frozen=True)
class InformationTable:
    """Mutual information and entropies, in nats, of dimensions in equal-width bins and of the F factors that vary.

    Attributes:
        information: (D, F).
        of_dims: entropy of each dimension's bins, (D,): 0 for a constant dimension.
        of_factors: entropy of each factor, (F,): above 0.
    """

    information: Floats
    of_dims: Floats
    of_factors: Floats

    @property
    def rounded(self) -> Floats:
        """Information by which dimensions and factors are put in order: equal amounts tie."""
        return np.round(self.information, DIGITS)


def information_table(
    codes: ArrayLike, factors: ArrayLike, num_bins: int, *, least_factors: int = 1
) -> InformationTable:
    """The table of codes (N, D) and class indices (N, columns); columns with a single value are left out.

    Raises:
        ValueError: bad codes, factors or number of bins.
        SkippedError: fewer than `least_factors` factors vary.

    Example:
        >>> information_table([[0.0, 7.0], [1.0, 7.0]], [[0], [1]], 20).information.round(2)
        array([[0.69],
               [0.  ]])
    """
    array = check_codes(codes, min_rows=2)
    classes = dense(check_factors(factors, len(array)))
    varied = classes[:, varying(classes, least=least_factors)]
    bins = discretise(array, num_bins)
    return InformationTable(mutual_information(bins, varied), entropy(bins), entropy(varied))
