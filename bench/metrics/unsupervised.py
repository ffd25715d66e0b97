"""Scores without factors: statistical dependence between the dimensions of a code."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_codes, metric
from bench.metrics.parts.information import BLOCK, discretise, mutual_information

INFINITY = float("inf")
LEAST_EIGENVALUE = 1e-12  # of a correlation matrix: smaller ones, of exactly dependent dimensions, are set to it
LEAST_RANGE = 1e-150  # of a dimension that is not constant: the square of a smaller range underflows


@metric(
    version=1,
    reads="points",
    min_factors=0,
    scores={
        "gaussian_total_correlation": Score(0, INFINITY, None, "Total correlation"),
        "gaussian_wasserstein": Score(0, INFINITY, None),
        "gaussian_wasserstein_normalised": Score(0, 2, None),
        "mutual_information": Score(0, INFINITY, None, "Mutual information"),
    },
    invariant_to=("sign",),  # the total correlation and the binned information to scale too, Wasserstein is not
    widest=4_096,
    paper="Locatello et al. 2019, arXiv:1811.12359",
)
def unsupervised(codes: ArrayLike, *, num_bins: int = 20) -> dict[str, float]:
    """Dependence between dimensions, for a Gaussian with the codes' covariance S and for binned codes.

    * total correlation 0.5 (sum_i log S_ii - log det S);
    * Wasserstein distance (squared) to the Gaussian with independent dimensions, 2 tr S - 2 tr (diag(S) S)^(1/2), and
      the same divided by tr S;
    * mutual information, mean over pairs of dimensions, each in `num_bins` equal-width bins.

    Constant dimensions add nothing. If dimensions depend on each other exactly, the total correlation is infinite; here
    eigenvalues below 1e-12 are set to 1e-12, so each redundant dimension adds 13.8 nats.

    Args:
        codes: (N, D).
        num_bins: bins of each dimension.

    Raises:
        ValueError: bad codes or number of bins, or a single row.

    Example:
        >>> scores = unsupervised(np.random.default_rng(0).normal(size=(10_000, 3)))
        >>> scores["gaussian_total_correlation"] < 0.01
        True
    """
    array = check_codes(codes, min_rows=2)
    information = _mean_pairwise_information(discretise(array, num_bins))
    return _gaussian(array[:, np.ptp(array, axis=0) > LEAST_RANGE]) | {"mutual_information": information}


def _mean_pairwise_information(binned: Ints) -> float:
    dims, columns = binned.shape[1], np.asfortranarray(binned)
    pairs = np.empty((dims, dims))  # those above the diagonal
    for end in range(BLOCK, dims + BLOCK, BLOCK):
        pairs[:end, end - BLOCK : end] = mutual_information(columns[:, :end], columns[:, end - BLOCK : end])
    return float(np.sum([pairs[d, d + 1 :].sum() for d in range(dims - 1)]) * 2 / max(dims * (dims - 1), 1))


def _gaussian(codes: Floats) -> dict[str, float]:
    if codes.shape[1] == 0:
        names = ("gaussian_total_correlation", "gaussian_wasserstein", "gaussian_wasserstein_normalised")
        return dict.fromkeys(names, 0.0)
    centred = codes - codes.mean(axis=0)
    sizes = np.abs(centred).max(axis=0)  # dividing by them keeps the squares of tiny and of huge codes representable
    correlation = np.atleast_2d(np.corrcoef(centred / sizes, rowvar=False))
    deviations = (centred / sizes).std(axis=0, ddof=1) * sizes
    largest = deviations.max()
    distance, trace = _wasserstein(correlation, deviations / largest)
    return {
        "gaussian_total_correlation": _total_correlation(correlation),
        "gaussian_wasserstein": float(distance * largest**2),
        "gaussian_wasserstein_normalised": float(distance / trace),
    }


def _total_correlation(correlation: Floats) -> float:
    eigenvalues = np.maximum(np.linalg.eigvalsh(correlation), LEAST_EIGENVALUE)
    return max(0.0, float(-0.5 * np.log(eigenvalues).sum()))


def _wasserstein(correlation: Floats, deviations: Floats) -> tuple[float, float]:
    """2 tr S - 2 tr (diag(S) S)^(1/2), and tr S, of the covariance S."""
    covariance = correlation * np.outer(deviations, deviations)
    eigenvalues = np.linalg.eigvalsh(covariance * np.outer(deviations, deviations))  # symmetric, similar to diag(S) S
    trace = float(covariance.trace())
    return max(0.0, 2 * trace - 2 * float(np.sqrt(np.maximum(eigenvalues, 0)).sum())), trace
