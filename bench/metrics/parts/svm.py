"""One-vs-rest linear SVMs on a single feature, as liblinear fits them (squared hinge loss, intercept penalised).

One binary problem per class: minimise over (w, b)

    1/2 (w^2 + b^2) + sum_i C_i max(0, 1 - y_i (w x_i + b))^2,  y_i = +-1.

The rows with a loss are the rows of the class on one side of x = (1 - b) / w, and the other rows on one side of
x = (-1 - b) / w. So for sorted rows the loss, gradient and Hessian are differences of cumulative sums: a Newton step
costs a binary search instead of a pass over the rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrics.base import Floats, Ints
from bench.metrics.parts.standardise import moments

Bools = NDArray[np.bool_]

MAX_STEPS = 200
LEAST_DECREASE = 1e-10  # predicted relative decrease of the loss below which no Newton step is taken
RIDGE = 1e-12  # keeps the Hessian of equal rows regular in spite of rounding
ARMIJO = 1e-4  # share of the predicted decrease that a step must reach; else it is halved


@dataclass(frozen=True)
class Lines:
    """Fitted decision functions w (x - centre) / scale + b, one per class.

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
        """Decision value of each class for each row, (n, K)."""
        return np.multiply.outer((x - self.centre) / self.scale, self.slopes) + self.intercepts


def fit(x: Floats, y: Ints, c: float, positive: Floats, negative: Floats) -> Lines:
    """Fit every class of every factor against the rest of its factor.

    Args:
        x: (n,) the feature.
        y: (n, F) classes, numbered consecutively over all factors: K in all, each with at least one row.
        c: inverse strength of the penalty.
        positive: (K,) weight of the rows of each class in its problem.
        negative: (K,) weight of the other rows.
    """
    centre, scale = (float(m[0]) for m in moments(x[:, None]))
    problems = _Problems((x - centre) / scale, y, c * positive, c * negative, centre, scale)
    slopes, intercepts = problems.solve()
    return Lines(slopes, intercepts, centre, scale)


class _Problems:
    """Binary problems in coordinates of the standardised feature, in which sums do not cancel.

    w' = w scale and b' = b + w centre, so the penalty is 1/2 (w', b') P (w', b').
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
        self.of_classes = _cumulative(self.sorted[keys % rows])
        self.starts = np.searchsorted(keys, np.arange(count + 1) * rows)

    def solve(self) -> Floats:
        """Minima (w', b') of all problems, (2, K), by Newton steps that are halved until they lower the loss."""
        point, length = np.zeros((2, len(self.positive))), np.ones(len(self.positive))
        state = self._newton(*point)
        for _ in range(MAX_STEPS):
            loss, decrease, step = state[0], state[1], state[2:]
            moving = decrease > LEAST_DECREASE * loss
            if not moving.any():
                break
            next_point = point + length * step
            next_state = self._newton(*next_point)
            better = moving & (next_state[0] <= loss - ARMIJO * length * decrease)
            point, state = np.where(better, next_point, point), np.where(better, next_state, state)
            length = np.where(better, 1.0, length / 2)
        return point

    def _newton(self, w: Floats, b: Floats) -> Floats:
        """Loss, twice the predicted decrease of a Newton step, and the step (two rows): (4, K)."""
        of_class, of_rest = self._active(w, b)
        ones, xs, squares = 2 * self.positive * of_class + 2 * self.negative * of_rest
        pull, pull_x = (2 * self.positive * of_class - 2 * self.negative * of_rest)[:2]
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
        """Count, sum and sum of squares, (3, K) each, of the rows with a loss in the class and in the rest."""
        rising = w >= 0
        of_class = self._side(_crossing(1 - b, w), rising, of_class=True)
        edge = _crossing(-1 - b, w)
        return of_class, self._side(edge, ~rising, of_class=False) - self._side(edge, ~rising, of_class=True)

    def _side(self, threshold: Floats, below: Bools, *, of_class: bool) -> Floats:
        """Sums over the rows below a threshold, or over those not below it: of the class, or of all rows."""
        ranks = np.searchsorted(self.sorted, threshold)
        if not of_class:
            low = self.all[:, ranks]
            return np.where(below, low, self.all[:, -1:] - low)
        places = np.searchsorted(self.keys, np.arange(len(ranks)) * self.rows + ranks)
        start, middle, end = (self.of_classes[:, i] for i in (self.starts[:-1], places, self.starts[1:]))
        return np.where(below, middle - start, end - middle)


def _cumulative(x: Floats) -> Floats:
    """Count, sum and sum of squares of the first 0, 1, ... n values: (3, n + 1)."""
    powers = np.stack([np.ones_like(x), x, x**2])
    return np.concatenate([np.zeros((3, 1)), powers.cumsum(axis=1)], axis=1)


def _crossing(level: Floats, slope: Floats) -> Floats:
    """The x at which slope x reaches the level; of a flat line, infinity with the sign of the level."""
    flat = np.where(level > 0, np.inf, -np.inf)
    with np.errstate(over="ignore"):
        return np.divide(level, slope, out=flat, where=slope != 0)
