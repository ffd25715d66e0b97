"""One-vs-rest linear SVMs on a single feature, as liblinear fits them (squared hinge loss, intercept penalised).

One binary problem a class: minimise over (w, b)

    1/2 (w^2 + b^2) + sum_i C_i max(0, 1 - y_i (w x_i + b))^2,  y_i = +-1.

The rows with a loss are those of the class on one side of x = (1 - b) / w and the others on one side of
x = (-1 - b) / w. So once rows are sorted, loss, gradient and Hessian are differences of cumulative sums, and a Newton
step costs a binary search, whatever the number of rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import Floats, Ints
from bench.metrics.parts.standardise import moments

Bools = NDArray[np.bool_]

MAX_STEPS = 200
LEAST_DECREASE = 1e-10  # of the loss, that a Newton step must promise to be taken
RIDGE = 1e-12  # keeps a Hessian whose rows with a loss are all alike from being singular by rounding
ARMIJO = 1e-4  # share of the promised decrease that a step must deliver; else it is halved


@dataclass(frozen=True)
class Lines:
    """Fitted decision functions w (x - centre) / scale + b, one a class.

    Attributes:
        slopes: (K,).
        intercepts: (K,).
        centre: of the training feature.
        scale: its standard deviation.
    """

    slopes: Floats
    intercepts: Floats
    centre: float
    scale: float

    def decisions(self, x: Floats) -> Floats:
        """Of each class for each row, (n, K)."""
        return np.multiply.outer((x - self.centre) / self.scale, self.slopes) + self.intercepts


def fit(x: Floats, y: Ints, c: float, positive: Floats, negative: Floats) -> Lines:
    """Fit every class of every factor against the rest of its factor.

    Args:
        x: (n,) the feature.
        y: (n, F) classes, those of a factor numbered after those of the factor before it: K in all, each with a row.
        c: inverse strength of the penalty.
        positive: (K,) weight of the rows of each class in its own problem.
        negative: (K,) weight of the other rows.
    """
    centre, scale = (float(m[0]) for m in moments(x[:, None]))
    problems = _Problems((x - centre) / scale, y, c * positive, c * negative, centre, scale)
    slopes, intercepts = problems.solve()
    return Lines(slopes, intercepts, centre, scale)


class _Problems:
    """Binary problems in the coordinates of the standardised feature, where sums do not cancel.

    There w' = w scale and b' = b + w centre, so that the penalty is 1/2 (w', b') P (w', b').
    """

    def __init__(self, x: Floats, y: Ints, positive: Floats, negative: Floats, centre: float, scale: float) -> None:
        order = np.argsort(x)
        rows, count = len(x), len(positive)
        self.positive, self.negative = positive, negative
        self.penalty = (1 + centre**2) / scale**2, -centre / scale, 1.0
        self.penalty_determinant = 1 / scale**2
        self.sorted = x[order]
        self.all = _cumulative(self.sorted)
        keys = (y[order] * rows + np.arange(rows)[:, None]).ravel()
        keys.sort()  # by class, then by feature
        self.keys, self.rows = keys, rows
        self.own = _cumulative(self.sorted[keys % rows])
        self.starts = np.searchsorted(keys, np.arange(count + 1) * rows)

    def solve(self) -> Floats:
        """Minima (w', b') of all problems, (2, K), by Newton steps that are halved until they lower the loss."""
        point, length = np.zeros((2, len(self.positive))), np.ones(len(self.positive))
        state = self._newton(*point)
        for _ in range(MAX_STEPS):
            loss, promise, step = state[0], state[1], state[2:]
            moving = promise > LEAST_DECREASE * loss
            if not moving.any():
                break
            ahead = point + length * step
            tried = self._newton(*ahead)
            better = moving & (tried[0] <= loss - ARMIJO * length * promise)
            point, state = np.where(better, ahead, point), np.where(better, tried, state)
            length = np.where(better, 1.0, length / 2)
        return point

    def _newton(self, w: Floats, b: Floats) -> Floats:
        """Loss, twice the decrease that a Newton step promises, and the step (two rows): (4, K)."""
        own, rest = self._active(w, b)
        ones, xs, squares = 2 * self.positive * own + 2 * self.negative * rest
        pull, pull_x = (2 * self.positive * own - 2 * self.negative * rest)[:2]
        ww, wb, bb = self.penalty
        hww, hwb, hbb = ww + squares, wb + xs, bb + ones
        gradient_w = hww * w + hwb * b - pull_x
        gradient_b = hwb * w + hbb * b - pull
        loss = (w * (gradient_w - pull_x) + b * (gradient_b - pull) + ones) / 2
        determinant = self.penalty_determinant + ww * ones + bb * squares - 2 * wb * xs + (ones * squares - xs**2)
        determinant += RIDGE * hww * hbb
        step_w = (hwb * gradient_b - hbb * gradient_w) / determinant
        step_b = (hwb * gradient_w - hww * gradient_b) / determinant
        return np.stack([loss, -(step_w * gradient_w + step_b * gradient_b), step_w, step_b])

    def _active(self, w: Floats, b: Floats) -> tuple[Floats, Floats]:
        """Count, sum and sum of squares, (3, K), of the rows with a loss: of the class, and of the rest."""
        rising = w >= 0
        own = self._side(_crossing(1 - b, w), rising, of_class=True)
        edge = _crossing(-1 - b, w)
        return own, self._side(edge, ~rising, of_class=False) - self._side(edge, ~rising, of_class=True)

    def _side(self, threshold: Floats, below: Bools, *, of_class: bool) -> Floats:
        """Sums over rows below a threshold, or else over those from it on."""
        ranks = np.searchsorted(self.sorted, threshold)
        if not of_class:
            low = self.all[:, ranks]
            return np.where(below, low, self.all[:, -1:] - low)
        places = np.searchsorted(self.keys, np.arange(len(ranks)) * self.rows + ranks)
        start, middle, end = (self.own[:, i] for i in (self.starts[:-1], places, self.starts[1:]))
        return np.where(below, middle - start, end - middle)


def _cumulative(x: Floats) -> Floats:
    """Count, sum and sum of squares of the first 0, 1, ... n values: (3, n + 1)."""
    powers = np.stack([np.ones_like(x), x, x**2])
    return np.concatenate([np.zeros((3, 1)), powers.cumsum(axis=1)], axis=1)


def _crossing(level: Floats, slope: Floats) -> Floats:
    """Where slope x reaches the level; a flat line is taken to rise without end."""
    flat = np.where(level > 0, np.inf, -np.inf)
    with np.errstate(over="ignore"):
        return np.divide(level, slope, out=flat, where=slope != 0)
