"""Multinomial logistic regression without a penalty, classes balanced, fitted to its optimum.

Minimise over weights W (D + 1, K) the sum of w_i (-log p_i(y_i)), where log p_i = log softmax(x_i W) and the weight of
a row, w_i = n / (K n_k), gives each class the same say. Where classes can be told apart without fault the minimum is 0,
at infinity, and steps end as there is nothing left to gain.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import OptimizeResult, minimize
from scipy.special import log_softmax

from bench.metrics.base import Floats, Ints

NARROW = 1_000  # weights up to which Newton steps are taken: their Hessian has the square of it
FIRST = 40  # steps of L-BFGS before those of Newton, which are 20 times as dear
MAX_STEPS = 50  # of Newton
MAX_ITERATIONS = 1_000  # of L-BFGS where there are too many weights for Newton's steps
LEAST_DECREASE = 2e-6  # of the loss of a row, in nats: what a step must promise to be taken
SETTLED = 100  # times it: where the whole loss is below, L-BFGS ends
RIDGE = 1e-10  # of the Hessian's diagonal, and beside it: adding the same to all classes' weights changes nothing
RAISED = 100  # times the ridge, where it does not do
ARMIJO = 1e-4  # share of the promised decrease that a step must deliver; else it is halved


def log_loss(x: Floats, y: Ints, *, iterations: int | None = None) -> float:
    """The mean of -log p_i(y_i) over the rows that were fitted, all of the same weight: nats.

    Args:
        x: (n, D) standardised.
        y: (n,) classes 0..K - 1, each of which has a row.
        iterations: of L-BFGS from weights 0, in the place of the optimum.

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
    """The objective, its gradient and its Hessian, at weights (D + 1, K) laid out flat."""

    def __init__(self, x: Floats, y: Ints) -> None:
        self.rows = np.column_stack([x, np.ones(len(x))])
        self.right = np.arange(len(y)), y
        counts = np.bincount(y)
        self.classes = len(counts)
        self.weights = (len(y) / (self.classes * counts))[y]

    def log_probabilities(self, flat: Floats) -> Floats:
        """(n, K)."""
        logs: Floats = log_softmax(self.rows @ flat.reshape(-1, self.classes), axis=1)
        return logs

    def loss(self, flat: Floats) -> tuple[float, Floats]:
        """The sum over rows, and its gradient."""
        logs = self.log_probabilities(flat)
        residuals = np.exp(logs)
        residuals[self.right] -= 1
        residuals *= self.weights[:, None]
        return float(-(self.weights @ logs[self.right])), (self.rows.T @ residuals).ravel()

    def unweighted(self, flat: Floats) -> float:
        """The mean over rows."""
        return float(-self.log_probabilities(flat)[self.right].mean())

    def hessian(self, flat: Floats) -> Floats:
        """Of dimensions i, j and classes k, l: the sum of w x_i x_j (p_k [k = l] - p_k p_l)."""
        shares = np.exp(self.log_probabilities(flat))
        products = self.rows[:, :, None] * (np.sqrt(self.weights)[:, None] * shares)[:, None, :]
        flattened = products.reshape(len(self.rows), -1)
        hessian = -(flattened.T @ flattened)
        blocks = hessian.reshape(*products.shape[1:] * 2)  # a view
        for k in range(self.classes):
            blocks[:, k, :, k] += (self.rows * (self.weights * shares[:, k])[:, None]).T @ self.rows
        return hessian


def _descend(problem: _Problem, iterations: int, *, settle: bool = False) -> Floats:
    """Steps of L-BFGS from weights 0, as scikit-learn takes them; to settle is to end where little is left to gain."""
    least, losses = LEAST_DECREASE * len(problem.rows), [np.inf]

    def callback(intermediate_result: OptimizeResult) -> None:
        losses.append(intermediate_result.fun)
        if settle and (losses[-2] - losses[-1] < least or losses[-1] < SETTLED * least):  # a loss is above 0
            raise StopIteration

    start = np.zeros(problem.rows.shape[1] * problem.classes)
    options = {"maxiter": iterations, "gtol": 1e-4}
    result = minimize(problem.loss, start, jac=True, method="L-BFGS-B", options=options, callback=callback)
    weights: Floats = result.x
    return weights


def _step(hessian: Floats, gradient: Floats) -> Floats:
    """Newton's step; the ridge is raised as long as rounding leaves the Hessian without a Cholesky factor."""
    ridge, diagonal = RIDGE, np.diag(hessian)
    while True:
        try:
            factor = cho_factor(hessian + np.diag(ridge * (diagonal + 1)), check_finite=False)
        except LinAlgError:
            ridge *= RAISED
            continue
        step: Floats = -cho_solve(factor, gradient, check_finite=False)
        return step


def _newton(problem: _Problem, weights: Floats) -> Floats:
    """Newton steps, halved until they lower the loss, until a step promises no decrease worth taking."""
    loss, gradient = problem.loss(weights)
    for _ in range(MAX_STEPS):
        step = _step(problem.hessian(weights), gradient)
        promise = -float(gradient @ step)
        if promise < LEAST_DECREASE * len(problem.rows):
            break
        length = 1.0
        while (ahead := problem.loss(weights + length * step))[0] > loss - ARMIJO * length * promise:
            length /= 2
        weights, (loss, gradient) = weights + length * step, ahead
    return weights
