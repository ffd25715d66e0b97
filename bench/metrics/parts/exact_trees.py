"""Gradient boosted trees exactly as the study's: scikit-learn's `GradientBoostingClassifier`, compiled.

No other library gives its importances, for they are sums of the squared-error reductions of exact splits. Per round and
class a tree of depth 3 is fitted to the residuals; every feature is sorted once. Trees of one round are independent of
each other: they grow in groups, and groups on as many threads as OMP_NUM_THREADS allows.
"""

import hashlib
import math
import os
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bench.metrics.base import Floats, Ints
from bench.metrics.parts.split_bounds import (
    ALIGNED,
    LANES,
    NEVER,
    WIDTH,
    add_positive,
    bound_node,
    describe,
    mask,
    pack,
    sort_features,
)
from bench.metrics.parts.split_search import best_split

DEPTH = 3
NODES = 2**DEPTH - 1  # in heap order: the children of node n are 2 n + 1 and 2 n + 2
LEARNING_RATE = 0.1
NOWHERE = 255  # the node of no row
LEAST_IMPURITY = float(np.finfo(np.float64).eps)  # a node whose residuals differ by less is a leaf
REMEMBERED = 64  # fits: DCI's and the downstream task's with the most labels are the same


@dataclass(frozen=True)
class Boosted:
    """What is left of a fit.

    Attributes:
        train: (n,) labels of the training rows.
        test: (m,) labels of the test rows.
        importances: (D,) share of each feature in the squared error that all splits took away; 0 where none did.
        per_tree: (D,) the mean over trees of the same share within a tree, as in scikit-learn before 0.20.
    """

    train: Ints
    test: Ints
    importances: Floats
    per_tree: Floats


_fits: OrderedDict[str, Boosted] = OrderedDict()


def boost(x: Floats, y: Ints, test: Floats, *, num_rounds: int = 100) -> Boosted:
    """Fit trees to labels and predict those of test rows; the same arguments are fitted once.

    Args:
        x: (n, D), read as 32-bit floats, as by the study.
        y: (n,) labels.
        test: (m, D).
        num_rounds: of boosting.

    Example:
        >>> boost(np.array([[0.0], [1.0], [5.0], [6.0]]), np.array([3, 3, 7, 7]), np.array([[0.4], [5.5]])).test
        array([3, 7])
    """
    columns, test_columns = (np.ascontiguousarray(a.T, np.float32) for a in (x, test))
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) == 1:
        return Boosted(y, np.repeat(classes, len(test)), np.zeros(x.shape[1]), np.zeros(x.shape[1]))
    told = b"".join(a.tobytes() for a in (columns, test_columns, codes, classes)) + str((x.shape, num_rounds)).encode()
    key = hashlib.sha256(told).hexdigest()
    if key not in _fits:
        _fits[key] = _fit(columns, test_columns, codes, classes, num_rounds)
        if len(_fits) > REMEMBERED:
            _fits.popitem(last=False)
    return _fits[key]


