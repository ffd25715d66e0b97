"""Separated attribute predictability (Kumar et al. 2018)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_split, metric, varying
from bench.metrics.parts import svm
from bench.metrics.parts.concentration import gaps
from bench.metrics.parts.information import dense

C = 0.01
LEAST_VARIANCE = 1e-12  # of a dimension: below it, it is correlated with nothing


@metric(
    version=1,
    reads="split",
    scores={"sap": Score(0, 1, title="SAP", ranks=("study", "prediction")), "sap_continuous": Score(0, 1)},
    headline="sap",
    invariant_to=("sign",),  # not to scale: the penalty of an SVM is of fixed size
    falls_under_rotation=True,
    paper="Kumar et al. 2018, arXiv:1711.00848",
)
def sap(
    train_codes: ArrayLike,
    train_factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
) -> dict[str, float]:
    """For each factor, how much better the best single dimension predicts it than the second best.

    SAP = mean_k [S(1)k - S(2)k], where S_dk is the test accuracy of a linear SVM (one-vs-rest, C = 0.01, classes
    balanced) that sees dimension d alone. `sap_continuous` takes the squared correlation on the training rows for
    S_dk instead. A code of one dimension has no second: its S is 0. Factors with a single value in the training rows
    are left out.

    A linear SVM on one dimension can tell but a few of many ordered classes apart, so a perfect code of 40 of them
    scores far below 1.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices.
        test_codes: (m, D).
        test_factors: (m, F).

    Raises:
        ValueError: bad codes or factors.
        SkippedError: no factor varies in the training rows.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 2, (1000, 2))
        >>> codes = factors.astype(float)
        >>> sap(codes[:500], factors[:500], codes[500:], factors[500:])["sap"] > 0.4
        True
    """
    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    varied = varying(y)
    y, expected = y[:, varied], expected[:, varied]
    return {"sap": gap(accuracies(x, y, test, expected)), "sap_continuous": gap(_squared_correlations(x, y))}


def gap(matrix: Floats) -> float:
    """Mean over columns of the largest entry less the second."""
    return float(gaps(matrix).mean())


def _squared_correlations(x: Floats, y: Ints) -> Floats:
    """Of each dimension and each factor, (D, F)."""
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    size = np.maximum(np.abs(a).max(axis=0), np.finfo(float).tiny)  # keeps the squares of huge codes representable
    norms = np.square(a / size).sum(axis=0)
    alive = norms * size**2 > LEAST_VARIANCE * (len(x) - 1)
    squares = np.square((a / size).T @ b) / np.outer(np.where(alive, norms, 1.0), np.square(b).sum(axis=0))
    return np.where(alive[:, None], np.minimum(squares, 1.0), 0.0)


def accuracies(x: Floats, y: Ints, test: Floats, expected: Ints) -> Floats:
    """Test accuracy of one dimension's SVM on one factor, (D, F)."""
    labels = [np.unique(column) for column in y.T]
    sizes = np.array([len(seen) for seen in labels])
    starts = np.cumsum(sizes) - sizes
    classes = dense(y) + starts
    weights = _weights(np.bincount(classes.ravel()), starts, len(y))
    table = np.empty((x.shape[1], y.shape[1]))
    for d in range(x.shape[1]):
        decisions = svm.fit(x[:, d], classes, C, *weights).decisions(test[:, d])
        for k, (seen, start) in enumerate(zip(labels, starts, strict=True)):
            best = decisions[:, start : start + len(seen)].argmax(axis=1)
            table[d, k] = np.mean(seen[best] == expected[:, k])
    return table


def _weights(counts: Ints, starts: Ints, rows: int) -> tuple[Floats, Floats]:
    """Weights of a class's rows in its own problem, and of the others, as liblinear takes balanced classes.

    Of three classes or more, it gives the balanced weight n / (K n_k) to the rows of the class alone, not to the rest.
    """
    sizes = np.diff([*starts, len(counts)])
    positive = rows / (np.repeat(sizes, sizes) * counts)
    negative = np.ones_like(positive)
    for start in starts[sizes == 2]:
        negative[start : start + 2] = positive[start : start + 2][::-1]
    return positive, negative
