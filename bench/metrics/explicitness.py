"""Explicitness (Ridgeway & Mozer 2018)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.metrics.base import Floats, Ints, Score, check_split, metric
from bench.metrics.parts.logistic import form_named
from bench.metrics.parts.standardise import moments


@metric(
    version=1,
    reads="split",
    scores={
        "explicitness_train": Score(0, 1),
        "explicitness_test": Score(0, 1, title="Explicitness", ranks=("prediction",)),
    },
    headline="explicitness_test",
    invariant_to=("scale", "sign"),  # codes are standardised
    widest=4_096,
    paper="Ridgeway & Mozer 2018, arXiv:1802.05312",
)
def explicitness(
    train_codes: ArrayLike,
    train_factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    form: str = "one_vs_rest",
) -> dict[str, float]:
    """How well the classes of each factor can be told apart linearly: area under the ROC curve, 0.5 by chance.

    The area is that of each class's probability against the other classes, averaged over classes, then over factors.
    Probabilities are those of a logistic regression (C = 1) on codes standardised by the training rows. Factors with a
    single value in the training rows are left out, and so are, in the averages over test rows, classes that are
    missing there or not seen in training; where that leaves none, there is no test score.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices.
        test_codes: (m, D).
        test_factors: (m, F).
        form: of the logistic regression: "one_vs_rest" with a penalised intercept (liblinear), the study's, or
            "multinomial".

    Raises:
        ValueError: bad codes or factors, an unknown form, or no factor has two values in the training rows.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 3, (1000, 2))
        >>> codes = np.eye(3)[factors].reshape(1000, 6)
        >>> explicitness(codes[:500], factors[:500], codes[500:], factors[500:])["explicitness_test"]
        1.0
    """
    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    fit, (mean, deviation) = form_named(form), moments(x)
    x, test = (x - mean) / deviation, (test - mean) / deviation
    areas: dict[str, list[float]] = {"train": [], "test": []}
    for k in np.flatnonzero(np.ptp(y, axis=0) > 0):
        classifier = fit(x, y[:, k])
        for part, rows, labels in (("train", x, y[:, k]), ("test", test, expected[:, k])):
            areas[part] += _macro_area(classifier.log_probabilities(rows), labels, classifier.classes)
    if not areas["train"]:
        raise ValueError("train_factors have a single value each: there are no classes to tell apart")
    return {f"explicitness_{part}": float(np.mean(found)) for part, found in areas.items() if found}


def _macro_area(scores: Floats, labels: Ints, classes: Ints) -> list[float]:
    """The mean area of the classes that have rows and others that have not; empty where there is none.

    Args:
        scores: (n, K) of each class.
        labels: (n,).
        classes: (K,) label of each column.
    """
    members = [labels == label for label in classes]
    areas = [_area(column, m) for column, m in zip(scores.T, members, strict=True) if m.any() and not m.all()]
    return [float(np.mean(areas))] if areas else []


def _area(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """The share of pairs (positive, other) that the scores order rightly, ties counting half.

    Pairs of two positives are half right whatever the order, so it is enough to count the rows below each positive.
    """
    own, ordered = np.sort(scores[positive]), np.sort(scores)
    below = (np.searchsorted(ordered, own) + np.searchsorted(ordered, own, side="right")).sum() / 2
    count = len(own)
    return float((below - count**2 / 2) / (count * (len(scores) - count)))
