"""What cuts of a feature take away at least and at most, of a node of several trees at once.

With residuals r_i - mean, cutting the first c of a node's m rows off, in the order of a feature, takes
m / (c (m - c)) (sum_c r)^2 away. The sums are had of segments of the sorted rows first: trees of one round share the
order, so that one pass of a feature serves all. From a segment's sum follows what a cut within it takes away at most,
and most segments cannot hold the best cut: `split_search` reads the others.

Residuals are rounded to whole multiples of a power of two and stand beside a one that counts the row, in 32 bits: sums
are exact, and those of the right child are its parent's less the left one's.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

LANES = 16  # most trees at once; their number is rounded up to a multiple of 8, what a vector unit adds
ALIGNED = 8
WIDTH = 64
SHIFT = 25  # bits below the count of rows
HALF = 2 ** (SHIFT - 1)
COUNTS = 2 ** (32 - SHIFT) - 1
LARGEST = 2.0**17
LARGEST_SUM = 2.0**30
NEVER = np.float32(-1)  # what no cut takes away
ABOVE, BELOW = np.float32(1 + 1e-4), np.float32(1 - 1e-4)  # rounding in single precision, and more

_F, _I, _U = np.float32, np.int32, np.uint64  # compiled, unsigned indices need no check


def sort_features(x: NDArray[np.float32]) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Rows in the order of each feature, and whether a cut behind each is between different values.

    Args:
        x: (D, n).

    Returns:
        (D, segments * WIDTH) rows, n where there is none, and as many flags.
    """
    dims, n = x.shape
    padded = -(-n // WIDTH) * WIDTH
    order, differs = np.full((dims, padded), n, np.uint32), np.zeros((dims, padded), np.bool_)
    order[:, :n] = np.argsort(x, axis=1, kind="stable")
    differs[:, : n - 1] = np.diff(np.take_along_axis(x, order[:, :n], axis=1), axis=1) > 0
    return order, differs


@njit(nogil=True, cache=True, error_model="numpy")
def add_positive(order, residual, positive, rises):  # type: ignore[no-untyped-def]
    """Add the positive residuals of each segment up: those of the rows of a tree's class, and no others.

    Args:
        order: (D, segments * WIDTH).
        residual: (trees, n).
        positive: (trees, n), 1 or 0; a row is positive for one tree at most.
        rises: (D, segments, lanes) set.
    """
    trees, n = residual.shape
    lane, height = np.zeros(n + 1, np.uint8), np.zeros(n + 1, np.float32)
    for k in range(trees):
        for i in range(n):
            if positive[k, i] > 0:
                lane[i], height[i] = k, residual[k, i]
    for f in range(_U(len(order))):
        rows = order[f]
        for j in range(_U(rises.shape[1])):
            out = rises[f, j]
            out[:] = 0
            for p in range(j * _U(WIDTH), j * _U(WIDTH) + _U(WIDTH)):
                i = rows[p]
                out[lane[i]] += height[i]


@njit(nogil=True, cache=True)
def pack(residual, packed):  # type: ignore[no-untyped-def]
    """Round residuals (trees, n) into (n + 1, lanes); what each was multiplied by, (trees,)."""
    scales = np.ones(len(residual))
    packed[:] = 0
    for k in range(len(residual)):
        most = total = 0.0
        for r in residual[k]:
            most, total = max(most, abs(r)), total + abs(r)
        if most > 0:
            scales[k] = 2.0 ** np.floor(np.log2(min(LARGEST / most, LARGEST_SUM / total)))
        for i in range(residual.shape[1]):
            packed[i, k] = 2**SHIFT + np.int64(np.rint(residual[k, i] * scales[k]))
    return scales


@njit(nogil=True, cache=True)
def mask(packed, node, which, into):  # type: ignore[no-untyped-def]
    """Keep what is in one node: node (trees, n + 1), into (n + 1, lanes)."""
    into[:] = 0
    for k in range(len(node)):
        for i in range(node.shape[1]):
            into[i, k] = packed[i, k] if node[k, i] == which else 0


@njit(nogil=True, cache=True, error_model="numpy")
def _add_up(order, packed, sums):  # type: ignore[no-untyped-def]
    """Sums of each segment, (segments, lanes), of four rows at a time: a sum waits for its last addition."""
    lanes = packed.shape[1]
    for j in range(_U(len(sums))):
        out = sums[j]
        for k in range(lanes):
            out[k] = 0
        for q in range(_U(WIDTH // 4)):
            p = j * _U(WIDTH) + q * _U(4)
            a, b = packed[order[p]], packed[order[p + _U(1)]]
            c, d = packed[order[p + _U(2)]], packed[order[p + _U(3)]]
            for k in range(lanes):
                out[k] += a[k] + b[k] + c[k] + d[k]


@njit(nogil=True, cache=True)
def _subtract(parent, left, sums):  # type: ignore[no-untyped-def]
    for j in range(_U(len(sums))):
        for k in range(sums.shape[1]):
            sums[j, k] = parent[j, k] - left[j, k]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=True)
def inner_bound(count, rise, before, behind, weight, weight_behind, mean, slack):  # type: ignore[no-untyped-def]
    """What a cut in a segment, with rows of the node on either side, takes away at most.

    Cumulative residuals rise within it by no more than its positive ones, from what they are before it, and fall to
    what they are behind it from no further above. The factor m / (c (m - c)) is largest at an end.
    """
    drift = rise + count * max(_F(0), -mean)
    furthest = max(abs(before + drift), abs(behind - drift)) + slack
    return furthest * furthest * max(weight, weight_behind) * ABOVE


@njit(nogil=True, cache=True, error_model="numpy", fastmath=True)
def _outer(count, rise, whole, others, size, mean, most, slack):  # type: ignore[no-untyped-def]
    """The same of the first segment of a node or the last, by Cauchy's inequality: (sum_c r)^2 <= c sum_c r^2."""
    away = abs(mean)
    squares = (_F(2) * rise - whole + slack) * (most + _F(2) * away) + count * away * away
    return squares * size / max(others, _F(1e-3)) * ABOVE


@njit(nogil=True, cache=True, error_model="numpy", fastmath=True)
def _bounds(sums, rises, cuts, known, state, totals, upper, lower):  # type: ignore[no-untyped-def]
    """Raise each tree's lower bound and set its upper ones to what some cut of a feature takes away at least, at most.

    Args:
        sums: (segments, lanes) of a node.
        rises: (segments, lanes) sums of positive residuals, of more rows than the node's perhaps.
        cuts: (segments,) whether there can be a cut behind each.
        lanes: (6, lanes) of `describe`.
        state: (3, lanes) room.
        totals: (lanes,) room.
        upper: (2, lanes) set: of cuts in inner segments, and in the first and the last.
        lower: (lanes,) raised.
    """
    lanes = sums.shape[1]
    for k in range(lanes):
        state[0, k] = state[1, k] = state[2, k] = _F(0)
        totals[k] = 0
        upper[0, k] = upper[1, k] = NEVER
    for j in range(len(sums)):
        cut = _F(1) if cuts[j] else _F(0)
        for k in range(lanes):
            packed, before = sums[j, k], state[0, k]
            unit, mean, size, slack = known[0, k], known[1, k], known[2, k], known[5, k]
            rows = ((packed + _I(HALF)) >> _I(SHIFT)) & _I(COUNTS)
            whole = _I(packed - (rows << _I(SHIFT)))
            count, total = _F(rows), _I(totals[k] + whole)
            behind = before + count
            rest = size - behind
            height = _F(total) * unit - behind * mean
            weight = size / max(behind * rest, _F(1))
            rise = min(_F(rises[j, k]), count * known[3, k])
            inner = inner_bound(count, rise, state[1, k], height, state[2, k], weight, mean, slack)
            outer = _outer(count, rise, _F(whole) * unit, max(before, rest), size, mean, known[4, k], slack)
            between = min(before, rest)
            upper[0, k] = max(upper[0, k], inner if between > _F(0) else NEVER)
            upper[1, k] = max(upper[1, k], NEVER if between > _F(0) else outer)
            near = max(abs(height) - slack, _F(0))
            least = near * near * weight * BELOW if min(behind, rest) > _F(0) else NEVER
            lower[k] = max(lower[k], least if cut > _F(0) else NEVER)
            state[0, k], state[1, k], state[2, k] = behind, height, weight
            totals[k] = total


@njit(nogil=True, cache=True)
def describe(residual, node, nodes, first, scales, lanes, least_impurity):  # type: ignore[no-untyped-def]
    """What is known of the nodes of one depth, in each tree.

    Args:
        residual: (trees, n).
        node: (trees, n + 1) of each row.
        nodes: the first of them, of which there are as many and one.
        first: (n,) rows in the order in which they are added up.
        scales: (trees,) of the rounded residuals.
        lanes: how many there are, no fewer than trees.
        least_impurity: variance up to which a node is a leaf.

    Returns:
        (nodes, 6, lanes) 1 / scale, mean, rows, largest residual, largest in size, and how far sums are rounded; the
        means (nodes, trees) in double precision, and whether a node can be split.
    """
    width, trees = nodes + 1, len(residual)
    known, means = np.zeros((width, 6, lanes), np.float32), np.zeros((width, trees))
    known[:, 0], known[:, 2] = 1, 1
    splits, sums = np.zeros((width, trees), np.bool_), np.zeros((width, 6))
    for k in range(trees):
        sums[:] = 0
        for i in first:
            r, of_node = residual[k, i], sums[node[k, i] - nodes]
            of_node[0] += r
            of_node[1] += r * r
            of_node[2] += abs(r)
            of_node[3] = max(of_node[3], r)
            of_node[4] = max(of_node[4], abs(r))
            of_node[5] += 1
        for m in range(width):
            total, squares, sizes, highest, most, count = sums[m]
            if count < 2 or squares / count - (total / count) ** 2 <= least_impurity:
                continue
            splits[m, k], means[m, k] = True, total / count
            known[m, 0, k], known[m, 1, k], known[m, 2, k] = 1 / scales[k], means[m, k], count
            known[m, 3, k], known[m, 4, k] = highest, most
            known[m, 5, k] = 0.5 * count / scales[k] + 1e-6 * sizes
    return known, means, splits


@njit(nogil=True, cache=True)
def bound_node(order, differs, rises, packed, left, parent, sums, known, upper, lower):  # type: ignore[no-untyped-def]
    """Sum the residuals of a node up in segments and bound what cuts of each feature take away.

    Args:
        order: (D, segments * WIDTH) rows in the order of each feature.
        differs: (D, segments * WIDTH) whether values differ behind each.
        rises: (D, segments, lanes) of `add_positive`.
        packed: (n + 1, lanes) residuals of the node; not read of a right child.
        left: (D, segments, lanes) sums of its left sibling.
        parent: (D, segments, lanes) and of their parent; both empty of a root and a left child.
        sums: (D, segments, lanes) set.
        known: (6, lanes) of `describe`.
        upper: (D, 2, lanes) set.
        lower: (lanes,) raised.
    """
    lanes = len(lower)
    state, totals = np.zeros((3, lanes), np.float32), np.zeros(lanes, np.int32)
    for f in range(len(order)):
        if len(left):
            _subtract(parent[f], left[f], sums[f])
        else:
            _add_up(order[f], packed, sums[f])
        _bounds(sums[f], rises[f], differs[f, WIDTH - 1 :: WIDTH], known, state, totals, upper[f], lower)
