"""Unsupervised disentanglement ranking (Duan et al. 2020): do models of other seeds have the same dimensions?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from bench.metrics.base import Floats, Score, check_group, metric
from bench.metrics.parts.standardise import moments

ALPHA = 0.1
LEAST_KL = 0.01
TOLERANCE = 1e-4  # of coordinate descent
MAX_SWEEPS = 1_000


@metric(
    version=1,
    reads="group",
    num_points=1_000,
    scores={"udr_lasso": Score(0, 1, title="UDR (Lasso)"), "udr_spearman": Score(0, 1, title="UDR (Spearman)")},
    invariant_to=("scale", "sign"),
    widest=2_048,
    paper="Duan et al. 2020, arXiv:1905.12614",
)
def udr(codes: Sequence[ArrayLike], kl: ArrayLike, *, filter_low_kl: bool = True) -> dict[str, Floats]:
    """How well the dimensions of each model match, one to one, those of the models of other seeds.

    R_ij holds the absolute coefficients of a lasso (alpha 0.1) from the standardised codes of model i to those of
    model j, or their rank correlations. UDR_ij = 1/2 (mean_b max_a R^2 / sum_a R + mean_a max_b R^2 / sum_b R), and the
    score of model j is the median of UDR_ij over i. Constant dimensions and those with a KL of at most 0.01 are zeroed
    first. With `filter_low_kl` their rows and columns of R are dropped; without it their rank correlations are
    undefined, and terms with an undefined correlation count 0, as in the reference.

    Args:
        codes: M models of (n, D): means of the same images.
        kl: (M, D) mean KL of each dimension to the prior, in nats.
        filter_low_kl: whether dimensions of low KL are dropped.

    Returns:
        "udr_lasso" and "udr_spearman", (M,) each, between 0 and 1.

    Raises:
        ValueError: fewer than two models, bad codes, codes of different shapes, or bad KL.

    Example:
        >>> codes = np.random.default_rng(0).normal(size=(1000, 2))
        >>> udr([codes, codes[:, ::-1]], np.ones((2, 2)))["udr_lasso"].round(1)
        array([0.9, 0.9])
    """
    arrays, active = _checked(codes, kl)
    z = np.stack([(array - mean) / deviation for array in arrays for mean, deviation in [moments(array)]])
    z *= active[:, None, :]
    counted = active if filter_low_kl else np.ones_like(active)
    kinds = {"udr_lasso": lasso(z), "udr_spearman": spearman(z)}
    return {name: _medians(pairwise(relations, counted)) for name, relations in kinds.items()}


def lasso(z: Floats, alpha: float = ALPHA) -> Floats:
    """Absolute lasso coefficients from each model's dimensions to each other's: (M, M, D, D).

    Cyclic coordinate descent on Gram matrices, for all models and targets at once. It starts, steps and stops as
    scikit-learn's does: a duality gap of 1e-4 of the target's variance ends it, which affects the fourth digit.

    Args:
        z: (M, n, D), standardised; a dimension that is left out is 0.
        alpha: weight of the penalty |w|, which is added to 1 / (2 n) |y - z w|^2.
    """
    models, rows, dims = z.shape
    products = _products(z) / rows
    targets = products.transpose(0, 2, 1, 3).reshape(models, dims, models * dims)
    gram = np.stack([products[i, i] for i in range(models)])
    sizes = gram.diagonal(axis1=1, axis2=2)
    weights, moving = np.zeros_like(targets), np.ones((models, models * dims), bool)
    for _ in range(MAX_SWEEPS):
        before = weights.copy()
        for d in range(dims):
            pull = targets[:, d] - (gram[:, None, d] @ weights)[:, 0] + sizes[:, d, None] * weights[:, d]
            shrunk = np.maximum(np.abs(pull) - alpha, 0) * np.sign(pull)
            new = np.divide(shrunk, sizes[:, d, None], out=np.zeros_like(pull), where=sizes[:, d, None] > 0)
            weights[:, d] = np.where(moving, new, weights[:, d])
        change, size = np.abs(weights - before).max(axis=1), np.abs(weights).max(axis=1)
        gap = _duality_gap(gram, targets, sizes.ravel(), weights, alpha)
        moving &= (change > TOLERANCE * size) | (gap > TOLERANCE * sizes.ravel())
        if not moving.any():
            break
    return np.abs(weights).reshape(models, dims, models, dims).transpose(0, 2, 1, 3)


def _duality_gap(gram: Floats, targets: Floats, variances: Floats, weights: Floats, alpha: float) -> Floats:
    """Upper bound on the distance of each lasso's objective from its minimum, (M, targets), per row."""
    products = targets - gram @ weights  # of the dimensions with the residual
    explained = (weights * targets).sum(axis=1)
    residual = variances - explained - (weights * products).sum(axis=1)
    scale = np.minimum(1, alpha / np.maximum(np.abs(products).max(axis=1), alpha))
    return residual * (1 + scale**2) / 2 + alpha * np.abs(weights).sum(axis=1) - scale * (variances - explained)


def spearman(z: Floats) -> Floats:
    """Absolute rank correlations of the dimensions of every two models, (M, M, D, D); NaN for a constant dimension."""
    ranks = rankdata(z, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    norms = np.sqrt(np.square(ranks).sum(axis=1, keepdims=True))
    ranks = np.divide(ranks, norms, out=np.full_like(ranks, np.nan), where=norms > 0)
    return np.abs(_products(ranks))


def pairwise(relations: Floats, counted: NDArray[np.bool_]) -> Floats:
    """UDR_ij of each pair of models, (M, M), 0 on the diagonal.

    Args:
        relations: (M, M, D, D), a row for each dimension of model i and a column for each of model j.
        counted: (M, D) whether each dimension counts.
    """
    strengths = np.where(counted[:, None, :, None] & counted[None, :, None, :], relations, 0)
    counts = np.maximum(counted.sum(axis=1), 1)
    columns, rows = (_share(strengths, axis).sum(axis=2) for axis in (2, 3))
    scores = (columns / counts + rows / counts[:, None]) / 2
    np.fill_diagonal(scores, 0)
    return scores


def _share(strengths: Floats, axis: int) -> Floats:
    """The largest strength times its share of the sum; 0 if all strengths are 0."""
    total = strengths.sum(axis=axis)
    return np.divide(strengths.max(axis=axis) ** 2, total, out=np.zeros_like(total), where=total > 0)


def _products(z: Floats) -> Floats:
    """z_i' z_j of each pair of models, (M, M, D, D)."""
    models, rows, dims = z.shape
    side_by_side = z.transpose(1, 0, 2).reshape(rows, models * dims)
    return (side_by_side.T @ side_by_side).reshape(models, dims, models, dims).transpose(0, 2, 1, 3)


def _medians(scores: Floats) -> Floats:
    """The median of each column without its diagonal element."""
    return np.array([np.median(np.delete(column, j)) for j, column in enumerate(scores.T)])


def _checked(codes: Sequence[ArrayLike], kl: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Codes (M, n, D), and which dimensions are active (M, D)."""
    stacked, divergences = check_group(codes), np.asarray(kl, np.float64)
    if divergences.shape != (expected := (stacked.shape[0], stacked.shape[2])):
        raise ValueError(f"kl must be {expected}, one a model and dim, got {divergences.shape}")
    if np.isnan(divergences).any():
        raise ValueError(f"kl has {np.isnan(divergences).sum()} NaN values")
    return stacked, (divergences > LEAST_KL) & (np.ptp(stacked, axis=1) > 0)
