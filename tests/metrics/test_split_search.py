"""The split that is found from sums of segments is the one that a look at every cut finds, to the last bit."""

import numpy as np
import pytest

from bench.metrics.parts.split_bounds import (
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

ROWS, DIMS, LANES = 131, 5, 8


def by_every_cut(x: np.ndarray, residual: np.ndarray, inside: np.ndarray) -> tuple[int, float, float]:
    """Feature, threshold and what it takes away, of a node's rows."""
    first = [i for i in np.argsort(x[0], kind="stable") if inside[i]]
    total = 0.0
    for i in first:
        total += residual[i]
    size, best, split = len(first), -1.0, (0, np.inf, 0.0)
    for f, column in enumerate(x):
        rows, cumulative = [i for i in np.argsort(column, kind="stable") if inside[i]], 0.0
        for c in range(1, size):
            cumulative += residual[rows[c - 1]] - total / size
            gain = cumulative * cumulative * (size / (float(c) * float(size - c)))
            below, above = column[rows[c - 1]], column[rows[c]]
            if gain > best and above > below:
                middle = below / np.float32(2) + above / np.float32(2)
                best, split = gain, (f, float(middle if middle < above else below), gain)
    return split


@pytest.mark.parametrize("kind", ["continuous", "tied", "constant", "fitted"])
def test_a_node_and_both_its_children_are_split_as_by_a_look_at_every_cut(kind: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(DIMS, ROWS)).astype(np.float32)
    if kind in ("tied", "constant"):
        x = np.round(x) * (kind == "tied")
    labels = rng.integers(3, size=ROWS)
    positive = (labels == np.arange(3)[:, None]).astype(np.float64)
    residual = positive - 1 / 3 if kind != "fitted" else 1e-9 * (positive - rng.random((3, ROWS)) / 3)
    order, differs = sort_features(x)
    first, packed = np.argsort(x[0], kind="stable"), np.empty((ROWS + 1, LANES), np.int32)
    scales, rises = pack(residual, packed), np.empty((DIMS, order.shape[1] // WIDTH, LANES), np.float32)
    add_positive(order, residual, positive, rises)
    sums, of_node = np.empty((3, *rises.shape), np.int32), np.empty_like(packed)
    children = (1 + (rng.random((3, ROWS)) < 0.3)).astype(np.uint8)
    for which, (node, start) in enumerate([(np.zeros_like(children), 0), (children, 1), (children, 1)]):
        node = np.hstack([node, np.full((3, 1), 255, np.uint8)])
        known, means, splits = describe(residual, node, start, first, scales, LANES, 1e-30)
        mask(packed, node, which, of_node)
        upper, lower = np.empty((DIMS, 2, LANES), np.float32), np.full(LANES, NEVER)
        relatives = (sums[1], sums[0]) if which == 2 else (sums[0, :0], sums[0, :0])
        at = which - start
        bound_node(order, differs, rises, of_node, *relatives, sums[which], known[at], upper, lower)
        for k in range(3):
            assert splits[at, k]
            found = best_split(
                x, order, differs, rises, sums[which], residual[k], node[k], which, known[at], means[at, k],
                upper, lower[k], k,
            )  # fmt: skip
            assert found == by_every_cut(x, residual[k], node[k, :ROWS] == which)
