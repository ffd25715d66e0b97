"""Which features of wide codes may hold the best split of a node: most cannot, and only the others are looked at.

Cutting the first c of a node's m rows off, in the order of a feature, takes m / (c (m - c)) h^2 of squared error away;
h is their residuals' sum, each less the node's mean. The rows of each feature lie in bins, and from a bin's sum follows
what a cut in it takes away at most. Trees of one round share the bins: LANES of them are summed by one vector addition.

Residuals are rounded to whole multiples of a power of two and stand beside a one that counts the row, in 32 bits: sums
are exact, and those of the larger child are its parent's less the smaller one's.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir  # numba brings it
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from bench.metrics.base import Ints

LANES = 8
FEW = 16  # rows, which most features part alike
WIDEST = 60  # rows of a bin, at most
SHIFT = 25  # bits below the number of rows
HALF = 2 ** (SHIFT - 1)
LARGEST, LARGEST_SUM = HALF / (WIDEST + 1), 2.0**30  # of rounded residuals: one, and those of a tree
ABOVE, BELOW = np.float32(1 + 1e-4), np.float32(1 - 1e-4)  # rounding in single precision, and more
LEAST_IMPURITY = float(np.finfo(np.float64).eps)  # a node whose residuals differ by less is a leaf
LEAF, ALL, SOME = 0, 1, 2  # what is to be looked at of a node: nothing, all features, those whose bounds are high

_F, _I, _U = np.float32, np.int32, np.uint64  # compiled, unsigned indices need no check


class Binned(NamedTuple):
    """Rows by feature.

    Attributes:
        order: (D, n) rows in the order of each feature.
        edges: (bins + 1,) the first place of each bin in it, and n.
        bins: (D, n) the bin of each row.
        differs: (D, n) whether values differ behind each place.
        cuts: (D, bins) 1 if they do anywhere in the bin, 0 if it has no cut.
    """

    order: NDArray[np.uint32]
    edges: Ints
    bins: NDArray[np.unsignedinteger[Any]]
    differs: NDArray[np.bool_]
    cuts: NDArray[np.float32]


def is_wide(rows: int, dims: int, classes: int) -> bool:
    """Whether a fit is one that is faster, as measured, where bounds spare features: its result is the same."""
    return rows >= 1_000 and dims >= 48 and classes > 2


def sort_into_bins(x: NDArray[np.float32], order: NDArray[np.uint32]) -> Binned:
    """From either end bins widen with the root of the place, as sums do: a cut's bound is equally close everywhere.

    Args:
        x: (D, n).
        order: (D, n) rows in the order of each feature.
    """
    n = x.shape[1]
    ends = 25 * np.arange(78) ** 2 // 64  # as wide as 5/4 of the root, up to WIDEST
    ends = ends[ends <= n // 2]
    edges = np.unique(np.concatenate([ends, np.arange(ends[-1], n - ends[-1], WIDEST), n - ends]))
    of_place = np.repeat(np.arange(len(edges) - 1, dtype=np.min_scalar_type(len(edges) - 2)), np.diff(edges))
    bins, differs = np.empty(x.shape, of_place.dtype), np.zeros(x.shape, np.bool_)
    np.put_along_axis(bins, order, of_place[None], axis=1)
    differs[:, :-1] = np.diff(np.take_along_axis(x, order, axis=1), axis=1) > 0
    return Binned(order, edges, bins, differs, np.logical_or.reduceat(differs, edges[:-1], axis=1).astype(np.float32))


@intrinsic
def _add_lanes(typing, sums, row, values, which):  # type: ignore[no-untyped-def]
    """sums[row] += values[which], of (rows, LANES) integers each, by one vector addition."""

    def lower(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        lanes = ir.VectorType(ir.IntType(32), LANES).as_pointer()
        into, of = (
            builder.gep(builder.bitcast(context.make_array(kind)(context, builder, array).data, lanes), [place])
            for kind, array, place in zip(signature.args[::2], arguments[::2], arguments[1::2], strict=True)
        )
        builder.store(builder.add(builder.load(into, align=4), builder.load(of, align=4)), into, align=4)
        return context.get_dummy_value()

    return types.void(sums, row, values, which), lower


@njit(nogil=True, cache=True)
def sum_bins(bins, rows, values, sums):  # type: ignore[no-untyped-def]
    """Set sums (D, bins, LANES) to those of some rows' values (rows, LANES), from the bin of every row (D, n)."""
    for f in range(_U(len(bins))):
        of_row, into = bins[f], sums[f]
        into[:] = 0
        for q in range(_U(len(rows))):
            _add_lanes(into, _U(of_row[rows[q]]), values, q)


