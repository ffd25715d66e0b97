"""One-vs-rest logistic regression, the form of scikit-learn before 0.22 and of the study, by batched Newton steps.

All classes, regularisation strengths and folds are solved side by side with matrix products instead of thousands of
solver calls. One binary problem is: minimise over (w, b)

    1/2 |w|^2 [+ 1/2 b^2 with a penalised intercept] + C sum_i log(1 + exp(-y_i (w x_i + b))),  y_i = +-1.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import Floats, Ints

CS = np.logspace(-4, 4, 10)
FOLDS = 5
TOLERANCE = 1e-4  # largest gradient component at which a problem counts as solved
MAX_STEPS = 50


@dataclass(frozen=True)
class OneVsRest:
    """Fitted weights (classes, D + 1), the intercept last; `classes` are the labels seen in training."""

    classes: Ints
    weights: Floats

    @classmethod
    def fit(cls, x: Floats, y: Ints, cs: Floats, *, penalise_intercept: bool = False) -> Self:
        """Fit one binary problem a class.

        Args:
            x: (n, D).
            y: (n,) labels.
            cs: candidates for C, ascending. Of several, each class takes the one with the best mean accuracy of its
                binary problem over unshuffled folds, the smallest where they tie.
            penalise_intercept: liblinear's form.
        """
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) == 1:
            return cls(classes, np.zeros((1, x.shape[1] + 1)))
        rows = np.column_stack([x, np.ones(len(x))])
        positive = (codes[:, None] == np.arange(len(classes))).astype(np.float64)
        chosen = cs[_best(rows, positive, cs, penalise_intercept)] if len(cs) > 1 else np.repeat(cs, len(classes))
        start = np.zeros((len(classes), rows.shape[1]))
        return cls(classes, newton(rows, positive, chosen, start, penalise_intercept=penalise_intercept))

    def predict(self, x: Floats) -> Ints:
        """The label of the largest decision value, (n,)."""
        decisions = x @ self.weights[:, :-1].T + self.weights[:, -1]
        return self.classes[decisions.argmax(axis=1)]


def _best(rows: Floats, positive: Floats, cs: Floats, penalise_intercept: bool) -> NDArray[np.intp]:
    """Position in `cs` of the best C of each class, by accuracy averaged over folds."""
    accuracy = np.zeros((len(cs), positive.shape[1]))
    for held_out in np.array_split(np.arange(len(rows)), min(FOLDS, len(rows))):
        kept = np.ones(len(rows), bool)
        kept[held_out] = False
        weights: Floats = np.zeros((positive.shape[1], rows.shape[1]))
        for i, c in enumerate(cs):
            candidates = np.full(len(weights), c)
            weights = newton(rows[kept], positive[kept], candidates, weights, penalise_intercept=penalise_intercept)
            predicted = rows[held_out] @ weights.T > 0
            accuracy[i] += (predicted == (positive[held_out] > 0)).mean(axis=0)
    return accuracy.argmax(axis=0)


def newton(rows: Floats, positive: Floats, cs: Floats, start: Floats, *, penalise_intercept: bool = False) -> Floats:
    """Solve P binary problems that share their rows.

    Args:
        rows: (n, d), the last column ones.
        positive: (n, P), 1 where a row is of the problem's class, else 0.
        cs: (P,).
        start: (P, d) weights to start from.
        penalise_intercept: whether the last weight is penalised too.

    Returns:
        Weights (P, d). A step that does not lower a problem's objective is halved; separable problems stop when
        their gradient has all but vanished.
    """
    weights = start.copy()
    penalty = np.ones(rows.shape[1])
    penalty[-1] = float(penalise_intercept)
    upper = np.triu_indices(rows.shape[1])
    products = rows[:, upper[0]] * rows[:, upper[1]]
    step = np.zeros_like(weights)
    value = np.full(len(weights), np.inf)
    active = np.arange(len(weights))
    for _ in range(MAX_STEPS):
        new_value, gradient, curvature = _derivatives(rows, positive[:, active], cs[active], weights[active], penalty)
        worse = new_value > value[active] + 1e-9 * np.abs(value[active])
        step[active[worse]] /= 2
        weights[active[worse]] -= step[active[worse]]  # back half of the way
        better = ~worse
        value[active[better]] = new_value[better]
        open_ = better & (np.abs(gradient).max(axis=1) > TOLERANCE)
        hessian = np.empty((open_.sum(), rows.shape[1], rows.shape[1]))
        hessian[:, upper[0], upper[1]] = (curvature[:, open_].T @ products) * cs[active[open_], None]
        hessian[:, upper[1], upper[0]] = hessian[:, upper[0], upper[1]]
        diagonal = np.einsum("pii->pi", hessian)  # a view
        diagonal += penalty + 1e-10 * (1 + diagonal)
        moved = active[open_]
        step[moved] = -np.linalg.solve(hessian, gradient[open_, :, None])[:, :, 0]
        weights[moved] += step[moved]
        active = active[worse | open_]
        if not len(active):
            break
    return weights


def _derivatives(
    rows: Floats, positive: Floats, cs: Floats, weights: Floats, penalty: Floats
) -> tuple[Floats, Floats, Floats]:
    """Objective (P,), gradient (P, d) and curvature p (1 - p) of each row (n, P)."""
    decisions = rows @ weights.T
    small = np.exp(-np.abs(decisions))
    probability = np.where(decisions >= 0, 1, small) / (1 + small)
    loss = np.maximum(decisions, 0) + np.log1p(small) - positive * decisions
    objective = 0.5 * (penalty * weights**2).sum(axis=1) + cs * loss.sum(axis=0)
    gradient = penalty * weights + cs[:, None] * ((probability - positive).T @ rows)
    return objective, gradient, probability * (1 - probability)
