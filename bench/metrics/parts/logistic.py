"""One-vs-rest logistic regression, the form of the study and of scikit-learn before 0.22, by batched Newton steps.

One binary problem per class: minimise over (w, b)

    1/2 |w|^2 [+ 1/2 b^2] + C sum_i log(1 + exp(-y_i (w x_i + b))),  y_i = +-1.

The problems of all classes share their rows, so one Newton step for all classes is a few matrix products. The form of
later versions of scikit-learn is "multinomial".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import log_expit, log_softmax, logit

from bench.metrics.base import Floats, Ints
from bench.metrics.parts.newton import NARROW, Problems
from bench.values import one_of

CS = np.logspace(-4, 4, 10)  # candidates of C in cross-validation
FOLDS = 5


@dataclass(frozen=True)
class Classifier:
    """A fitted classifier.

    Attributes:
        classes: (K,) labels of the training rows, ascending; only these are predicted.
        weights: (K, D).
        intercepts: (K,).
    """

    classes: Ints
    weights: Floats
    intercepts: Floats

    def decisions(self, x: Floats) -> Floats:
        """w x + b of each class, (n, K)."""
        return x @ self.weights.T + self.intercepts

    def predict(self, x: Floats) -> Ints:
        """The label of the largest decision value, (n,)."""
        return self.classes[self.decisions(x).argmax(axis=1)]


class OneVsRest(Classifier):
    """One binary problem per class."""

    def log_probabilities(self, x: Floats) -> Floats:
        """Logarithms of the binary probabilities, scaled to sum to one over classes: (n, K)."""
        return log_softmax(log_expit(self.decisions(x)), axis=1)


class Multinomial(Classifier):
    """One problem for all classes."""

    def log_probabilities(self, x: Floats) -> Floats:
        """Logarithms of the probabilities, (n, K)."""
        return log_softmax(self.decisions(x), axis=1)


def fit(x: Floats, y: Ints, c: float = 1.0) -> OneVsRest:
    """Fit with one C and the intercept penalised, as liblinear does (`LogisticRegression` of the study).

    Args:
        x: (n, D).
        y: (n,) labels.
        c: inverse strength of the penalty.

    Example:
        >>> fit(np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([3, 3, 7, 7])).predict(np.array([[-9.0], [9.0]]))
        array([3, 7])
    """
    classes, positive = _one_hot(y)
    rows = np.column_stack([x, np.ones(len(x))])
    start = np.zeros((len(classes), rows.shape[1]))
    start[:, -1] = _log_odds(positive)
    axes = _axes(rows)
    weights = Problems(rows @ axes, positive).solve(np.full(axes.shape[1], 1 / c), start @ axes) @ axes.T
    return OneVsRest(classes, weights[:, :-1], weights[:, -1])


def fit_multinomial(x: Floats, y: Ints) -> Multinomial:
    """Fit with C = 1 and a free intercept by scikit-learn, whose default this is since 0.22.

    Args:
        x: (n, D).
        y: (n,) labels.
    """
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(y)
    if len(classes) == 1:
        return Multinomial(classes, np.zeros((1, x.shape[1])), np.zeros(1))
    fitted = LogisticRegression(max_iter=10_000).fit(x, y)
    weights, intercepts = fitted.coef_, fitted.intercept_
    if len(classes) == 2:  # a single row, of the second class against the first
        weights, intercepts = np.vstack([0 * weights, weights]), np.append(0, intercepts)
    return Multinomial(classes, weights, intercepts)


FORMS: Mapping[str, Callable[[Floats, Ints], OneVsRest | Multinomial]] = {
    "one_vs_rest": fit,
    "multinomial": fit_multinomial,
}


def form_named(form: str) -> Callable[[Floats, Ints], OneVsRest | Multinomial]:
    """The fitting function of a form: "one_vs_rest" (the study's) or "multinomial" (scikit-learn's default today).

    Raises:
        UnknownNameError: no such form.
    """
    return FORMS[one_of("form", form, FORMS)]


def fit_cross_validated(x: Floats, y: Ints) -> OneVsRest:
    """Fit with a free intercept and, for each class, the best C (`LogisticRegressionCV` of the study).

    The best C has the largest accuracy of the binary problem, summed over unshuffled folds; of equal sums the smallest
    C. Sums are compared to the last bit, as in scikit-learn: rounding can break a tie in favour of a larger C, and the
    published accuracies include that.

    Args:
        x: (n, D).
        y: (n,) labels.
    """
    classes, positive = _one_hot(y)
    mean = x.mean(axis=0)  # large means spoil the Newton steps; the free intercept makes up for the shift
    axes = _axes(x - mean)
    rows = np.column_stack([(x - mean) @ axes, np.ones(len(x))])
    penalties = np.column_stack([np.repeat(1 / CS[:, None], axes.shape[1], axis=1), np.zeros(len(CS))])
    paths = _path(rows, positive, penalties)
    best = _accuracies(rows, positive, penalties, paths).argmax(axis=0)
    fitted = paths[best, np.arange(len(classes))]
    weights = fitted[:, :-1] @ axes.T
    return OneVsRest(classes, weights, fitted[:, -1] - weights @ mean)


def _one_hot(y: Ints) -> tuple[Ints, Floats]:
    """The distinct labels (K,), and whether each row has each of them (K, n)."""
    classes, indices = np.unique(y, return_inverse=True)
    return classes, (indices == np.arange(len(classes))[:, None]).astype(np.float64)


def _log_odds(positive: Floats) -> Floats:
    """Log odds of each class among the rows, (K,): the initial intercepts."""
    return logit((positive.sum(axis=1) + 0.5) / (positive.shape[1] + 1))


def _axes(rows: Floats) -> Floats:
    """Orthogonal axes (d, at most d) in which many columns are uncorrelated: conjugate gradients take few steps then.

    They span the rows, and so the weights of least penalty: fewer than columns where there are fewer rows.
    """
    if rows.shape[1] <= NARROW:
        return np.eye(rows.shape[1])
    few = len(rows) < rows.shape[1]
    return np.linalg.svd(rows, full_matrices=False)[2].T if few else np.linalg.eigh(rows.T @ rows)[1]


def _path(rows: Floats, positive: Floats, penalties: Floats) -> Floats:
    """Weights under every penalty, each fit started from the one before: (C, K, D + 1)."""
    problems = Problems(rows, positive)
    weights: Floats = np.zeros((len(positive), rows.shape[1]))
    weights[:, -1] = _log_odds(positive)
    return np.stack([weights := problems.solve(p, weights) for p in penalties])


def _accuracies(rows: Floats, positive: Floats, penalties: Floats, paths: Floats) -> Floats:
    """Accuracy of each binary problem under each penalty, summed over folds: (C, K).

    A fold starts from the solution on all rows plus the difference between the two solutions at the previous C.
    """
    total = np.zeros(paths.shape[:2])
    for held_out in np.array_split(np.arange(len(rows)), min(FOLDS, len(rows))):
        problems = Problems(np.delete(rows, held_out, axis=0), np.delete(positive, held_out, axis=1))
        shift = np.zeros_like(paths[0])
        for path, penalty, correct in zip(paths, penalties, total, strict=True):
            weights = problems.solve(penalty, path + shift)
            shift = weights - path
            correct += ((weights @ rows[held_out].T > 0) == (positive[:, held_out] > 0)).mean(axis=1)
    return total