@njit(nogil=True, cache=True)
def pack(residual, positive, packed, rows, values):  # type: ignore[no-untyped-def]
    """Round residuals (trees, n); what they are multiplied by, and how many rows have a positive one.

    Args:
        residual: (trees, n).
        positive: (trees, n) 1 where it may be positive, in one tree of a row at most.
        packed: (n, LANES) set, beside the number of rows, 1.
        rows: (n,) the first are set to those with a positive residual.
        values: (n, LANES) the first are set to these.
    """
    largest, most, size = 1e-300, 1e-300, 0
    for k in range(len(residual)):
        total = 0.0
        for r in residual[k]:
            largest, total = max(largest, abs(r)), total + abs(r)
        most = max(most, total)
    scale = 2.0 ** np.floor(np.log2(min(LARGEST / largest, LARGEST_SUM / most)))
    for i in range(len(packed)):
        for k in range(len(residual)):
            packed[i, k] = 2**SHIFT + np.int64(np.rint(residual[k, i] * scale))
            if positive[k, i] > 0:
                rows[size], values[size, k] = i, np.ceil(residual[k, i] * scale)
                size += 1
    return scale, size


@njit(nogil=True, cache=True)
def is_leaf(total, squares, rows):  # type: ignore[no-untyped-def]
    return rows < 2 or squares / rows - (total / rows) ** 2 <= LEAST_IMPURITY


@njit(nogil=True, cache=True)
def describe(residual, node, nodes, scale, first):  # type: ignore[no-untyped-def]
    """Rows, mean, largest residual, rounding of sums (nodes, 4, LANES), and what is to be looked at (nodes, LANES).

    Args:
        residual: (trees, n).
        node: (trees, n) of each row.
        nodes: how many there are.
        scale: of rounded residuals, and of what is returned.
        first: (n,) rows in the order in which they are added up.
    """
    known, looks = np.zeros((nodes, 4, LANES), np.float32), np.zeros((nodes, LANES), np.uint8)
    sums = np.empty((nodes, 6))
    known[:, 0] = 2  # of no tree, and of a leaf: divided by
    for k in range(len(residual)):
        sums[:] = 0
        sums[:, 4], sums[:, 5] = -np.inf, np.inf
        for q in range(_U(len(first))):
            i = first[q]
            r, of_node = residual[k, i], sums[_U(node[k, i])]
            of_node[0] += 1
            of_node[1] += r
            of_node[2] += r * r
            of_node[3] += abs(r)
            of_node[4], of_node[5] = max(of_node[4], r), min(of_node[5], r)
        for m in range(nodes):
            rows, total, squares, sizes, largest, smallest = sums[m]
            known[m, 0, k] = max(rows, 2)
            if not is_leaf(total, squares, rows):
                known[m, 1, k], known[m, 2, k] = total / rows * scale, largest * scale
                known[m, 3, k] = 0.5 * rows + 1e-6 * sizes * scale + 0.5
                looks[m, k] = SOME if rows > FEW and (largest - smallest) * scale > 1 else ALL
    return known, looks


@njit(nogil=True, cache=True)
def take(packed, node, which, rows, values):  # type: ignore[no-untyped-def]
    """Set rows (n,) to those in one node of any tree, and values (n, LANES) to what is packed of them; their number.

    Args:
        packed: (n, LANES).
        node: (trees, n) of each row.
        which: (LANES,) the node of each tree; others have 0.
    """
    size = 0
    for i in range(len(packed)):
        some = False
        for k in range(len(node)):
            inside = node[k, i] == which[k]
            values[size, k] = packed[i, k] * inside
            some |= inside
        rows[size] = i
        size += some
    return size


@njit(nogil=True, cache=True, error_model="numpy", fastmath=True)
def _most(count, positive, before, behind, weight, mean, largest, slack):  # type: ignore[no-untyped-def]
    """What a cut in a bin takes away at most, from the sums before and behind it.

    They rise within it by no more than `rise` in all: so high above the one before, so low below the one behind.
    """
    rise = min(positive, count * largest) + count * max(-mean, _F(0))
    furthest = max(abs(before + rise), abs(behind - rise)) + slack
    return furthest * furthest * weight * ABOVE


@njit(nogil=True, cache=True)
def _least(height, slack, weight):  # type: ignore[no-untyped-def]
    return _F(max(abs(height) - slack, 0) ** 2 * weight) * BELOW


