"""BetaVAE score (Higgins et al. 2017): can a linear classifier predict which factor a batch of pairs shares?"""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_codes, check_count, check_factors, metric
from bench.metrics.parts.logistic import form_named
from bench.metrics.parts.shared_factor import SharedFactor


@metric(
    version=1,
    reads="all",
    min_factors=2,
    scores={
        "beta_vae_train": Score(0, 1),
        "beta_vae_test": Score(0, 1, title="BetaVAE score", ranks=("study", "intervention")),
    },
    headline="beta_vae_test",
    invariant_to=("sign",),  # not to scale: the classifier's penalty is of fixed size
    widest=4_096,
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
    form: str = "one_vs_rest",
) -> dict[str, float]:
    """Accuracy of predicting the shared factor k from mean |z1 - z2| over pairs of rows with the same value of k.

    Pairs are drawn from the rows of `codes`, with replacement. Factors with a single value are left out.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        seed: of the random factors and pairs.
        batch_size: pairs averaged into one point.
        num_train: points that the classifier is fitted to.
        num_test: points that it is tested on.
        form: of the logistic regression, "one_vs_rest" or "multinomial".

    Raises:
        ValueError: bad codes or factors, a number below 1, or an unknown form.
        SkippedError: fewer than two factors vary.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> beta_vae_score(factors.astype(float), factors, num_train=200, num_test=100)["beta_vae_test"]
        1.0
    """
    array = check_codes(codes, min_rows=2)
    shared = SharedFactor(check_factors(factors, len(array)))
    pairs = check_count(batch_size, "batch_size")
    sizes = check_count(num_train, "num_train"), check_count(num_test, "num_test")
    rng = np.random.default_rng(seed)
    train, test = (_points(array, shared, size, pairs, rng) for size in sizes)
    return from_features(*train, *test, form=form)


def from_features(
    train_x: ArrayLike, train_k: ArrayLike, test_x: ArrayLike, test_k: ArrayLike, *, form: str = "one_vs_rest"
) -> dict[str, float]:
    """The score from the features of points and the factor that the pairs of each point share.

    The classifier is the study's one-vs-rest logistic regression, C = 1 with a penalised intercept (liblinear); form
    "multinomial" is the one that scikit-learn fits today.

    Args:
        train_x: (n, D) features.
        train_k: (n,) indices of factors.
        test_x: (m, D).
        test_k: (m,).
        form: "one_vs_rest" or "multinomial".

    Raises:
        ValueError: bad features or indices, or an unknown form; the message names the argument.

    Example:
        >>> scores = from_features([[0, 1], [1, 0]], [0, 1], [[0, 2], [2, 0]], [0, 0])
        >>> scores["beta_vae_train"], scores["beta_vae_test"]
        (1.0, 0.5)
    """
    x, test = check_codes(train_x, "train_x"), check_codes(test_x, "test_x")
    if x.shape[1] != test.shape[1]:
        raise ValueError(f"test_x has {test.shape[1]} dims, train_x has {x.shape[1]}")
    k, expected = _indices(train_k, len(x), "train_k"), _indices(test_k, len(test), "test_k")
    classifier = form_named(form)(x, k)
    return {
        "beta_vae_train": float(np.mean(classifier.predict(x) == k)),
        "beta_vae_test": float(np.mean(classifier.predict(test) == expected)),
    }


def _indices(k: ArrayLike, rows: int, name: str) -> Ints:
    return check_factors(np.asarray(k)[..., None], rows, name)[:, 0]


def _points(
    codes: Floats, shared: SharedFactor, num_points: int, batch_size: int, rng: np.random.Generator
) -> tuple[Floats, Ints]:
    features, ks = [], []
    for factor, count in shared.points(num_points, batch_size * codes.shape[1], rng):
        first = rng.integers(len(codes), size=(count, batch_size))
        second = shared.partners(first, factor, rng)
        features.append(np.abs(codes[first] - codes[second]).mean(axis=1))
        ks.append(np.full(count, factor))
    return np.concatenate(features), np.concatenate(ks)
