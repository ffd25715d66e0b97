"""Random forests of growing depth: scikit-learn's `RandomForestClassifier`, compiled.

Each tree is grown on rows drawn with replacement; a node is split where the Gini impurity of its parts is least among
dimensions drawn anew, the square root of how many there are; rows are predicted by the mean of the trees' class shares.
Every dimension is sorted once a tree, and a node's rows stay sorted as nodes are split. Rows and dimensions are drawn
as scikit-learn draws them, so that a seed gives the forest that it gives there, but for splits that tie.

How a node is split depends on nothing below it, so a tree that is cut is a tree grown to the cut. Forests up to depth 8
are grown each by itself, for few nodes decide over them; beyond, one is grown and read at every depth.

Compiled code has loops where numpy has operations on whole arrays: they are compiled in half the time.
"""

import numpy as np
from numba import njit

from bench.metrics.base import Floats, Ints

ALONE = 8  # depth up to which each forest is grown by itself
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
    classes = int(y.max()) + 1
    alone = depths[depths <= ALONE]
    groups = [group for group in (*alone[:, None], depths[depths > ALONE]) if len(group)]
    accuracies = []
    for group in groups:
        shares = np.zeros((len(group), len(test), classes))
        for of_tree in np.random.RandomState(seed).randint(LARGEST, size=num_trees):
            weights = np.bincount(np.random.RandomState(of_tree).randint(len(y), size=len(y)), minlength=len(y))
            rows = order[weights[order] > 0].reshape(len(order), -1)
            state = np.array([np.random.RandomState(of_tree).randint(LARGEST)], np.uint32)
            tree = _grow(columns, rows, y, weights, classes, int(group[-1]), state)
            _read(test, group, tree, shares)
        accuracies.append((shares.argmax(axis=2) == expected).mean(axis=1))
    return np.concatenate(accuracies)


@njit(nogil=True, cache=True)
def _grow(x, rows, y, weights, classes, depth, state):  # type: ignore[no-untyped-def]
    """Grow one tree: of each node its children (-1: a leaf), feature, threshold and class shares.

    Args:
        x: (D, n).
        rows: (D, m) those of the tree, ascending in each dimension; they are sorted anew.
        y: (n,) classes.
        weights: (n,) how often each row was drawn.
        classes: how many.
        depth: at which nodes are leaves.
        state: (1,) of the generator that draws dimensions.
    """
    dims, size = rows.shape
    left, right, feature = np.full(2 * size, -1), np.full(2 * size, -1), np.zeros(2 * size, np.int64)
    threshold, shares = np.zeros(2 * size), np.zeros((2 * size, classes))
    bounds, levels = np.zeros((2 * size, 2), np.int64), np.zeros(2 * size, np.int64)
    order, constant, constants = np.arange(dims), np.zeros(dims, np.int64), np.zeros(2 * size, np.int64)
    before, goes_right, moved = np.zeros(classes), np.zeros(x.shape[1], np.bool_), np.empty(size, rows.dtype)
    waiting, last, nodes = np.zeros(2 * size, np.int64), 0, 1
    bounds[0, 1] = size
    while last >= 0:
        node = waiting[last]
        last -= 1
        start, stop = bounds[node]
        total = most = 0.0
        for p in range(start, stop):
            row = rows[0, p]
            shares[node, y[row]] += weights[row]
            total += weights[row]
            most = max(most, shares[node, y[row]])
        if levels[node] < depth and most < total:
            place, feature[node], known = _split(
                x, rows, start, stop, y, weights, shares[node], total, order, constant, constants[node], before, state
            )
            if place > 0:
                column, middle = rows[feature[node]], start + place
                below, above = x[feature[node], column[middle - 1]], x[feature[node], column[middle]]
                halfway = below / 2 + above / 2
                threshold[node] = halfway if below <= halfway < above else below
                for p in range(start, stop):
                    goes_right[column[p]] = p >= middle
                for f in range(dims if levels[node] + 1 < depth else 1):  # leaves are counted in the first alone
                    _partition(rows[f], start, stop, goes_right, moved)
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
    x, rows, start, stop, y, weights, counts, total, order, constant, known, before, state
):
    """How many of a node's rows go left (0: it is a leaf), the feature that is cut, and how many are constant here.

    Dimensions are drawn until there are as many as the square root, and one that is not constant. The first in `order`
    are those that are known to be constant, from the node above, where they count as drawn but need no look.
    """
    dims, squares = len(x), 0.0
    for count in counts:
        squares += count * count
    best, place, feature = -1.0, 0, 0
    drawn, drawn_known, found, end = 0, 0, 0, dims
    while end > known + found and (drawn < max(1, int(np.sqrt(dims))) or drawn <= found + drawn_known):
        drawn += 1
        pick = drawn_known + _random(state) % (end - found - drawn_known)
        if pick < known:
            order[drawn_known], order[pick] = order[pick], order[drawn_known]
            drawn_known += 1
            continue
        pick += found
        f = order[pick]
        if x[f, rows[f, start]] == x[f, rows[f, stop - 1]]:
            order[pick], order[known + found] = order[known + found], f
            found += 1
            continue
        end -= 1
        order[pick], order[end] = order[end], f
        purity, at = _cut(x[f], rows[f], start, stop, y, weights, counts, squares, total, before)
        if purity > best:
            best, place, feature = purity, at, f
    for t in range(known):
        order[t] = constant[t]
    for t in range(known, known + found):
        constant[t] = order[t]
    return place, feature, known + found


@njit(nogil=True, cache=True)
def _cut(column, rows, start, stop, y, weights, counts, squares, total, before):  # type: ignore[no-untyped-def]
    """The most that a cut makes of the sum of squared class counts over rows, left and right, and its place.

    There the Gini impurity is least.
    """
    for c in range(len(before)):
        before[c] = 0
    left, right, weight = 0.0, squares, 0.0
    best, place = -1.0, 0
    for p in range(start, stop - 1):
        row = rows[p]
        c, w = y[row], float(weights[row])
        left += w * (2 * before[c] + w)
        right += w * (w - 2 * (counts[c] - before[c]))
        before[c] += w
        weight += w
        if column[rows[p + 1]] > column[row]:
            purity = left / weight + right / (total - weight)
            if purity > best:
                best, place = purity, p + 1 - start
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
def _partition(rows, start, stop, goes_right, moved):  # type: ignore[no-untyped-def]
    """Move the rows that go right behind the others, both in their order."""
    a, b = start, 0
    for p in range(start, stop):
        row = rows[p]
        right = goes_right[row]
        rows[a], moved[b] = row, row
        a += 1 - right
        b += right
    for p in range(b):
        rows[a + p] = moved[p]


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
