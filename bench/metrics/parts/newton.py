"""Newton's method for many binary logistic regressions that share their rows.

Minimises sum_i log(1 + exp(-y_i m_i)) + 1/2 sum_j penalty_j w_j^2 over w, where m = rows w are the margins.

The logistic loss is self-concordant: along a step that moves no margin by more than M, the curvature changes by at most
a factor e^M. So the length log(1 + M) / M never overshoots (Bach 2010, arXiv:0910.4627), and a full step lowers the
objective if M < 1.79. A longer step is halved until the objective still falls at its end, but not below that length.

Weights, margins and sums are in double precision. The exponential of each row is in single precision, four times as
fast: the odds of the right class, from which the probability of the wrong class follows without cancellation.
"""

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import Floats, Ints

TOLERANCE = 1e-2  # a step that moves no margin further is the last: convergence is quadratic, so the error is 1e-4
LEAST_GRADIENT = 1e-4  # a problem is solved if no component of its gradient is larger
MAX_STEPS = 50
MAX_CONJUGATE_STEPS = 30
FULL_STEP = 1.5
NARROW = 33  # most columns for which Hessians are formed: these cost columns^2 operations per row and problem
LARGEST_LOG_ODDS = 80.0  # exp overflows single precision above 88
RIDGE = 1e-12  # prevents a division by zero for a column without penalty and without curvature


class Problems:
    """K binary problems on the same rows.

    Attributes:
        rows: (n, d).
        signs: (K, n), 1 where a row is of the problem's class, else -1.
    """

    def __init__(self, rows: Floats, positive: Floats) -> None:
        self.rows = rows
        self.signs = np.where(positive, np.float32(1), np.float32(-1))
        self._upper = np.triu_indices(rows.shape[1])
        if rows.shape[1] <= NARROW:
            self._products = rows[:, self._upper[0]] * rows[:, self._upper[1]]
        else:
            self._single = rows.astype(np.float32)
            self._squares = self._single**2

    def solve(self, penalty: Floats, start: Floats) -> Floats:
        """Weights (K, d) of the minima.

        Args:
            penalty: (d,) 1 / C of each column, 0 for a free one.
            start: (K, d) weights to start from.
        """
        weights, unsolved = start.copy(), np.arange(len(start))
        margins = weights @ self.rows.T
        for _ in range(MAX_STEPS):
            gradient, step, moves = self._step(margins, unsolved, penalty, weights[unsolved])
            furthest = np.abs(moves).max(axis=1)
            lengths = np.ones(len(step))
            if (far := np.flatnonzero(furthest > FULL_STEP)).size:
                safe = np.log1p(furthest[far]) / furthest[far]
                lengths[far] = self._lengths(unsolved[far], penalty, weights[unsolved[far]], step[far], safe)
            weights[unsolved] += lengths[:, None] * step
            active = (furthest > TOLERANCE) & (np.abs(gradient).max(axis=1) > LEAST_GRADIENT)
            if not active.any():
                break
            margins = margins[active] + lengths[active, None] * moves[active]
            unsolved = unsolved[active]
        return weights

    def _step(
        self, margins: Floats, unsolved: Ints, penalty: Floats, weights: Floats
    ) -> tuple[Floats, Floats, NDArray[np.floating]]:
        """Gradients and full Newton steps, (unsolved, d) each, and how far these move each margin, (unsolved, n)."""
        gradient, curvature = self._derivatives(margins, unsolved, penalty, weights)
        if self.rows.shape[1] <= NARROW:
            step = -self._direct(curvature, penalty, gradient)
            return gradient, step, step @ self.rows.T
        return gradient, *self._conjugate(curvature, penalty, -gradient)

    def _lengths(self, problems: Ints, penalty: Floats, weights: Floats, step: Floats, safe: Floats) -> Floats:
        """Lengths (problems,): 1, halved until the objective still falls at the step's end, but at least `safe`."""
        lengths = np.ones(len(step))
        while True:
            ends = weights + lengths[:, None] * step
            gradient, _ = self._derivatives(ends @ self.rows.T, problems, penalty, ends)
            over = (lengths > safe) & ((gradient * step).sum(axis=1) > 0)
            if not over.any():
                return lengths
            lengths = np.where(over, np.maximum(lengths / 2, safe), lengths)

    def _derivatives(self, margins: Floats, problems: Ints, penalty: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Gradients (problems, d), and curvatures of the loss of each row (problems, n)."""
        signs = self.signs[problems]
        odds = np.exp(np.minimum(signs * margins, LARGEST_LOG_ODDS).astype(np.float32))  # of the right class
        wrong = 1 / (1 + odds)  # probability of the wrong class
        return penalty * weights - (signs * wrong).astype(np.float64) @ self.rows, odds * wrong * wrong

    def _direct(self, curvature: Floats, penalty: Floats, gradient: Floats) -> Floats:
        """Solve with the Hessian, a weighted sum of precomputed products of columns."""
        hessian = np.empty((*gradient.shape, gradient.shape[1]))
        hessian[:, *self._upper] = curvature.astype(np.float64) @ self._products
        hessian[:, *self._upper[::-1]] = hessian[:, *self._upper]
        diagonal = np.einsum("kdd->kd", hessian)  # a view
        diagonal += penalty + 1e-10 * diagonal + RIDGE
        return np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]

    def _conjugate(self, curvature: Floats, penalty: Floats, downhill: Floats) -> tuple[Floats, NDArray[np.floating]]:
        """Solve approximately by conjugate gradients, preconditioned with the diagonal; no Hessian is formed.

        A direction need not be exact, so its products are in single precision, twice as fast. The margins' moves are
        summed on the way: another product would cost as much as half a conjugate step.
        """
        diagonal = curvature @ self._squares + penalty + RIDGE
        solution, residual, moves = np.zeros_like(downhill), downhill.copy(), np.zeros_like(curvature)
        search = residual / diagonal
        size = first = (residual * search).sum(axis=1)
        for _ in range(MAX_CONJUGATE_STEPS):
            moved = search.astype(np.float32) @ self._single.T
            image = (curvature * moved) @ self._single + (penalty + RIDGE) * search
            length = _ratio(size, (search * image).sum(axis=1))
            solution += length * search
            moves += length.astype(np.float32) * moved
            residual -= length * image
            size, previous = (residual**2 / diagonal).sum(axis=1), size
            if (size <= 0.01 * first).all():
                break
            search = residual / diagonal + _ratio(size, previous) * search
        return solution, moves


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Quotients (K, 1); 0 if the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)[:, None]
