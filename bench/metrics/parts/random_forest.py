"""A random forest grown once and read at every depth.

The node in which a row lies at depth d predicts what the tree would predict were it grown to depth d, for how a node is
split depends on nothing below it. So a forest that is cut has the distribution of one that was grown to the cut: only
the dimensions that its nodes draw are others than those of a fit of its own, and they are the same at all depths.
"""

import warnings

import numpy as np
from numba import njit

from bench.metrics.base import Floats, Ints


def accuracies(x: Floats, y: Ints, test: Floats, expected: Ints, *, depths: Ints, num_trees: int, seed: int) -> Floats:
    """Test accuracy of the forest at each depth: (depths,).

    Trees are those of scikit-learn's `RandomForestClassifier`: rows drawn with replacement, splits of least Gini
    impurity among the square root of the dimensions, the mean of the trees' class shares.

    Args:
        x: (n, D), read as 32-bit floats.
        y: (n,) classes 0..K - 1.
        test: (m, D).
        expected: (m,) classes; one that is not below K is never predicted.
        depths: ascending.
        num_trees: of the forest.
        seed: of the rows and dimensions that trees draw.

    Example:
        >>> x, y = np.arange(8.0)[:, None], np.arange(8) // 2
        >>> accuracies(x, y, x, y, depths=np.array([1, 2]), num_trees=50, seed=0).round(2)
        array([0.5, 1. ])
    """
    from sklearn.tree import DecisionTreeClassifier

    columns, test_columns = (np.ascontiguousarray(a, np.float32) for a in (x, test))
    shares = np.zeros((len(depths), len(test), int(y.max()) + 1))
    for of_tree in np.random.RandomState(seed).randint(np.iinfo(np.int32).max, size=num_trees):  # as scikit-learn draws
        drawn = np.bincount(np.random.RandomState(of_tree).randint(len(y), size=len(y)), minlength=len(y))
        splits = DecisionTreeClassifier(max_depth=int(depths[-1]), max_features="sqrt", random_state=of_tree)
        with warnings.catch_warnings():  # classes of one row each are classes all the same
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            tree = splits.fit(columns, y, sample_weight=drawn.astype(float)).tree_
        _read(
            test_columns, depths, tree.children_left, tree.children_right, tree.feature, tree.threshold,
            tree.value[:, 0], shares,
        )  # fmt: skip
    return (shares.argmax(axis=2) == expected).mean(axis=1)


@njit(nogil=True, cache=True)
def _read(test, depths, left, right, feature, threshold, value, shares):  # type: ignore[no-untyped-def]
    """Add to the shares of each test row, at each depth, those of its node there, or of the leaf above."""
    for i in range(test.shape[0]):
        node, depth = 0, 0
        for d in range(len(depths)):
            while depth < depths[d] and left[node] >= 0:
                node = left[node] if test[i, feature[node]] <= threshold[node] else right[node]
                depth += 1
            for c in range(value.shape[1]):
                shares[d, i, c] += value[node, c]