def _fit(x: NDArray[np.float32], test: NDArray[np.float32], codes: Ints, classes: Ints, num_rounds: int) -> Boosted:
    """Boost trees on features (D, n); two classes share one tree a round, more have one each."""
    trees = len(classes) if len(classes) > 2 else 1
    scale = (trees - 1) / trees if trees > 1 else 1.0
    positive = (codes == np.arange(len(classes))[-trees:, None]).astype(np.float64)
    share = positive.mean(axis=1, keepdims=True)
    start = np.log(share if trees > 1 else share / (1 - share))
    raw, raw_test = (np.repeat(start, a.shape[1], axis=1) for a in (x, test))
    residuals, reductions, grown = np.empty_like(raw), np.zeros((trees, 2, len(x))), 0
    features = _different(x)
    columns, first = x[features], np.argsort(x[0], kind="stable")
    order, differs = sort_features(columns)
    groups = [slice(k, min(k + LANES, trees)) for k in range(0, trees, LANES)]
    lanes = [-(-(group.stop - group.start) // ALIGNED) * ALIGNED for group in groups]
    segments = order.shape[1] // WIDTH
    room = threading.local()

    def grow(which: int) -> int:
        group = groups[which]
        shape = len(features), segments, lanes[which]
        if not hasattr(room, "sums"):  # of the first group, which is as wide as any
            most = len(features) * segments * lanes[0]
            room.sums, room.rises = np.empty(NODES * most, np.int32), np.empty(most, np.float32)
        size = math.prod(shape)
        sums, rises = room.sums[: NODES * size].reshape(NODES, *shape), room.rises[:size].reshape(shape)
        arrays = residuals[group], positive[group], test, raw[group], raw_test[group], reductions[group]
        return int(_grow(columns, order, differs, first, rises, sums, *arrays, features, scale))

    with ThreadPoolExecutor(_threads()) as pool:
        for _ in range(num_rounds):
            _residuals(raw, positive, residuals)
            grown += sum(pool.map(grow, range(len(groups))))
    whole, by_tree = reductions.sum(axis=0)
    train, predicted = (classes[r.argmax(axis=0) if trees > 1 else (r[0] >= 0).astype(int)] for r in (raw, raw_test))
    return Boosted(train, predicted, whole / (whole.sum() or 1.0), by_tree / max(grown, 1))


def _different(x: NDArray[np.float32]) -> Ints:
    """Features (D, n) that can be split, each once, for of equal ones a split takes the first; the first of none."""
    seen = {row.tobytes(): f for f, row in reversed(list(enumerate(x))) if row.min() < row.max()}
    return np.array(sorted(seen.values()) or [0], np.int64)


def _threads() -> int:
    """As many as numerical libraries are allowed: workers of a pool are allowed one."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


@njit(nogil=True, cache=True)
def _residuals(raw, positive, residuals):  # type: ignore[no-untyped-def]
    """y - p of each class: softmax, or for one row of raw scores the logistic function."""
    trees, rows = raw.shape
    highest, total = np.zeros(rows), np.zeros(rows)
    if trees == 1:
        total += 1
    else:
        for k in range(trees):
            highest = np.maximum(highest, raw[k]) if k else raw[0].copy()
    for k in range(trees):
        for i in range(rows):
            residuals[k, i] = np.exp(raw[k, i] - highest[i])
            total[i] += residuals[k, i]
    for k in range(trees):
        for i in range(rows):
            residuals[k, i] = positive[k, i] - residuals[k, i] / total[i]


@njit(nogil=True, cache=True)
def _grow(x, order, differs, first, rises, sums, residual, positive, test, raw, raw_test, reductions, features, scale):  # type: ignore[no-untyped-def]
    """Fit up to LANES trees, add them to the raw scores of training and test rows; how many have a split."""
    trees, n = residual.shape
    node = np.zeros((trees, n + 1), np.uint8)
    node[:, n] = NOWHERE
    feature, threshold = np.zeros((trees, NODES), np.int64), np.full((trees, NODES), np.inf, np.float32)
    gain, lanes, none = np.zeros((trees, NODES)), sums.shape[3], sums[0, :0]
    packed, of_node = np.empty((n + 1, lanes), np.int32), np.empty((n + 1, lanes), np.int32)
    upper, lower = np.empty((len(x), 2, lanes), np.float32), np.empty(lanes, np.float32)
    scales = pack(residual, packed)
    add_positive(order, residual, positive, rises)
    for depth in range(DEPTH):
        start = 2**depth - 1
        known, means, splits = describe(residual, node, start, first, scales, lanes, LEAST_IMPURITY)
        for m in range(start, 2 * start + 1):
            right, q = m > 0 and m % 2 == 0, m - start
            if not right:
                mask(packed, node, m, of_node)
            left, parent = (sums[m - 1], sums[(m - 1) // 2]) if right else (none, none)
            lower[:] = NEVER
            bound_node(order, differs, rises, of_node, left, parent, sums[m], known[q], upper, lower)
            for k in range(trees):
                if splits[q, k]:
                    feature[k, m], threshold[k, m], gain[k, m] = best_split(
                        x, order, differs, rises, sums[m], residual[k], node[k], m, known[q], means[q, k],
                        upper, lower[k], k,
                    )  # fmt: skip
        for k in range(trees):
            for i in range(n):
                m = node[k, i]
                node[k, i] = 2 * m + 1 + (x[feature[k, m], i] > threshold[k, m])
    grown = 0
    for k in range(trees):
        total = gain[k].sum()
        grown += total > 0
        for m in range(NODES):
            f = features[feature[k, m]]
            reductions[k, 0, f] += gain[k, m]
            if total > 0:
                reductions[k, 1, f] += gain[k, m] / total
        leaf = node[k, :n] - NODES
        values = _leaves(residual[k], positive[k], leaf, scale)
        for i in range(n):
            raw[k, i] += values[leaf[i]]
        for i in range(test.shape[1]):
            m = 0
            for _ in range(DEPTH):
                m = 2 * m + 1 + (test[features[feature[k, m]], i] > threshold[k, m])
            raw_test[k, i] += values[m - NODES]
    return grown


@njit(nogil=True, cache=True)
def _leaves(residual, positive, node, scale):  # type: ignore[no-untyped-def]
    """The Newton step of each leaf, times the learning rate."""
    slope, curvature = np.zeros(NODES + 1), np.zeros(NODES + 1)
    for i in range(len(node)):
        p = positive[i] - residual[i]
        slope[node[i]] += residual[i]
        curvature[node[i]] += p * (1 - p)
    values = np.zeros(NODES + 1)
    for m in range(NODES + 1):
        if curvature[m] >= 1e-150:
            values[m] = LEARNING_RATE * scale * slope[m] / curvature[m]
    return values
