"""Which features are copies of each other to a tree: any split of one is as good in the others."""

import numpy as np
from numpy.typing import NDArray


def copies(x: NDArray[np.float32], order: NDArray[np.uint32]) -> list[list[int]]:
    """Groups of two or more features that order the rows alike, or in reverse.

    Args:
        x: (D, n) values of the features.
        order: (D, n) rows in the order of each.

    Example:
        >>> x = np.array([[0, 1, 2], [5, 5, 6], [9, 4, 1]], np.float32)
        >>> copies(x, np.argsort(x, axis=1).astype(np.uint32))
        [[0, 2]]
    """
    rises = np.diff(np.take_along_axis(x, order, axis=1), axis=1) > 0
    ranks = np.zeros(x.shape, np.int32)
    np.put_along_axis(ranks, order[:, 1:], np.cumsum(rises, axis=1, dtype=np.int32), axis=1)
    groups: dict[bytes, list[int]] = {}
    for feature, rank in enumerate(ranks):
        groups.setdefault(min(rank.tobytes(), (rank.max() - rank).tobytes()), []).append(feature)
    return [group for group in groups.values() if len(group) > 1]
