"""Scores that need no factors: how dependent the dimensions of a code are on each other."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Score, check_codes, metric
from bench.metrics.information import discretise, mutual_information

INFINITY = float("inf")
LEAST_EIGENVALUE = 1e-12  # of a correlation matrix: what exactly dependent dimensions are taken to leave


@metric(
    version=1,
    reads="points",
    min_factors=0,
    scores={
        "gaussian_total_correlation": Score(0, INFINITY, None),
        "gaussian_wasserstein": Score(0, INFINITY, None),
        "gaussian_wasserstein_normalised": Score(0, 2, None),
        "mutual_information": Score(0, INFINITY, None),
    },
    paper="Locatello et al. 2019, arXiv:1811.12359",
)
def unsupervised(codes: ArrayLike, *, num_bins: int = 20) -> dict[str, float]:
    """Dependence between dimensions, of a Gaussian with the codes' covariance S and of binned codes.

    * total correlation 0.5 (sum_i log S_ii - log det S);
    * Wasserstein distance (squared) to the Gaussian with independent dimensions, 2 tr S - 2 tr (diag(S) S)^(1/2), and
      the same over tr S;
    * mutual information, mean over pairs of dimensions, each in `num_bins` equal-width bins.

    Constant dimensions depend on nothing and add nothing; exactly dependent ones give a large finite total correlation.

    Args:
        codes: (N, D).
        num_bins: bins of each dimension.

    Raises:
        ValueError: bad codes, or a single row.

    Example:
        >>> scores = unsupervised(np.random.default_rng(0).normal(size=(10_000, 3)))
        >>> scores["gaussian_total_correlation"] < 0.01
        True
    """
    array = check_codes(codes)
    if len(array) < 2:
        raise ValueError("codes has 1 row; a covariance needs at least 2")
    dims = array.shape[1]
    varied = array[:, np.ptp(array, axis=0) > 0]
    binned = discretise(varied, num_bins)
    information = mutual_information(binned, binned) if varied.shape[1] else np.zeros((0, 0))
    off_diagonal = information.sum() - np.trace(information)
    return _gaussian(varied) | {"mutual_information": float(off_diagonal / max(dims * (dims - 1), 1))}


def _gaussian(codes: Floats) -> dict[str, float]:
    if codes.shape[1] == 0:
        names = ("gaussian_total_correlation", "gaussian_wasserstein", "gaussian_wasserstein_normalised")
        return dict.fromkeys(names, 0.0)
    centred = codes - codes.mean(axis=0)
    sizes = np.abs(centred).max(axis=0)  # dividing by them keeps the squares of tiny and of huge codes representable
    correlation = np.atleast_2d(np.corrcoef(centred / sizes, rowvar=False))
    deviations = (centred / sizes).std(axis=0, ddof=1) * sizes
    eigenvalues = np.maximum(np.linalg.eigvalsh(correlation), LEAST_EIGENVALUE)
    relative = deviations / deviations.max()
    covariance = correlation * np.outer(relative, relative)
    mixed = np.linalg.eigvalsh(covariance * np.outer(relative, relative))  # similar to diag(S) S
    trace = covariance.trace()
    distance = max(0.0, 2 * trace - 2 * np.sqrt(np.maximum(mixed, 0)).sum())
    return {
        "gaussian_total_correlation": max(0.0, float(-0.5 * np.log(eigenvalues).sum())),
        "gaussian_wasserstein": float(distance * deviations.max() ** 2),
        "gaussian_wasserstein_normalised": float(distance / trace),
    }
