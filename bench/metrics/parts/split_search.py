"""The split of a node that takes most squared error away, most rows left unread.

Segments that may hold the best cut, by `split_bounds`, are read row by row, and features that may hold it are summed
again in double precision, row after row: what is chosen is what a look at every cut chooses, to the last bit.

What is compiled is kept by file: delete `__pycache__/*.nb*` here when a function that another file calls is changed.
"""

import numpy as np
from numba import njit

from bench.metrics.parts.split_bounds import ABOVE, BELOW, COUNTS, HALF, SHIFT, WIDTH, inner_bound

_F, _I = np.float32, np.int32


@njit(nogil=True, cache=True)
def best_split(x, order, differs, rises, sums, residual, node, which, known, mean, upper, lower, lane):  # type: ignore[no-untyped-def]
    """The split of a node of one tree: feature, threshold (inf: none) and how much it takes away.

    Args:
        x: (D, n).
        order: (D, segments * WIDTH).
        differs: (D, segments * WIDTH).
        rises: (D, segments, lanes).
        sums: (D, segments, lanes) of the node.
        residual: (n,) of the tree.
        node: (n + 1,) of each row in the tree.
        which: the node.
        known: (6, lanes) of `describe`.
        mean: of the residuals in the node.
        upper: (D, 2, lanes) of `bound_node`.
        lower: what the best split takes away at least.
        lane: the tree's place.
    """
    of_node = known[:, lane]
    bounds = upper[:, :, lane].copy()
    for f in np.argsort(-np.maximum(bounds[:, 0], bounds[:, 1])):
        if max(bounds[f, 0], bounds[f, 1]) < lower:
            break
        of_rows = order[f], differs[f], residual, node, which, mean, float(of_node[2]), float(of_node[5])
        column = sums[f, :, lane]
        if bounds[f, 1] >= lower:
            bounds[f, 1], lower = _read_ends(column, of_node, of_rows, lower)
        if bounds[f, 0] >= lower:
            bounds[f, 0], lower = _read_inner(column, rises[f, :, lane], of_node, of_rows, lower)
    size = int(of_node[2])
    best, feature, below, above = -1.0, 0, np.float32(0), np.float32(0)
    rows = np.empty(size + 1, np.uint32)
    for f in range(len(x)):
        if max(bounds[f, 0], bounds[f, 1]) >= lower:
            gain, place = _cut(x[f], order[f], residual, node, which, mean, size, rows)
            if gain > best:
                best, feature, below, above = gain, f, x[f, rows[place]], x[f, rows[place + 1]]
    if best < 0:
        return 0, np.float32(np.inf), 0.0
    middle = below / np.float32(2) + above / np.float32(2)
    return feature, middle if middle < above else below, best


@njit(nogil=True, cache=True)
def _unpacked(packed):  # type: ignore[no-untyped-def]
    """Rows and rounded residuals of a segment."""
    rows = ((np.int64(packed) + HALF) >> SHIFT) & COUNTS
    return rows, _I(np.int64(packed) - (rows << SHIFT))


@njit(nogil=True, cache=True)
def _read_ends(sums, known, of_rows, lower):  # type: ignore[no-untyped-def]
    """What cuts in the first and the last segment with rows of a node take away at most, and the lower bound."""
    first, last = 0, len(sums) - 1
    while _unpacked(sums[first])[0] == 0:
        first += 1
    while _unpacked(sums[last])[0] == 0:
        last -= 1
    upper, lower = _read(first, 0.0, 0.0, of_rows, lower)
    rows, whole = _unpacked(sums[last])
    mean, size = of_rows[5], of_rows[6]
    at_end, lower = _read(last, size - rows, rows * mean - float(whole) * float(known[0]), of_rows, lower)
    return max(upper, at_end), lower


@njit(nogil=True, cache=True, error_model="numpy")
def _read_inner(sums, rises, known, of_rows, lower):  # type: ignore[no-untyped-def]
    """The same of those segments between them that may hold the best cut."""
    mean, size, slack = known[1], known[2], known[5]
    before = height = weight = _F(0)
    total, upper = _I(0), -1.0
    for j in range(len(sums)):
        rows, whole = _unpacked(sums[j])
        count, total = _F(rows), _I(total + whole)
        behind = before + count
        height_behind = _F(total) * known[0] - behind * mean
        weight_behind = size / max(behind * (size - behind), _F(1))
        if before > 0 and behind < size:
            rise = min(_F(rises[j]), count * known[3])
            if inner_bound(count, rise, height, height_behind, weight, weight_behind, mean, slack) >= lower:
                most, lower = _read(j, float(before), float(height), of_rows, lower)
                upper = max(upper, most)
        before, height, weight = behind, height_behind, weight_behind
    return upper, lower


@njit(nogil=True, cache=True, error_model="numpy")
def _read(segment, count, cumulative, of_rows, lower):  # type: ignore[no-untyped-def]
    """The same of one segment, row by row, from the rows and the cumulative residuals before it."""
    order, differs, residual, node, which, mean, size, slack = of_rows
    upper = -1.0
    for p in range(segment * WIDTH, (segment + 1) * WIDTH):
        i = order[p]
        if node[i] == which:
            cumulative += residual[i] - mean
            count += 1
        if differs[p] and 0 < count < size:
            weight = size / (count * (size - count))
            upper = max(upper, (abs(cumulative) + slack) ** 2 * weight * ABOVE)
            lower = max(lower, max(abs(cumulative) - slack, 0.0) ** 2 * weight * BELOW)
    return upper, lower


@njit(nogil=True, cache=True)
def _cut(column, order, residual, node, which, mean, size, rows):  # type: ignore[no-untyped-def]
    """The most that a cut between different values of a feature takes away, and the place before it (-1: none).

    `rows`, (size + 1,), is set to those of the node in the order of the feature.
    """
    count = 0
    for i in order:
        rows[count] = i
        count += node[i] == which
    cumulative, best, place = 0.0, -1.0, -1
    for c in range(1, size):
        cumulative += residual[rows[c - 1]] - mean
        gain = cumulative * cumulative * (size / (float(c) * float(size - c)))
        if gain > best and column[rows[c]] > column[rows[c - 1]]:
            best, place = gain, c - 1
    return best, place
