"""Explicitness and size of DCI-ES (Eastwood et al. 2023)."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from bench.metrics.base import Floats, Ints, Score, SkippedError, check_count, check_split, metric, varying
from bench.metrics.parts.random_forest import accuracies
from bench.values import one_of

DEPTHS = (1, 2, 3, 4, 8, 10, 12, 14, 16, 18, 20, 32)  # of the authors' forests
MOST_CLASSES = 1_000  # of a factor: each node of a tree has a number for each class
MOST_LOOKS = 8e8  # rows x dimensions that a node draws x factors x trees: about ten minutes of one core
LEVEL = 0.001  # chance that a forest which learns nothing is taken for one that does


@metric(
    version=1,
    reads="split",
    scores={
        "dci_es_explicitness": Score(-3, 1, title="DCI-ES explicitness"),
        "dci_es_size": Score(0, float("inf"), None, title="DCI-ES size"),
    },
    headline="dci_es_explicitness",
    invariant_to=("scale", "sign", "monotone"),  # trees read only the order of codes
    paper="Eastwood et al. 2023, arXiv:2210.00364",
)
def dci_es(
    train_codes: ArrayLike,
    train_factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    depths: Sequence[int] = DEPTHS,
    num_trees: int = 100,
    unlearned: str = "zero",
    seed: int = 0,
) -> dict[str, float]:
    """How little capacity a probe needs to predict the factors, and how many factors there are to a dimension.

    A random forest predicts each factor at growing depths c. With l(c) the least test error up to depth c,

        explicitness = 1 - 2 area(l - min l) / ((c_max - c_min) (1 - 1 / K)),

    by trapezoids, where K is the number of classes: 1 if the shallowest forest predicts as well as any, 0 if the error
    falls from that of guessing to 0 along a line, less than 0 if it falls later. It is the mean over factors,
    "dci_es_explicitness/2" that of factor 2. Size is the number of factors over that of dimensions. Factors with a
    single value in the training rows are left out.

    By that formula a forest that learns nothing at any depth is perfectly explicit. Here it has 0, a departure: a
    factor is learned if the best forest has more hits than guessing the most common class, beyond what chance does
    once in 1,000. Where a little is learned the score is near 1 even so: it says how soon, not how much.

    Beyond depth 8 one forest is cut at each depth, where the authors grow one for each. Both have the same
    distribution; scores differ by about .003, which is less than those of two seeds do.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices.
        test_codes: (m, D).
        test_factors: (m, F).
        depths: of the forest, two or more, ascending.
        num_trees: of the forest.
        unlearned: what a factor that is not learned has: "zero", or "formula", which is the authors' value.
        seed: of the forest.

    Raises:
        ValueError: bad codes, factors, depths or number of trees, or an unknown word for what is not learned.
        SkippedError: no factor varies in the training rows, one has more than 1,000 classes, or forests would take
            above ten minutes.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 2, (300, 2))
        >>> x = factors.astype(float)
        >>> dci_es(x[:200], factors[:200], x[200:], factors[200:], num_trees=20)["dci_es_explicitness"]
        1.0
    """
    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    by_formula = one_of("value of unlearned", unlearned, ("zero", "formula")) == "formula"
    steps, trees = _ascending(depths), check_count(num_trees, "num_trees")
    varied = varying(y)
    if (looks := len(x) * math.isqrt(x.shape[1]) * len(varied) * trees) > MOST_LOOKS:
        raise SkippedError(
            f"forests on {x.shape[1]} dims of {len(x)} train_codes for {len(varied)} factors would take above ten "
            f"minutes ({looks:.1g} looks, the bound is {MOST_LOOKS:.0g}): fewer num_trees take less"
        )
    explicitness = {}
    for k in varied:
        labels, classes = np.unique(y[:, k], return_inverse=True)
        if len(labels) > MOST_CLASSES:
            raise SkippedError(f"factor {k} of train_factors has {len(labels)} classes, dci_es takes {MOST_CLASSES}")
        places = np.searchsorted(labels, expected[:, k]).clip(max=len(labels) - 1)
        truth = np.where(labels[places] == expected[:, k], places, len(labels))  # a class that was not seen is missed
        hits = accuracies(x, classes, test, truth, depths=steps, num_trees=trees, seed=seed % 2**32)
        guessed = float(np.mean(truth == np.bincount(classes).argmax()))
        counts = by_formula or _is_learned(hits, len(test), guessed)
        explicitness[k] = _explicitness(hits, steps, len(labels)) if counts else 0.0
    return {
        "dci_es_explicitness": float(np.mean(list(explicitness.values()))),
        "dci_es_size": len(varied) / x.shape[1],
        **{f"dci_es_explicitness/{k}": value for k, value in explicitness.items()},
    }


def _explicitness(hits: Floats, depths: Ints, classes: int) -> float:
    """One less twice the area between the falling error and its end, as a share of the largest such area.

    Args:
        hits: (depths,) test accuracies.
        depths: ascending.
        classes: in training.
    """
    errors = np.minimum.accumulate(1 - hits)
    area = np.trapezoid(errors - errors[-1], depths)
    return float(1 - 2 * area / ((depths[-1] - depths[0]) * (1 - 1 / classes)))


def _is_learned(hits: Floats, rows: int, guessed: float) -> bool:
    """Whether the best test accuracy beats `guessed`, that of the most common class, by more than chance."""
    return bool(binom.sf(round(float(hits.max()) * rows) - 1, rows, guessed) < LEVEL)


def _ascending(depths: Sequence[int]) -> Ints:
    """Depths, each once.

    Raises:
        ValueError: one is not a positive integer, or they are fewer than two.
    """
    if len(steps := sorted({check_count(depth, "depths") for depth in depths})) < 2:
        raise ValueError(f"depths must be two or more, got {list(depths)}")
    return np.array(steps)
