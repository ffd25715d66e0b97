"""Random forests of growing depth: scikit-learn's `RandomForestClassifier`, compiled.

Each tree is grown on rows drawn with replacement; a node is split where the Gini impurity of its parts is least among
dimensions drawn anew, the square root of how many there are; rows are predicted by the mean of the trees' class shares.
Every dimension is sorted once a forest: a node's rows are marked at their places in that order and read off. Rows and
dimensions are drawn as scikit-learn draws them, so that a seed gives the forest that it gives there, but for splits
that tie, codes that differ by less than 1e-7, which it does not split, and what it loses by rounding codes to float32.

How a node is split depends on nothing below it, so a tree that is cut is a tree grown to the cut. Forests up to depth 8
are grown each by itself, for few nodes decide over them; beyond, one is grown and read at every depth.

Compiled code has loops where numpy has operations on whole arrays: they are compiled in half the time.
"""

import numpy as np
from numba import njit

from bench.metrics.base import Floats, Ints

ALONE = 8  # depth up to which each forest is grown by itself
FEW = 16  # rows that are sorted by insertion
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)  # its 64 runs of six bits differ: they tell which bit of a word is the lowest
BIT = np.argsort([(int(DE_BRUIJN) << bit) % 2**64 >> 58 for bit in range(64)])  # run of six bits -> lowest bit
LARGEST = np.iinfo(np.int32).max  # that scikit-learn draws as a seed


def accuracies(x: Floats, y: Ints, test: Floats, expected: Ints, *, depths: Ints, num_trees: int, seed: int) -> Floats:
    """Test accuracy of a forest of each depth: (depths,).

    Args:
        x: (n, D).
        y: (n,) classes 0..K - 1.
        test: (m, D).
        expected: (m,) classes; one that is not below K is never predicted.
        depths: ascending.
        num_trees: of each forest.
        seed: of the rows and dimensions that trees draw.

    Example:
        >>> x, parity = np.arange(400.0)[:, None] % 8, np.arange(400) % 2
        >>> accuracies(x, parity, x, parity, depths=np.array([1, 3, 7]), num_trees=50, seed=0).round(2)
        array([0.62, 0.88, 1.  ])
    """
    columns, test, y = np.ascontiguousarray(x.T), np.ascontiguousarray(test), y.astype(np.int64)  # one to compile for
    order = np.argsort(columns, axis=1, kind="stable").astype(np.int32)
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(len(y), dtype=np.int32)[None], axis=1)
    classes = int(y.max()) + 1
    alone = depths[depths <= ALONE]
    groups = [group for group in (*alone[:, None], depths[depths > ALONE]) if len(group)]
    accuracies = []
    for group in groups:
        shares = np.zeros((len(group), len(test), classes))
        for of_tree in np.random.RandomState(seed).randint(LARGEST, size=num_trees):
            weights = np.bincount(np.random.RandomState(of_tree).randint(len(y), size=len(y)), minlength=len(y))
            rows = np.flatnonzero(weights).astype(np.int32)
            state = np.array([np.random.RandomState(of_tree).randint(LARGEST)], np.uint32)
            tree = _grow(columns, order, places, rows, y, weights, classes, int(group[-1]), state)
            _read(test, group, tree, shares)
        accuracies.append((shares.argmax(axis=2) == expected).mean(axis=1))
    return np.concatenate(accuracies)


