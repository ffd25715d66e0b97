"""ModelCentrality (Lin et al. 2020): how well do models of other seeds agree with a model's latent dimensions?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.metrics.base import Floats, Ints, Score, check_count, check_group, metric

Rows = NDArray[np.int64]


@metric(
    version=1,
    reads="group",
    num_points=2_000,
    scores={"model_centrality": Score(0, 1, title="ModelCentrality")},
    invariant_to=("scale", "sign"),
    widest=4_096,
    paper="Lin et al. 2020, arXiv:1906.06034",
)
def model_centrality(
    codes: Sequence[ArrayLike], *, seed: int = 0, num_votes: int = 500, batch_size: int = 100, num_bins: int = 10
) -> dict[str, Floats]:
    """Mean over pairs with the other models of the FactorVAE score of each, the other's binned codes as factors.

    Codes become factors by quantile bins. A vote fixes one dimension of model j (each in turn) at the bin of a random
    row. It goes to the dimension of model i of least variance among `batch_size` rows of that bin, relative to its
    variance in all rows. A_ij is the training accuracy of a majority-vote classifier that predicts the fixed dimension
    of j from the voted dimension of i. The score of i is the mean over j of (A_ij + A_ji) / 2, as in the authors' code,
    whose models are generators with exactly fixed latent factors. Constant dimensions get no vote.

    Args:
        codes: M models of (n, D): means of the same images.
        seed: of the rows drawn.
        num_votes: votes of each pair of models.
        batch_size: rows behind one vote, at least 2.
        num_bins: of each dimension, at least 2.

    Returns:
        "model_centrality", (M,), between 0 and 1.

    Raises:
        ValueError: fewer than two models, bad codes, codes of different shapes, or too small a number.

    Example:
        >>> codes = np.random.default_rng(0).normal(size=(1000, 2))
        >>> model_centrality([codes, codes[:, ::-1]])["model_centrality"].round(1)
        array([1., 1.])
    """
    arrays = check_group(codes)
    votes, rows = check_count(num_votes, "num_votes"), check_count(batch_size, "batch_size", 2)
    bins, rng = check_count(num_bins, "num_bins", 2), np.random.default_rng(seed)
    fixed = np.arange(votes) % arrays.shape[2]
    groups = [rows_in_bins(binned(array, bins), fixed, rows, rng) for array in arrays]
    accuracies = [[accuracy(vote_counts(array, group, fixed)) for group in groups] for array in arrays]
    return {"model_centrality": centrality(np.array(accuracies))}


def binned(codes: Floats, num_bins: int) -> Ints:
    """Quantile bins (n, D) of each dimension; equal codes share a bin.

    Example:
        >>> binned(np.array([[0.0], [9.0], [1.0], [7.0]]), 2).ravel()
        array([0, 1, 0, 1])
    """
    edges = np.quantile(codes, np.arange(1, num_bins) / num_bins, axis=0)
    columns = [np.searchsorted(edge, column, side="right") for edge, column in zip(edges.T, codes.T, strict=True)]
    return np.stack(columns, axis=1)


def rows_in_bins(bins: Ints, fixed: Rows, batch_size: int, rng: np.random.Generator) -> Rows:
    """Random rows (votes, batch_size), with replacement: those of a vote share a bin of its fixed dimension."""
    rows = np.empty((len(fixed), batch_size), np.int64)
    for dim in np.unique(fixed):
        column, votes = bins[:, dim], np.flatnonzero(fixed == dim)
        order, counts = np.argsort(column, kind="stable"), np.bincount(column)
        chosen = column[rng.integers(len(column), size=(len(votes), 1))]
        picks = (rng.random((len(votes), batch_size)) * counts[chosen]).astype(np.int64)
        rows[votes] = order[(np.cumsum(counts) - counts)[chosen] + picks]
    return rows


def vote_counts(codes: Floats, rows: Rows, fixed: Rows) -> Ints:
    """How often each dimension varies least while one of another model is fixed: (D, D), a row per fixed dimension."""
    constant = np.ptp(codes, axis=0) == 0
    scaled = codes / np.where(constant, 1, codes.std(axis=0))
    counts = np.zeros((codes.shape[1],) * 2, np.int64)
    for dim in np.unique(fixed):
        variances = scaled[rows[fixed == dim]].var(axis=1)
        least_varied = np.where(constant, np.inf, variances).argmin(axis=1)
        counts[dim] = np.bincount(least_varied, minlength=len(constant))
    return counts


def accuracy(counts: Ints) -> float:
    """Accuracy of predicting, for each column, the fixed dimension (row) with the most votes in it."""
    return float(counts.max(axis=0).sum() / counts.sum())


def centrality(accuracies: Floats) -> Floats:
    """The mean over the other models j of (A_ij + A_ji) / 2, (M,), from the accuracies A (M, M) of all pairs.

    Example:
        >>> centrality(np.array([[1.0, 0.5, 0.3], [0.7, 1.0, 0.1], [0.5, 0.3, 1.0]])).round(6)
        array([0.5, 0.4, 0.3])
    """
    symmetric = (accuracies + accuracies.T) / 2
    return (symmetric.sum(axis=1) - symmetric.diagonal()) / (len(symmetric) - 1)
