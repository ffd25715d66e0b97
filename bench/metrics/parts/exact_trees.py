"""Gradient boosted trees exactly as the study's: scikit-learn's `GradientBoostingClassifier`, compiled.

No other library gives its importances, for they are sums of the squared-error reductions of exact splits. Per round and
class a tree of depth 3 is fitted to the residuals; every feature is sorted once, and a node's rows stay sorted as nodes
are split. Of splits that are equally good the one in the first feature is made, where scikit-learn takes one at random:
features that are copies of each other share their importance, as its mean over random numbers has it. Features whose
whole range is below scikit-learn's FEATURE_THRESHOLD, 1e-7, are split here. Trees of one round are independent of each
other and grow on as many threads as OMP_NUM_THREADS allows.
"""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bench.metrics.base import Floats, Ints
from bench.metrics.parts.copies import copies
from bench.metrics.parts.split_bounds import (
    LANES,
    LEAF,
    SOME,
    bound,
    candidates,
    describe,
    is_leaf,
    is_wide,
    pack,
    rows_of,
    send,
    sort_into_bins,
    sum_bins,
    take,
)

Singles = NDArray[np.float32]
DEPTH = 3
LEAVES, NODES = 2**DEPTH, 2**DEPTH - 1  # in heap order: the children of node n are 2 n + 1 and 2 n + 2
LEARNING_RATE = 0.1
REMEMBERED = 64  # fits: DCI's and the downstream task's with the most labels are the same
_fits: "dict[str, Boosted]" = {}  # by a hash of what was fitted, the oldest first


@dataclass(frozen=True)
class Boosted:
    """What is left of a fit.

    Attributes:
        train: (n,) labels of the training rows.
        test: (m,) labels of the test rows.
        importances: (D,) share of each feature in the squared error that all splits took away; 0 where none did.
            Features that order the training rows alike, or in reverse, have equal shares.
        per_tree: (D,) the mean over trees of the same share within a tree, as in scikit-learn before 0.20.
    """

    train: Ints
    test: Ints
    importances: Floats
    per_tree: Floats


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
    arrays = columns, test_columns, codes, classes
    content = b"".join(a.tobytes() for a in arrays) + str((x.shape, num_rounds)).encode()
    key = hashlib.sha256(content).hexdigest()
    if key not in _fits:
        _fits[key] = _fit(*arrays, num_rounds, is_wide(len(x), len(columns), len(classes)))
        if len(_fits) > REMEMBERED:
            del _fits[next(iter(_fits))]
    return _fits[key]