@njit(nogil=True, cache=True)
def _grow(x, order, places, rows, y, weights, classes, depth, state):  # type: ignore[no-untyped-def]
    """Grow one tree: of each node its children (-1: a leaf), feature, threshold and class shares.

    Args:
        x: (D, n).
        order: (D, n) rows in the order of each dimension.
        places: (D, n) of each row in that order.
        rows: (m,) those of the tree; they are sorted anew.
        y: (n,) classes.
        weights: (n,) how often each row was drawn.
        classes: how many.
        depth: at which nodes are leaves.
        state: (1,) of the generator that draws dimensions.
    """
    dims, size = len(x), len(rows)
    left, right, feature = np.full(2 * size, -1), np.full(2 * size, -1), np.zeros(2 * size, np.int64)
    threshold, shares = np.zeros(2 * size), np.zeros((2 * size, classes))
    bounds, levels = np.zeros((2 * size, 2), np.int64), np.zeros(2 * size, np.int64)
    dimensions, constant, constants = np.arange(dims), np.zeros(dims, np.int64), np.zeros(2 * size, np.int64)
    before, ascending, moved = np.zeros(classes), np.empty(size, rows.dtype), np.empty(size, rows.dtype)
    marks = np.zeros(x.shape[1] // 64 + 1, np.uint64)
    waiting, last, nodes = np.zeros(2 * size, np.int64), 0, 1
    bounds[0, 1] = size
    while last >= 0:
        node = waiting[last]
        last -= 1
        start, stop = bounds[node]
        total = most = 0.0
        for p in range(start, stop):
            row = rows[p]
            shares[node, y[row]] += weights[row]
            total += weights[row]
            most = max(most, shares[node, y[row]])
        if levels[node] < depth and most < total:
            place, feature[node], below, above, known = _split(
                x, order, places, rows[start:stop], y, weights, shares[node], total, dimensions, constant,
                constants[node], before, marks, ascending, state
            )  # fmt: skip
            if place > 0:
                middle, halfway = start + place, below / 2 + above / 2
                threshold[node] = halfway if below <= halfway < above else below
                _partition(x[feature[node]], rows[start:stop], below, moved)
                left[node], right[node] = nodes, nodes + 1
                bounds[nodes, 0], bounds[nodes, 1] = start, middle
                bounds[nodes + 1, 0], bounds[nodes + 1, 1] = middle, stop
                for child in (nodes + 1, nodes):  # the left one is next
                    levels[child], constants[child] = levels[node] + 1, known
                    last += 1
                    waiting[last] = child
                nodes += 2
        for c in range(classes):
            shares[node, c] /= total
    return left, right, feature, threshold, shares


@njit(nogil=True, cache=True)
def _split(  # type: ignore[no-untyped-def]
    x, order, places, rows, y, weights, counts, total, dimensions, constant, known, before, marks, ascending, state
):
    """How many of a node's rows go left (0: it is a leaf), the feature and the two values between which it is cut.

    And how many features are constant here. They are drawn until there are as many as the square root, and one that is
    not constant. The first of `dimensions` are those that are known to be constant, from the node above, where they
    count as drawn but need no look.
    """
    dims, squares, below, above = len(x), 0.0, 0.0, 0.0
    for count in counts:
        squares += count * count
    best, place, feature = -1.0, 0, 0
    drawn, drawn_known, found, end = 0, 0, 0, dims
    while end > known + found and (drawn < max(1, int(np.sqrt(dims))) or drawn <= found + drawn_known):
        drawn += 1
        pick = drawn_known + _random(state) % (end - found - drawn_known)
        if pick < known:
            dimensions[drawn_known], dimensions[pick] = dimensions[pick], dimensions[drawn_known]
            drawn_known += 1
            continue
        pick += found
        f = dimensions[pick]
        of_node = _sort(order[f], places[f], rows, marks, ascending)
        if x[f, of_node[0]] == x[f, of_node[-1]]:
            dimensions[pick], dimensions[known + found] = dimensions[known + found], f
            found += 1
            continue
        end -= 1
        dimensions[pick], dimensions[end] = dimensions[end], f
        purity, at = _cut(x[f], of_node, y, weights, counts, squares, total, before)
        if purity > best:
            best, place, feature, below, above = purity, at, f, x[f, of_node[at - 1]], x[f, of_node[at]]
    for t in range(known):
        dimensions[t] = constant[t]
    for t in range(known, known + found):
        constant[t] = dimensions[t]
    return place, feature, below, above, known + found


@njit(nogil=True, cache=True)
def _sort(order, places, rows, marks, ascending):  # type: ignore[no-untyped-def]
    """A node's rows in the order of a dimension: those at the places that are marked, 64 of them a word.

    Args:
        order: (n,) rows in that order.
        places: (n,) of each row in it.
        rows: (m,) of the node.
        marks: (n // 64 + 1,) room, 0.
        ascending: (m or more,) room.
    """
    if len(rows) <= FEW:
        for p in range(len(rows)):
            at = p
            while at > 0 and places[ascending[at - 1]] > places[rows[p]]:
                ascending[at] = ascending[at - 1]
                at -= 1
            ascending[at] = rows[p]
        return ascending[: len(rows)]
    for row in rows:
        marks[places[row] >> 6] |= np.uint64(1) << np.uint64(places[row] & 63)
    count = 0
    for word in range(len(marks)):
        bits, marks[word] = marks[word], np.uint64(0)
        while bits != 0:
            lowest = bits & (~bits + np.uint64(1))
            ascending[count] = order[64 * word + BIT[(lowest * DE_BRUIJN) >> np.uint64(58)]]
            bits ^= lowest
            count += 1
    return ascending[:count]


@njit(nogil=True, cache=True)
def _cut(column, rows, y, weights, counts, squares, total, before):  # type: ignore[no-untyped-def]
    """The most that a cut makes of the sum of squared class counts over rows, left and right, and its place.

    There the Gini impurity is least.
    """
    for c in range(len(before)):
        before[c] = 0
    left, right, weight = 0.0, squares, 0.0
    best, place = -1.0, 0
    for p in range(len(rows) - 1):
        row = rows[p]
        c, w = y[row], float(weights[row])
        left += w * (2 * before[c] + w)
        right += w * (w - 2 * (counts[c] - before[c]))
        before[c] += w
        weight += w
        if column[rows[p + 1]] > column[row]:
            purity = left / weight + right / (total - weight)
            if purity > best:
                best, place = purity, p + 1
    return best, place


@njit(nogil=True, cache=True)
def _random(state):  # type: ignore[no-untyped-def]
    """The next of scikit-learn's numbers, 0 to 2^31 - 1: Marsaglia's xorshift of 32 bits."""
    bits = np.int64(state[0])
    bits ^= (bits << 13) & 0xFFFFFFFF
    bits ^= bits >> 17
    bits ^= (bits << 5) & 0xFFFFFFFF
    state[0] = bits
    return bits % 2**31


@njit(nogil=True, cache=True)
def _partition(column, rows, below, moved):  # type: ignore[no-untyped-def]
    """Move the rows with values above `below` behind the others, both in their order."""
    a, b = 0, 0
    for row in rows:
        right = column[row] > below
        rows[a], moved[b] = row, row
        a += 1 - right
        b += right
    rows[a:] = moved[:b]


@njit(nogil=True, cache=True)
def _read(test, depths, tree, shares):  # type: ignore[no-untyped-def]
    """Add to the shares of each test row, at each depth, those of its node there, or of the leaf above."""
    left, right, feature, threshold, of_node = tree
    for i in range(test.shape[0]):
        node, depth = 0, 0
        for d in range(len(depths)):
            while depth < depths[d] and left[node] >= 0:
                node = left[node] if test[i, feature[node]] <= threshold[node] else right[node]
                depth += 1
            for c in range(shares.shape[2]):
                shares[d, i, c] += of_node[node, c]
