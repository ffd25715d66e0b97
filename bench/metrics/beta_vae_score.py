"""BetaVAE score (Higgins et al. 2017): can a linear classifier tell which factor a batch of pairs shares?"""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_codes, check_factors, metric
from bench.metrics.logistic import OneVsRest
from bench.metrics.shared_factor import SharedFactor, points_by_factor


@metric(
    version=1,
    reads="all",
    min_factors=2,
    scores={"beta_vae_train": Score(0, 1), "beta_vae_test": Score(0, 1)},
    headline="beta_vae_test",
    paper="Higgins et al. 2017, ICLR",
)
def beta_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_test: int = 5_000,
) -> dict[str, float]:
    """Accuracy of predicting the shared factor k from mean |z1 - z2| over pairs of rows with the same value of k.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        seed: of the factors and pairs drawn.
        batch_size: pairs behind one point.
        num_train: points the classifier is fitted to.
        num_test: points it is tested on.

    Raises:
        ValueError: bad codes or factors, or a single factor.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> beta_vae_score(factors.astype(float), factors, num_train=200, num_test=100)["beta_vae_test"]
        1.0
    """
    array = check_codes(codes)
    classes = check_factors(factors, len(array))
    if classes.shape[1] < 2:
        raise ValueError("factors has 1 column: telling factors apart needs at least 2")
    rng = np.random.default_rng(seed)
    shared = SharedFactor(classes)
    train, test = (_points(array, shared, n, batch_size, rng) for n in (num_train, num_test))
    return from_features(*train, *test)


def from_features(train_x: ArrayLike, train_k: ArrayLike, test_x: ArrayLike, test_k: ArrayLike) -> dict[str, float]:
    """The score from features (n, D) and the index of the factor each shares (n,).

    The classifier is the study's: one-vs-rest logistic regression, C = 1, the intercept penalised (liblinear).

    Raises:
        ValueError: bad features.
    """
    x, test = check_codes(train_x, "train_x"), check_codes(test_x, "test_x")
    k, expected = np.asarray(train_k), np.asarray(test_k)
    fitted = OneVsRest.fit(x, k, np.array([1.0]), penalise_intercept=True)
    return {
        "beta_vae_train": float(np.mean(fitted.predict(x) == k)),
        "beta_vae_test": float(np.mean(fitted.predict(test) == expected)),
    }


def _points(
    codes: Floats, shared: SharedFactor, num_points: int, batch_size: int, rng: np.random.Generator
) -> tuple[Floats, Ints]:
    features, ks = [], []
    for factor, count in points_by_factor(num_points, shared.factors.shape[1], batch_size, rng):
        first = rng.integers(len(codes), size=(count, batch_size))
        second = shared.partners(first, factor, rng)
        features.append(np.abs(codes[first] - codes[second]).mean(axis=1))
        ks.append(np.full(count, factor))
    return np.concatenate(features), np.concatenate(ks)
