"""Modularity and compactness by information about factors that are continuous (Hsu et al. 2023)."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma

from bench.arrays import numbers
from bench.metrics.base import (
    Score,
    SkippedError,
    check_codes,
    check_count,
    check_factors,
    metric,
    varying,
)
from bench.metrics.infomec import dominance, jittered, standardised
from bench.metrics.parts import neighbour_information
from bench.metrics.parts.information import dense, entropy


@metric(
    version=1,
    reads="points",
    min_factors=2,
    scores={
        "infomec_continuous_modularity": Score(0, 1, title="InfoM (continuous)"),
        "infomec_continuous_compactness": Score(0, 1, title="InfoC (continuous)"),
    },
    headline="infomec_continuous_modularity",
    invariant_to=("sign",),  # not to scale: a dimension is active by its range beside the largest
    widest=2_048,
    paper="Hsu et al. 2023, arXiv:2305.18378",
)
def infomec_continuous(
    codes: ArrayLike, factors: ArrayLike, *, values: ArrayLike | None = None, neighbours: int = 10, seed: int = 0
) -> dict[str, float]:
    """The modularity and the compactness of `infomec`, where what factors are worth was measured.

    Information of a dimension and a factor whose values are continuous is estimated from nearest neighbours in both
    (Kraskov et al. 2004), and divided by digamma(N) - digamma(neighbours), which is the estimate for a factor and
    itself, where that of classes is divided by their entropy. A factor whose values are its classes has the estimate of
    `infomec`. Explicitness is a matter of classes, and of `r2`.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        values: (N, F) what the factors are worth; without it, their classes.
        neighbours: of the estimates, as far as rows go.
        seed: of the jitter that tells equal values apart, 1e-10 of a standard deviation.

    Raises:
        ValueError: bad codes, factors, values or counts.
        SkippedError: fewer than two factors vary, the values of all of them are classes.

    Example:
        >>> values = np.random.default_rng(0).random((2000, 2))
        >>> factors = (4 * values).astype(int)
        >>> {name: round(score, 1) for name, score in infomec_continuous(values, factors, values=values).items()}
        {'infomec_continuous_modularity': 1.0, 'infomec_continuous_compactness': 1.0}
    """
    array = check_codes(codes, min_rows=2)
    classes = check_factors(factors, len(array))
    worth = classes.astype(np.float64) if values is None else numbers(values, "values of factors").astype(np.float64)
    if worth.shape != classes.shape or not np.isfinite(worth).all():
        raise ValueError(f"values of factors must be finite and of shape {classes.shape}, got shape {worth.shape}")
    varied = varying(classes, worth, least=2)
    near = min(check_count(neighbours, "neighbours"), len(array) - 1)
    classes, worth = dense(classes[:, varied]), worth[:, varied]
    measured = np.array([len(np.unique(column)) for column in worth.T]) > classes.max(axis=0) + 1  # within a class
    if not measured.any():
        raise SkippedError(
            "values of all factors are their classes: infomec is the score of such, values= gives others"
        )
    rng = np.random.default_rng(seed)
    active, scales = jittered(standardised(array)[1], rng), jittered(standardised(worth[:, measured])[0], rng)
    shares = np.empty((active.shape[1], len(measured)))
    informed = neighbour_information.continuous_information(active, scales, near)
    shares[:, measured] = informed / (digamma(len(array)) - digamma(near))
    shares[:, ~measured] = neighbour_information.information(active, classes[:, ~measured], near)
    shares[:, ~measured] /= entropy(classes)[~measured]
    return {
        "infomec_continuous_modularity": dominance(shares),
        "infomec_continuous_compactness": dominance(shares.T),
    }