def _fit(x: Singles, test: Singles, codes: Ints, classes: Ints, num_rounds: int, wide: bool) -> Boosted:
    """Boost trees on features (D, n); two classes share one tree a round, more have one each."""
    trees = len(classes) if len(classes) > 2 else 1
    scale = (trees - 1) / trees or 1.0
    features, importances = np.arange(len(x)), np.zeros((2, len(x)))
    order = np.argsort(x, axis=1, kind="stable").astype(np.uint32)  # unsigned: compiled, such indices need no check
    groups = copies(x, order)
    if wide:  # of equal features a split takes the first
        features = np.array(sorted({column.tobytes(): f for f, column in reversed(list(enumerate(x)))}.values()))
        x, test, order = x[features], test[features], order[features]
    binned, room = sort_into_bins(x, order) if wide else None, threading.local()
    positive = (codes == np.arange(len(classes))[-trees:, None]).astype(np.float64)
    share = positive.mean(axis=1, keepdims=True)
    start = np.log(share if trees > 1 else share / (1 - share))
    raw, raw_test = (np.repeat(start, a.shape[1], axis=1) for a in (x, test))
    residuals, reductions, grown = np.empty_like(raw), np.zeros((trees, 2, len(x))), 0

    def grow(k: int) -> int:
        if binned is None:
            return int(_grow(x, order, residuals[k], positive[k], test, raw[k], raw_test[k], reductions[k], scale))
        if not hasattr(room, "sums"):
            room.sums = np.empty((LEAVES // 2 + 1, *binned.cuts.shape, LANES), np.int32)
        group = slice(k, k + LANES)
        of_trees = residuals[group], positive[group], raw[group], raw_test[group], reductions[group]
        return int(_grow_together(x, binned, test, room.sums, of_trees, scale))

    # as many threads as numerical libraries are allowed: workers of a pool are allowed one
    with ThreadPoolExecutor(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)) as pool:
        for _ in range(num_rounds):
            _residuals(raw, positive, residuals)
            grown += sum(pool.map(grow, range(0, trees, 1 if binned is None else LANES)))
    importances[:, features] = reductions.sum(axis=0)
    for same in groups:
        importances[:, same] = importances[:, same].mean(axis=1, keepdims=True)
    whole, by_tree = importances
    train, predicted = (classes[r.argmax(axis=0) if trees > 1 else (r[0] >= 0).astype(int)] for r in (raw, raw_test))
    return Boosted(train, predicted, whole / (whole.sum() or 1.0), by_tree / max(grown, 1))


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
def _grow(x, order, residual, positive, test, raw, raw_test, reductions, scale):  # type: ignore[no-untyped-def]
    """Fit one tree, add it to the raw scores of training and test rows; 1, or 0 where the root is a leaf."""
    n = x.shape[1]
    feature, threshold, gain = np.zeros(NODES, np.int64), np.full(NODES, np.inf, np.float32), np.zeros(NODES)
    node, bounds, rows = np.zeros(n, np.uint8), np.array([0, n]), order
    prefix, weights, features = np.empty((2, n)), np.empty(n), np.arange(len(x))
    for depth in range(DEPTH):
        first = 2**depth - 1
        for m in range(2**depth):
            best = _split(x, features, rows, residual, bounds[m], bounds[m + 1], prefix, weights)
            feature[first + m], threshold[first + m], gain[first + m] = best
        bounds = _descend(x, rows[0], node, bounds, feature[first:], threshold[first:])
        if depth + 1 < DEPTH:
            rows = _partition(rows, node, bounds)
    return _add_tree(feature, threshold, gain, residual, positive, node, test, raw, raw_test, reductions, scale)


@njit(nogil=True, cache=True)
def _grow_together(x, binned, test, sums, of_trees, scale):  # type: ignore[no-untyped-def]
    """`_grow` for up to LANES trees, of many features, whose bounds spare most; how many of the trees have a split."""
    residual, positive, raw, raw_test, reductions = of_trees
    trees, n = residual.shape
    feature, gain = np.zeros((trees, NODES), np.int64), np.zeros((trees, NODES))
    threshold, node = np.full((trees, NODES), np.inf, np.float32), np.zeros((trees, n), np.uint8)
    packed, values, rows = np.zeros((n, LANES), np.int32), np.zeros((n, LANES), np.int32), np.empty(n, np.uint32)
    upper, prefix, weights = np.empty((LANES, len(x)), np.float32), np.empty((2, n)), np.empty(n)
    unit, size = pack(residual, positive, packed, rows, values)
    rises, which = sums[-1], np.zeros((LEAVES // 2, LANES), np.int64)
    sum_bins(binned.bins, rows[:size], values, rises)
    for depth in range(DEPTH):
        first, half = 2**depth - 1, 2**depth // 2
        known, looks = describe(residual, node, 2**depth, unit, binned.order[0])
        for place in range(half, 2**depth):  # the smaller child; the larger takes its parent's place, `half` before
            for k in range(LANES * (depth > 0)):
                left = 2 * which[place - half, k]
                right = known[left, 0, k] > known[left + 1, 0, k]  # is the smaller one
                which[place - half, k], which[place, k] = left + 1 - right, left + right
            size = take(packed, node, which[place], rows, values)
            sum_bins(binned.bins, rows[:size], values, sums[place])
            if depth:
                larger, smaller = sums[place - half].ravel(), sums[place].ravel()
                for j in range(len(larger)):
                    larger[j] -= smaller[j]
        for place in range(2**depth):
            bound(binned, sums[place], rises, known, which[place], upper)
            for k in range(trees):
                m = which[place, k]
                if looks[m, k] == LEAF:
                    continue
                features = np.arange(len(x))
                if looks[m, k] == SOME:
                    of_lane = sums[place, :, :, k], rises[:, :, k], known[m, :, k]
                    features = candidates(binned, of_lane, residual[k], node[k], m, unit, upper[k])
                within = rows_of(x, binned.order, features, node[k], m)
                split = _split(x, features, within, residual[k], 0, within.shape[1], prefix, weights)
                feature[k, first + m], threshold[k, first + m], gain[k, first + m] = split
        send(x, node, feature[:, first:], threshold[:, first:])
    grown = 0
    for k in range(trees):
        grown += _add_tree(
            feature[k], threshold[k], gain[k], residual[k], positive[k], node[k], test, raw[k], raw_test[k],
            reductions[k], scale,
        )  # fmt: skip
    return grown


@njit(nogil=True, cache=True)
def _add_tree(feature, threshold, gain, residual, positive, node, test, raw, raw_test, reductions, scale):  # type: ignore[no-untyped-def]
    """Add a tree to the raw scores of training and test rows; 1, or 0 where its root is a leaf."""
    total = gain.sum()
    for m in range(NODES):
        reductions[0, feature[m]] += gain[m]
        if total > 0:
            reductions[1, feature[m]] += gain[m] / total
    values = _leaves(residual, positive, node, scale)
    for i in range(len(raw)):
        raw[i] += values[node[i]]
    for i in range(test.shape[1]):
        m = 0
        for _ in range(DEPTH):
            m = 2 * m + 1 + (test[feature[m], i] > threshold[m])
        raw_test[i] += values[m - NODES]
    return 1 if total > 0 else 0


@njit(nogil=True, cache=True)
def _split(x, features, rows, residual, low, high, prefix, weights):  # type: ignore[no-untyped-def]
    """The split of a node that takes most squared error away: feature, threshold (inf: none) and how much.

    `rows`, (features, rows), has them in the order of each of `features`, ascending, of which the first is feature 0.
    With residuals r_i - mean, cutting the first c of m rows off takes m / (c (m - c)) (sum_c r)^2 away.
    """
    size = high - low
    total, squares = 0.0, 0.0
    for p in range(low, high):
        r = residual[rows[0, p]]
        total += r
        squares += r * r
    if is_leaf(total, squares, size):
        return 0, np.float32(np.inf), 0.0
    for c in range(1, size):
        weights[c - 1] = size / (float(c) * float(size - c))
    best, feature, place = -1.0, 0, -1
    for f in range(len(rows)):
        if f % 2 == 0:
            other = min(f + 1, len(rows) - 1)
            highest = _cut_two(residual, total / size, rows[f, low:high], rows[other, low:high], prefix, weights)
        if highest[f % 2] > best:
            gain, at = _first_best(x[features[f]], rows[f, low:high], prefix[f % 2], weights, highest[f % 2])
            if gain > best:
                best, feature, place = gain, f, at
    if place < 0:
        return 0, np.float32(np.inf), 0.0
    at, feature = feature, features[feature]
    below, above = x[feature, rows[at, low + place]], x[feature, rows[at, low + place + 1]]
    middle = below / np.float32(2) + above / np.float32(2)
    return feature, middle if middle < above else below, best


@njit(nogil=True, cache=True)
def _cut_two(residual, mean, first, second, prefix, weights):  # type: ignore[no-untyped-def]
    """Cumulative residuals along the sorted rows of two features, for one sum waits for its last addition.

    Returns the most that a cut of each takes away, equal values of the feature or not.
    """
    a = b = 0.0
    highest_a = highest_b = -1.0
    for p in range(np.uint64(len(first) - 1)):
        a += residual[first[p]] - mean
        b += residual[second[p]] - mean
        prefix[0, p], prefix[1, p] = a, b
        highest_a, highest_b = max(highest_a, a * a * weights[p]), max(highest_b, b * b * weights[p])
    return highest_a, highest_b


@njit(nogil=True, cache=True)
def _first_best(column, rows, prefix, weights, highest):  # type: ignore[no-untyped-def]
    """The best cut between different values and the place before it (-1: none); `highest` if values allow it."""
    last = np.uint64(len(rows) - 1)
    for p in range(last):
        if prefix[p] * prefix[p] * weights[p] >= highest:
            if column[rows[p + 1]] > column[rows[p]]:
                return highest, np.int64(p)
            break
    best, place = -1.0, -1
    for p in range(last):
        gain = prefix[p] * prefix[p] * weights[p]
        if gain > best and column[rows[p + 1]] > column[rows[p]]:
            best, place = gain, np.int64(p)
    return best, place


@njit(nogil=True, cache=True)
def _descend(x, rows, node, bounds, feature, threshold):  # type: ignore[no-untyped-def]
    """Send each row to its child; the children's bounds among the sorted rows."""
    children = np.zeros(2 * len(bounds) - 1, np.int64)
    for m in range(len(bounds) - 1):
        right, column = 0, x[feature[m]]
        for p in range(bounds[m], bounds[m + 1]):
            goes = column[rows[p]] > threshold[m]
            node[rows[p]] = 2 * m + goes
            right += goes
        children[2 * m + 1] = bounds[m + 1] - right
        children[2 * m + 2] = bounds[m + 1]
    return children


@njit(nogil=True, cache=True)
def _partition(rows, node, bounds):  # type: ignore[no-untyped-def]
    """The rows of every feature by child, still sorted within each; without branches, which would be guesses."""
    dims, n = rows.shape
    parted, rights = np.empty((dims, n + 1), np.uint32), np.empty(n + 1, np.uint32)
    for f in range(dims):
        own, out = rows[f], parted[f]
        for m in range(0, len(bounds) - 1, 2):
            a, b = np.uint64(bounds[m]), np.uint64(0)
            for p in range(a, np.uint64(bounds[m + 2])):
                i = own[p]
                right = np.uint64(node[i] & 1)
                out[a], rights[b] = i, i
                a += np.uint64(1) - right
                b += right
            out[a : a + b] = rights[:b]
    return parted[:, :n]


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
