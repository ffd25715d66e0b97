"""Semantic clusterability: do codes of one class lie together, and apart from those of others?"""

import warnings
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_count, check_split, metric, varying
from bench.metrics.parts.information import dense


@metric(
    version=1,
    reads="split",
    scores={
        "knn_accuracy": Score(0, 1, title="k-NN accuracy"),
        "kmeans_nmi": Score(0, 1, None),  # of several factors, clusters and distances can follow only one
        "kmeans_ari": Score(-0.5, 1, None),
        "silhouette": Score(-1, 1, None),
    },
    invariant_to=("sign",),  # and to rotation; not to scale: distances are of codes that are not standardised
    paper="Bengio et al. 2013, arXiv:1206.5538 (natural clustering); Rousseeuw 1987 (silhouette)",
)
def clusterability(
    train_codes: ArrayLike,
    train_factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    neighbours: int = 10,
    num_points: int = 1_000,
    seed: int = 0,
) -> dict[str, float]:
    """k-NN accuracy, agreement of k-means clusters with classes, and silhouette of classes, by Euclidean distance.

    * "knn_accuracy": test accuracy of the majority class among the nearest training rows;
    * "kmeans_nmi", "kmeans_ari": normalised mutual information, and adjusted Rand index, between the classes and
      k-means clusters of the same number;
    * "silhouette": mean of (b - a) / max(a, b), a the mean distance to the row's class, b to the nearest other class.

    Each is the mean over factors; "silhouette/2" is the value of factor 2. All but the first read the first
    `num_points` test rows. A score leaves out factors with a single value in the rows that it reads; if no factor
    remains, the score is left out. There are at most as many clusters as distinct codes (codes closer than rounding
    count as one). If no two rows have the same class, the silhouette is 0.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices.
        test_codes: (m, D).
        test_factors: (m, F).
        neighbours: training rows that vote on a test row's class.
        num_points: test rows that are clustered.
        seed: of k-means.

    Raises:
        ValueError: bad codes, factors or counts.
        SkippedError: no factor varies in the training rows.

    Example:
        >>> factors = np.arange(200)[:, None] % 4
        >>> codes = np.eye(4)[factors[:, 0]]
        >>> clusterability(codes[:100], factors[:100], codes[100:], factors[100:])["kmeans_ari"]
        1.0
    """
    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    varying(y)
    votes, rows = check_count(neighbours, "neighbours"), check_count(num_points, "num_points")
    centre = x.mean(axis=0)  # distances are differences of squares: these cancel badly far from the origin
    x, test = x - centre, test - centre
    scores = _summary("knn_accuracy", _knn(x, y, test, expected, votes))
    points, classes = test[:rows], expected[:rows]
    nmi, ari = _kmeans(points, classes, seed % 2**32)
    return (
        scores
        | _summary("kmeans_nmi", nmi)
        | _summary("kmeans_ari", ari)
        | _summary("silhouette", _silhouettes(points, classes))
    )


def _summary(name: str, values: dict[int, float]) -> dict[str, float]:
    """The mean over factors and the value of each factor; empty without values."""
    if not values:
        return {}
    return {name: float(np.mean(list(values.values())))} | {f"{name}/{k}": v for k, v in values.items()}


def _varied(classes: Ints) -> Iterable[int]:
    return map(int, varying(classes, least=0))


def _knn(x: Floats, y: Ints, test: Floats, expected: Ints, votes: int) -> dict[int, float]:
    from sklearn.neighbors import NearestNeighbors

    finder = NearestNeighbors(n_neighbors=min(votes, len(x)), algorithm="brute").fit(x)
    nearest = finder.kneighbors(test, return_distance=False)
    return {k: float(np.mean(_majority(y[:, k], nearest) == expected[:, k])) for k in _varied(y)}


def _majority(labels: Ints, nearest: Ints) -> Ints:
    """The most common label among each line of rows; of equally common labels the lowest."""
    distinct, indices = np.unique(labels, return_inverse=True)
    cells = indices[nearest] + len(distinct) * np.arange(len(nearest))[:, None]
    counts = np.bincount(cells.ravel(), minlength=len(distinct) * len(nearest)).reshape(len(nearest), len(distinct))
    return distinct[counts.argmax(axis=1)]


def _kmeans(points: Floats, classes: Ints, seed: int) -> tuple[dict[int, float], dict[int, float]]:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    distinct = len(np.unique(points, axis=0))
    counts = {k: min(len(np.unique(classes[:, k])), distinct) for k in _varied(classes)}
    with warnings.catch_warnings():  # codes that differ by less than rounding give fewer clusters, as documented
        warnings.filterwarnings("ignore", "Number of distinct clusters", ConvergenceWarning)
        clusters = {c: KMeans(c, n_init=3, random_state=seed).fit_predict(points) for c in set(counts.values())}
    nmi = {k: min(float(normalized_mutual_info_score(classes[:, k], clusters[c])), 1.0) for k, c in counts.items()}
    ari = {k: float(adjusted_rand_score(classes[:, k], clusters[c])) for k, c in counts.items()}
    return nmi, ari


def _silhouettes(points: Floats, classes: Ints) -> dict[int, float]:
    from sklearn.metrics import pairwise_distances, silhouette_score

    distances = pairwise_distances(points)
    np.fill_diagonal(distances, 0)
    labels = dense(classes)
    all_distinct = labels.max(axis=0) == len(labels) - 1
    return {
        k: 0.0 if all_distinct[k] else float(silhouette_score(distances, labels[:, k], metric="precomputed"))
        for k in _varied(classes)
    }