@njit(nogil=True, cache=True, error_model="numpy", fastmath=True)
def bound(binned, sums, rises, known, which, upper):  # type: ignore[no-untyped-def]
    """Set upper (LANES, D) to what a cut of each feature takes away at most, 0 where it has none.

    Args:
        binned: rows by feature.
        sums: (D, bins, LANES) of one node of each tree.
        rises: (D, bins, LANES) sums of positive residuals, of more rows than the node's perhaps.
        known: (nodes, 4, LANES) of `describe`.
        which: (LANES,) the nodes.
        upper: (LANES, D).
    """
    a, b, c = _U(LANES), _U(2 * LANES), _U(3 * LANES)
    of_node, total, state = np.empty(4 * LANES, np.float32), np.zeros(LANES, np.int32), np.empty(3 * LANES, np.float32)
    for k in range(LANES):
        for q in range(4):
            of_node[q * LANES + k] = known[which[k], q, k]
    for f in range(_U(len(sums))):
        state[:], total[:] = _F(0), _I(0)
        for j in range(_U(sums.shape[1])):
            packed, rise, cut = sums[f, j], rises[f, j], binned.cuts[f, j]
            for k in range(_U(packed.shape[0])):  # not LANES: such a loop would be unrolled and not become a vector
                rows = _I(_I(packed[k] + _I(HALF)) >> _I(SHIFT))
                total[k] = _I(total[k] + _I(packed[k] - _I(rows << _I(SHIFT))))
                count, size, mean = _F(rows), of_node[k], of_node[a + k]
                behind = state[k] + count
                height = _F(total[k]) - behind * mean
                product = min(state[k] * (size - state[k]), behind * (size - behind))
                weight = size / max(product, size - _F(1))  # the largest is at an end, or where one row is cut off
                most = _most(count, _F(rise[k]), state[a + k], height, weight, mean, of_node[b + k], of_node[c + k])
                state[b + k] += max(most * cut - state[b + k], _F(0))  # a maximum that is always stored
                state[k], state[a + k] = behind, height
        for k in range(_U(LANES)):
            upper[k, f] = state[b + k]


@njit(nogil=True, cache=True)
def candidates(binned, of_lane, residual, node, which, scale, upper):  # type: ignore[no-untyped-def]
    """Features that may hold the best split of a node of one tree, ascending, and always the first.

    Bins that may hold it are read row by row, features with the highest bounds first.

    Args:
        binned: rows by feature.
        of_lane: the tree's part of `sums`, `rises` (D, bins) and `known` (4,) of the node.
        residual: (n,).
        node: (n,) of each row.
        which: the node.
        scale: of rounded residuals.
        upper: (D,), overwritten.
    """
    sums, rises, (size, mean, largest, slack) = of_lane
    edges, differs = binned.edges, binned.differs
    count, height, most = np.zeros(len(edges)), np.zeros(len(edges)), np.empty(len(edges), np.float32)
    lower, highest = _F(0), np.full(len(upper), _F(-1))
    while True:
        f = np.argmax(upper)
        if upper[f] <= 0 or upper[f] < lower:
            break
        upper[f], total = 0, 0.0
        for j in range(len(edges) - 1):
            rows = (np.int64(sums[f, j]) + HALF) >> SHIFT
            total += np.int64(sums[f, j]) - (rows << SHIFT)
            before, behind = count[j], count[j] + rows
            count[j + 1], height[j + 1] = behind, total - behind * mean
            weight = size / max(min(before * (size - before), behind * (size - behind)), size - 1)
            most[j] = binned.cuts[f, j] * _most(
                _F(rows), _F(rises[f, j]), _F(height[j]), _F(height[j + 1]), _F(weight), mean, largest, slack
            )
            if differs[f, edges[j + 1] - 1] and 0 < behind < size:
                lower = max(lower, _least(height[j + 1], slack, size / (behind * (size - behind))))
        for j in range(len(edges) - 1):
            if most[j] < lower or most[j] == 0:
                continue
            behind, cumulative = count[j], height[j]
            for p in range(edges[j], edges[j + 1]):
                i = binned.order[f, p]
                if node[i] == which:
                    cumulative += residual[i] * scale - mean
                    behind += 1
                if differs[f, p] and 0 < behind < size:
                    weight = size / (behind * (size - behind))
                    highest[f] = max(highest[f], _F((abs(cumulative) + slack) ** 2 * weight) * ABOVE)
                    lower = max(lower, _least(cumulative, slack, weight))
    highest[0] = max(highest[0], lower)
    return np.flatnonzero(highest >= lower)


@njit(nogil=True, cache=True)
def send(x, node, feature, threshold):  # type: ignore[no-untyped-def]
    """Send each row to its child, in every tree."""
    for k in range(len(node)):
        for i in range(node.shape[1]):
            m = node[k, i]
            node[k, i] = 2 * m + (x[feature[k, m], i] > threshold[k, m])


@njit(nogil=True, cache=True)
def rows_of(x, order, features, node, which):  # type: ignore[no-untyped-def]
    """The rows of a node in the order of some features, (features, rows)."""
    members, inside = np.flatnonzero(node == which), node == which
    rows = np.empty((len(features), len(members) + 1), np.uint32)
    for c in range(len(features)):
        f, q = features[c], _U(0)
        if len(members) <= FEW:
            for i in members:
                p = q
                while p > 0 and x[f, rows[c, p - _U(1)]] > x[f, i]:
                    rows[c, p] = rows[c, p - _U(1)]
                    p -= _U(1)
                rows[c, p] = i
                q += _U(1)
            continue
        own, out = order[f], rows[c]
        for p in range(_U(len(own))):
            out[q] = own[p]
            q += _U(inside[own[p]])
    return rows[:, : len(members)]
