"""FactorVAE score (Kim & Mnih 2018): does fixing a factor always still the same dimension?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.metrics.base import Floats, Score, check_codes, check_factors, metric
from bench.metrics.shared_factor import SharedFactor, points_by_factor

LEAST_DEVIATION = 0.05  # standard deviation below which a dimension is not active
Votes = NDArray[np.int64]


@metric(
    version=1,
    reads="all",
    min_factors=2,
    scores={"factor_vae_train": Score(0, 1), "factor_vae_test": Score(0, 1)},
    headline="factor_vae_test",
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
    """Accuracy of a majority vote: which factor is fixed, by the dimension of least relative variance in a batch.

    A vote fixes a random factor at a random row's value, draws `batch_size` rows with it, and takes the argmin over
    active dimensions (standard deviation >= 0.05) of variance in the batch over variance in `num_variance` rows.
    A code without active dimensions scores 0.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        seed: of the rows drawn.
        batch_size: rows behind one vote.
        num_train: votes that decide each dimension's factor.
        num_test: votes it is tested on.
        num_variance: rows for the variances of the whole.

    Raises:
        ValueError: bad codes or factors, a single factor, or a single row.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> factor_vae_score(factors.astype(float), factors, num_train=200, num_test=100)["factor_vae_test"]
        1.0
    """
    array = check_codes(codes)
    classes = check_factors(factors, len(array))
    if classes.shape[1] < 2:
        raise ValueError("factors has 1 column: telling factors apart needs at least 2")
    if len(array) < 2:
        raise ValueError("codes has 1 row; a variance needs at least 2")
    rng = np.random.default_rng(seed)
    variances = array[rng.permutation(len(array))[:num_variance]].var(axis=0, ddof=1)
    active = np.sqrt(variances) >= LEAST_DEVIATION
    if not active.any():
        return {"factor_vae_train": 0.0, "factor_vae_test": 0.0}
    shared = SharedFactor(classes)
    relative = array[:, active] / np.sqrt(variances[active])
    return from_votes(*(_votes(relative, shared, n, batch_size, rng) for n in (num_train, num_test)))


def from_votes(train_votes: ArrayLike, test_votes: ArrayLike) -> dict[str, float]:
    """The score from counts of votes (F, D): each dimension predicts its row of most training votes.

    Raises:
        ValueError: the tables do not have the same shape, or no votes.
    """
    train, test = np.asarray(train_votes), np.asarray(test_votes)
    if train.ndim != 2 or train.shape != test.shape:
        raise ValueError(f"train_votes and test_votes must be (F, D) counts, got {train.shape} and {test.shape}")
    if train.sum() == 0 or test.sum() == 0:
        raise ValueError("train_votes and test_votes must hold at least one vote each")
    predicted = train.argmax(axis=0)
    dims = np.arange(train.shape[1])
    return {
        "factor_vae_train": float(train[predicted, dims].sum() / train.sum()),
        "factor_vae_test": float(test[predicted, dims].sum() / test.sum()),
    }


def _votes(relative: Floats, shared: SharedFactor, num_votes: int, batch_size: int, rng: np.random.Generator) -> Votes:
    votes = np.zeros((shared.factors.shape[1], relative.shape[1]), np.int64)
    for factor, count in points_by_factor(num_votes, len(votes), batch_size, rng):
        fixed = np.repeat(rng.integers(len(relative), size=(count, 1)), batch_size, axis=1)
        rows = relative[shared.partners(fixed, factor, rng)]
        still = rows.var(axis=1, ddof=1).argmin(axis=1)
        votes[factor] += np.bincount(still, minlength=relative.shape[1])
    return votes
