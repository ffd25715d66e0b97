"""Multinomial logistic regression with balanced classes and no penalty, fitted to its optimum.

Minimise over weights W (D + 1, K) the sum of w_i (-log p_i(y_i)), where log p_i = log softmax(x_i W) and the weight of
a row, w_i = n / (K n_k), balances the classes. If the classes are separable the minimum is 0, at infinite weights; the
steps end when the loss hardly decreases.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import OptimizeResult, minimize
from scipy.special import log_softmax

from bench.metrics.base import Floats, Ints

NARROW = 1_000  # most weights for Newton steps: the Hessian has the square of their number
FIRST = 40  # steps of L-BFGS before those of Newton, each of which costs 20 times as much
MAX_STEPS = 50  # of Newton
MAX_ITERATIONS = 1_000  # of L-BFGS with too many weights for Newton's steps
LEAST_DECREASE = 2e-6  # of the loss per row, in nats: a step that predicts less is not taken
SETTLED = 100  # L-BFGS also ends when the whole loss is below SETTLED times the least decrease
RIDGE = 1e-10  # relative and absolute, on the Hessian's diagonal: equal shifts of all classes have no curvature
RAISED = 100  # factor of the ridge after a failed Cholesky factorisation
ARMIJO = 1e-4  # share of the predicted decrease that a step must reach; else it is halved


def log_loss(x: Floats, y: Ints, *, iterations: int | None = None) -> float:
    """The unweighted mean of -log p_i(y_i) over the training rows, in nats.

    Args:
        x: (n, D) standardised.
        y: (n,) classes 0..K - 1, each of which has a row.
        iterations: if given, stop after so many L-BFGS steps from weights 0 instead of at the optimum.

    Example:
        >>> round(log_loss(np.zeros((4, 1)), np.array([0, 1, 1, 1])), 4)  # balanced, each class has a half
        0.6931
    """
    problem = _Problem(x, y)
    if iterations is not None:
        return problem.unweighted(_descend(problem, iterations))
    if problem.rows.shape[1] * problem.classes > NARROW:
        return problem.unweighted(_descend(problem, MAX_ITERATIONS, settle=True))
    return problem.unweighted(_newton(problem, _descend(problem, FIRST)))


class _Problem:
    """The objective, its gradient and its Hessian, at flattened weights (D + 1, K)."""

    def __init__(self, x: Floats, y: Ints) -> None:
        self.rows = np.column_stack([x, np.ones(len(x))])
        self.labelled = np.arange(len(y)), y  # the entry of each row's class
        counts = np.bincount(y)
        self.classes = len(counts)
        self.weights = (len(y) / (self.classes * counts))[y]

    def log_probabilities(self, flat: Floats) -> Floats:
        """(n, K)."""
        return log_softmax(self.rows @ flat.reshape(-1, self.classes), axis=1)

    def loss(self, flat: Floats) -> tuple[float, Floats]:
        """The weighted sum over rows, and its gradient."""
        logs = self.log_probabilities(flat)
        residuals = np.exp(logs)
        residuals[self.labelled] -= 1
        residuals *= self.weights[:, None]
        return float(-(self.weights @ logs[self.labelled])), (self.rows.T @ residuals).ravel()

    def unweighted(self, flat: Floats) -> float:
        """The mean loss over rows of equal weight."""
        return float(-self.log_probabilities(flat)[self.labelled].mean())

    def hessian(self, flat: Floats) -> Floats:
        """Entry (i, k), (j, l) for dimensions i, j and classes k, l: the sum of w x_i x_j (p_k [k = l] - p_k p_l)."""
        shares = np.exp(self.log_probabilities(flat))
        products = self.rows[:, :, None] * (np.sqrt(self.weights)[:, None] * shares)[:, None, :]
        flattened = products.reshape(len(self.rows), -1)
        hessian = -(flattened.T @ flattened)
        blocks = hessian.reshape(*products.shape[1:] * 2)  # a view
        for k in range(self.classes):
            blocks[:, k, :, k] += (self.rows * (self.weights * shares[:, k])[:, None]).T @ self.rows
        return hessian


def _descend(problem: _Problem, iterations: int, *, settle: bool = False) -> Floats:
    """Steps of L-BFGS from weights 0, as scikit-learn takes them; `settle` also ends them at a small decrease."""
    least_decrease, losses = LEAST_DECREASE * len(problem.rows), [np.inf]

    def callback(intermediate_result: OptimizeResult) -> None:
        losses.append(intermediate_result.fun)
        if settle and (losses[-2] - losses[-1] < least_decrease or losses[-1] < SETTLED * least_decrease):
            raise StopIteration

    start = np.zeros(problem.rows.shape[1] * problem.classes)
    options = {"maxiter": iterations, "gtol": 1e-4}
    result = minimize(problem.loss, start, jac=True, method="L-BFGS-B", options=options, callback=callback)
    return result.x


def _step(hessian: Floats, gradient: Floats) -> Floats:
    """Newton's step; the ridge is raised until the Hessian has a Cholesky factor in spite of rounding."""
    ridge, diagonal = RIDGE, np.diag(hessian)
    while True:
        try:
            factor = cho_factor(hessian + np.diag(ridge * (diagonal + 1)), check_finite=False)
        except LinAlgError:
            ridge *= RAISED
            continue
        return -cho_solve(factor, gradient, check_finite=False)


def _newton(problem: _Problem, weights: Floats) -> Floats:
    """Newton steps, each halved until it lowers the loss; they end when the predicted decrease is too small."""
    loss, gradient = problem.loss(weights)
    for _ in range(MAX_STEPS):
        step = _step(problem.hessian(weights), gradient)
        decrease = -float(gradient @ step)
        if decrease < LEAST_DECREASE * len(problem.rows):
            break
        length = 1.0
        while (next_loss := problem.loss(weights + length * step))[0] > loss - ARMIJO * length * decrease:
            length /= 2
        weights, (loss, gradient) = weights + length * step, next_loss
    return weights
