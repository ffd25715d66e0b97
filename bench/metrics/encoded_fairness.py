"""Unfairness of predictions from codes, of interventions whose images are encoded (Locatello et al. 2019b)."""

from typing import Any

import numpy as np

from bench.metrics.base import Floats, Ints, Score, SkippedError, batches, check_count, check_factors, metric, varying
from bench.metrics.fairness import pairs, summary
from bench.metrics.parts.counterfactuals import counterfactuals
from bench.metrics.parts.information import dense
from bench.metrics.parts.tree_work import check_tree_work
from bench.models.base import Learner


@metric(
    version=1,
    reads="model",
    min_factors=2,
    num_points=10_000,
    scores={
        "encoded_unfairness": Score(0, 1, higher_is_better=False, title="Unfairness (encoded)"),
        "encoded_unfairness_max": Score(0, 1, higher_is_better=False, title="Unfairness (encoded, worst pair)"),
        "encoded_unfairness_by_*": Score(0, 1, higher_is_better=False, title="Unfairness (encoded) by factor *"),
    },
    paper="Locatello et al. 2019, arXiv:1905.13662",
)
def encoded_fairness(
    model: Learner,
    images: Any,
    factors: Ints,
    *,
    seed: int = 0,
    num_train: int = 10_000,
    num_test_points: int = 100,
    num_rounds: int = 100,
) -> dict[str, float]:
    """How much predictions of one factor move when another, the sensitive one, is intervened on: 0 is fair.

    The score is that of `fairness`, for studies that encode a part of the images. Trees are fitted to the mean codes of
    the images. Points are drawn among them, and their counterfactuals, which differ in the sensitive factor alone, are
    taken from the data set, where it is a grid of its factors, and encoded; elsewhere they are looked up among the
    images. The values of a factor are those that the images have.

    Args:
        model: a learner.
        images: (n, height, width, channels) in [0, 1].
        factors: (n, F) class indices, F >= 2.
        seed: of the training images and the points.
        num_train: images whose codes trees are fitted to, where there are more.
        num_test_points: points of each sensitive factor.
        num_rounds: of boosting.

    Returns:
        "encoded_unfairness" and so on, named as those of `fairness`.

    Raises:
        SkippedError: fewer than two factors vary, no image has its counterfactuals, or the codes are too wide.
        ValueError: bad factors or numbers.

    Example:
        Codes that are the two factors of a grid, of images that are their codes: no prediction moves.

        >>> from types import SimpleNamespace
        >>> grid = np.stack([np.arange(16) // 4, np.arange(16) % 4], axis=1)
        >>> model = SimpleNamespace(encode=lambda images: (images[:, 0, 0], None))
        >>> encoded_fairness(model, grid[:, None, None].astype(np.float32), grid, num_rounds=20)["encoded_unfairness"]
        0.0
    """
    classes = check_factors(factors, len(images))
    varied = varying(classes, least=2)
    rounds, points = check_count(num_rounds, "num_rounds"), check_count(num_test_points, "num_test_points")
    rng, tests = np.random.default_rng(seed), {}
    train = np.sort(rng.permutation(len(images))[: check_count(num_train, "num_train")])
    codes, labels = _encoded(model, images, train), classes[np.ix_(train, varied)]
    check_tree_work(codes.shape[1], labels.T, rounds)
    for place, sensitive in enumerate(varied):
        shown, index, values = _intervened(images, classes, int(sensitive), points, rng)
        if len(index):
            tests[place] = _encoded(model, shown, index).reshape(-1, values, codes.shape[1])
    if not tests:
        raise SkippedError("no image has others that differ from it in one factor alone: the data set is no grid")
    return summary("encoded_unfairness", pairs(codes, labels, tests, rounds), varied)


def _intervened(
    images: Any, factors: Ints, sensitive: int, num_points: int, rng: np.random.Generator
) -> tuple[Any, Ints, int]:
    """Images, those of them that show random points under each value of a factor in turn, and the number of values."""
    labels = np.unique(factors[:, sensitive])
    if (with_factors := getattr(images, "with_factors", None)) is not None:
        changed = np.repeat(factors[rng.integers(len(factors), size=num_points)], len(labels), axis=0)
        changed[:, sensitive] = np.tile(labels, num_points)
        if (shown := with_factors(changed)) is not None:
            return shown, np.arange(len(shown)), len(labels)
    return images, counterfactuals(dense(factors), sensitive, num_points, rng).ravel(), len(labels)


def _encoded(model: Learner, images: Any, index: Ints) -> Floats:
    """Mean codes (n, D) of the images at an index, in double precision."""
    return np.concatenate([model.encode(batch)[0] for batch in batches(images, index)]).astype(np.float64)
