"""FactorVAE score (Kim & Mnih 2018): is the dimension of least variance always the same when a factor is fixed?"""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_codes, check_count, check_factors, metric
from bench.metrics.parts.active import active
from bench.metrics.parts.shared_factor import SharedFactor


@metric(
    version=1,
    reads="all",
    min_factors=2,
    scores={
        "factor_vae_train": Score(0, 1),
        "factor_vae_test": Score(0, 1, title="FactorVAE score", ranks=("study", "intervention")),
    },
    headline="factor_vae_test",
    invariant_to=("sign",),  # not to scale: a dimension is active from a deviation of 0.05
    paper="Kim & Mnih 2018, arXiv:1802.05983",
)
def factor_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_test: int = 5_000,
    num_variance: int = 10_000,
) -> dict[str, float]:
    """Accuracy of a majority-vote classifier: the fixed factor, from the dimension of least relative variance.

    A vote fixes a random factor at the value of a random row and draws `batch_size` rows of that value, with
    replacement. The vote goes to the argmin, over active dimensions (standard deviation >= 0.05), of the variance in
    the batch divided by the variance in `num_variance` rows. A code without active dimensions scores 0. Factors with a
    single value are left out.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        seed: of the rows drawn.
        batch_size: rows behind one vote, at least 2.
        num_train: votes that decide each dimension's factor.
        num_test: votes that test these decisions.
        num_variance: rows for the variance that divides a batch's variance, at least 2.

    Raises:
        ValueError: bad codes or factors, or too small a number.
        SkippedError: fewer than two factors vary.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> factor_vae_score(factors.astype(float), factors, num_train=200, num_test=100)["factor_vae_test"]
        1.0
    """
    array = check_codes(codes, min_rows=2)
    shared = SharedFactor(check_factors(factors, len(array)))
    rows = check_count(batch_size, "batch_size", 2)
    sizes = check_count(num_train, "num_train"), check_count(num_test, "num_test")
    rng = np.random.default_rng(seed)
    sample = rng.permutation(len(array))[: check_count(num_variance, "num_variance", 2)]
    used = active(array[sample])
    if not used.any():
        return {"factor_vae_train": 0.0, "factor_vae_test": 0.0}
    relative = array[:, used] / array[sample].std(axis=0, ddof=1)[used]
    return from_votes(*(_votes(relative, shared, size, rows, rng) for size in sizes))


def from_votes(train_votes: ArrayLike, test_votes: ArrayLike) -> dict[str, float]:
    """The score from counts of votes: each dimension predicts the factor that most of its training votes are for.

    Args:
        train_votes: (F, D) counts.
        test_votes: (F, D) counts.

    Raises:
        ValueError: not two tables of counts of one shape, or no votes; the message names the argument.

    Example:
        >>> from_votes([[8, 1], [1, 10]], [[5, 2], [1, 2]])
        {'factor_vae_train': 0.9, 'factor_vae_test': 0.7}
    """
    train, test = _counts(train_votes, "train_votes"), _counts(test_votes, "test_votes")
    if train.shape != test.shape:
        raise ValueError(f"test_votes has shape {test.shape}, train_votes {train.shape}")
    predicted, dims = train.argmax(axis=0), np.arange(train.shape[1])
    return {
        "factor_vae_train": float(train[predicted, dims].sum() / train.sum()),
        "factor_vae_test": float(test[predicted, dims].sum() / test.sum()),
    }


def _counts(votes: ArrayLike, name: str) -> Ints:
    counts = check_factors(votes, len(np.atleast_1d(votes)), name)
    if not counts.any():
        raise ValueError(f"{name} must hold at least one vote")
    return counts


def _votes(relative: Floats, shared: SharedFactor, num_votes: int, batch_size: int, rng: np.random.Generator) -> Ints:
    votes = np.zeros((shared.factors.shape[1], relative.shape[1]), np.int64)
    for factor, count in shared.points(num_votes, batch_size * relative.shape[1], rng):
        fixed = np.repeat(rng.integers(len(relative), size=(count, 1)), batch_size, axis=1)
        rows = relative[shared.partners(fixed, factor, rng)]
        least_varied = rows.var(axis=1, ddof=1).argmin(axis=1)
        votes[factor] += np.bincount(least_varied, minlength=relative.shape[1])
    return votes
