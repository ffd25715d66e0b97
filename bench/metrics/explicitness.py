"""Explicitness (Ridgeway & Mozer 2018)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.metrics.base import Floats, Ints, Score, check_split, metric, varying
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
    """How well a linear classifier separates the classes of each factor: area under the ROC curve, 0.5 by chance.

    The area is that of each class's probability against the other classes, averaged over classes, then over factors.
    Probabilities come from a logistic regression (C = 1) on codes standardised by the training rows. Factors with a
    single value in the training rows are left out. The test score leaves out classes that are absent from the test rows
    or from the training rows; if no class remains, there is no test score.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices.
        test_codes: (m, D).
        test_factors: (m, F).
        form: of the logistic regression: "one_vs_rest" with a penalised intercept (liblinear), the study's, or
            "multinomial".

    Raises:
        ValueError: bad codes or factors, or an unknown form.
        SkippedError: no factor varies in the training rows.

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
    for k in varying(y):
        classifier = fit(x, y[:, k])
        for part, rows, labels in (("train", x, y[:, k]), ("test", test, expected[:, k])):
            areas[part] += _macro_area(classifier.log_probabilities(rows), labels, classifier.classes)
    return {f"explicitness_{part}": float(np.mean(values)) for part, values in areas.items() if values}


def _macro_area(scores: Floats, labels: Ints, classes: Ints) -> list[float]:
    """The mean area over classes that some rows belong to and some do not; empty if there is no such class.

    Args:
        scores: (n, K) of each class.
        labels: (n,).
        classes: (K,) label of each column.
    """
    members = [labels == label for label in classes]
    areas = [_area(column, m) for column, m in zip(scores.T, members, strict=True) if m.any() and not m.all()]
    return [float(np.mean(areas))] if areas else []


def _area(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """The share of pairs (positive, negative) that the scores order correctly; ties count half.

    Half of the ordered pairs of two positives are in the right order, whatever the scores. So it is enough to count the
    rows below each positive, and to subtract that half.
    """
    positives, ordered = np.sort(scores[positive]), np.sort(scores)
    below = (np.searchsorted(ordered, positives) + np.searchsorted(ordered, positives, side="right")).sum() / 2
    count = len(positives)
    return float((below - count**2 / 2) / (count * (len(scores) - count)))
