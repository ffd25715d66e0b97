"""Unfairness of predictions made from codes (Locatello et al. 2019b)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import (
    Floats,
    Ints,
    Score,
    SkippedError,
    check_codes,
    check_count,
    check_factors,
    metric,
    varying,
)
from bench.metrics.parts.counterfactuals import counterfactuals
from bench.metrics.parts.exact_trees import boost
from bench.metrics.parts.information import dense
from bench.metrics.parts.tree_work import check_tree_work


@metric(
    version=1,
    reads="all",
    min_factors=2,
    scores={
        "unfairness": Score(0, 1, higher_is_better=False, title="Unfairness"),
        "unfairness_max": Score(0, 1, higher_is_better=False, title="Unfairness (worst pair)"),
        "unfairness_by_*": Score(0, 1, higher_is_better=False, title="Unfairness by factor *"),
    },
    invariant_to=("scale", "sign", "monotone"),  # trees read only the order of codes
    paper="Locatello et al. 2019, arXiv:1905.13662",
)
def fairness(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    num_train: int = 10_000,
    num_test_points: int = 100,
    num_rounds: int = 100,
) -> dict[str, float]:
    """How much predictions of one factor move when another, the sensitive one, is intervened on: 0 is fair.

    Boosted trees, fitted to `num_train` random rows, predict a target factor y from codes. `num_test_points` points are
    drawn for a sensitive factor s; each is seen once with every value of s, its other factors as they are. With p_c(y)
    the shares of the predicted labels over the points at s = c, and p(y) their mean over c,

        unfairness of (y, s) = mean_c TV(p_c, p),  TV(p, q) = 1/2 sum_y |p(y) - q(y)|.

    "unfairness_by_1/0" is that of the target factor 0 and the sensitive factor 1; "unfairness" is the mean over pairs,
    "unfairness/0" over those of a target, "unfairness_by_1" over those of a sensitive factor; "unfairness_max" is the
    largest of all pairs.

    The interventions are looked up: rows that agree in all factors but s, on a data set that is a grid of its factors
    and of which every image is encoded; `encoded_fairness` encodes them where they are not. A sensitive factor without
    one such set of rows that has all its values is left out; where that leaves none the metric does not apply. Factors
    with a single value are left out.

    Shares of 100 points differ by chance: a prediction that does not depend on s at all, but on noise, has an
    unfairness above 0, the more so the more classes are predicted. A constant code is fair.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        seed: of the rows drawn.
        num_train: rows that the trees are fitted to; test points may be among them, as in the published code.
        num_test_points: points of each sensitive factor.
        num_rounds: of boosting.

    Raises:
        SkippedError: fewer than two factors vary, no row has its counterfactuals, or the codes are too wide for trees.
        ValueError: bad codes, factors or numbers.

    Example:
        >>> grid = np.stack(np.meshgrid(range(4), range(3)), axis=-1).reshape(-1, 2)
        >>> fairness(np.repeat(grid, 9, axis=0), np.repeat(grid, 9, axis=0), num_rounds=5)["unfairness"]
        0.0
    """
    array = check_codes(codes, min_rows=2)
    whole = check_factors(factors, len(array))
    varied = varying(whole, least=2)
    classes, rng = dense(whole[:, varied]), np.random.default_rng(seed)
    train = rng.permutation(len(array))[: check_count(num_train, "num_train")]
    rounds, points = check_count(num_rounds, "num_rounds"), check_count(num_test_points, "num_test_points")
    check_tree_work(array.shape[1], classes[train].T, rounds)
    seen = {s: counterfactuals(classes, s, points, rng) for s in range(len(varied))}
    seen = {s: rows for s, rows in seen.items() if len(rows)}
    if not seen:
        raise SkippedError(
            "fairness needs rows that agree in all factors but one, and have every value of that one: encode every "
            "image of a data set that is a grid (scoring.pool_of.fairness=null), or take encoded_fairness, which "
            "encodes them"
        )
    tests = {s: array[rows] for s, rows in seen.items()}
    return summary("unfairness", pairs(array[train], classes[train], tests, rounds), varied)


def pairs(codes: Floats, classes: Ints, tests: Mapping[int, Floats], num_rounds: int) -> Floats:
    """The unfairness of each target and sensitive factor, (F, F); NaN where there is none.

    Args:
        codes: (n, D) that trees are fitted to.
        classes: (n, F) of them.
        tests: sensitive factor -> codes (points, values, D) of points under each of its values.
        num_rounds: of boosting.
    """
    table = np.full((classes.shape[1], classes.shape[1]), np.nan)
    for target in range(len(table)):
        others = {s: test.reshape(-1, codes.shape[1]) for s, test in tests.items() if s != target}
        if not others:
            continue
        test = np.concatenate(list(others.values()))
        predicted = boost(codes, classes[:, target], test, num_rounds=num_rounds).test
        parts = np.split(predicted, np.cumsum([len(rows) for rows in others.values()])[:-1])
        for sensitive, labels in zip(others, parts, strict=True):
            table[target, sensitive] = _total_variation(labels.reshape(tests[sensitive].shape[:2]))
    return table


def _total_variation(labels: Ints) -> float:
    """Mean over columns of the total variation between the labels of a column and those of all columns.

    Args:
        labels: (points, values of the sensitive factor).
    """
    points, values = labels.shape
    counts = np.stack([(labels == label).sum(axis=0) for label in np.unique(labels)])  # (labels, values)
    apart = np.abs(counts * values - counts.sum(axis=1, keepdims=True))  # of shares, times points and values
    return float(apart.sum() / (2 * points * values**2))


def summary(name: str, table: Floats, varied: Ints) -> dict[str, float]:
    """Every pair that there is, and the means and the largest of them; factors are named by their columns.

    Args:
        name: of the mean over all pairs; other names begin with it.
        table: (F, F) target and sensitive factor; NaN: there is no such pair.
        varied: (F,) columns of the factors.
    """
    there = ~np.isnan(table)
    scores = {name: float(table[there].mean()), f"{name}_max": float(table[there].max())}
    for target in np.flatnonzero(there.any(axis=1)):
        scores[f"{name}/{varied[target]}"] = float(table[target, there[target]].mean())
    for sensitive in np.flatnonzero(there.any(axis=0)):
        targets, by = there[:, sensitive], f"{name}_by_{varied[sensitive]}"
        scores[by] = float(table[targets, sensitive].mean())
        scores |= {f"{by}/{varied[k]}": float(table[k, sensitive]) for k in np.flatnonzero(targets)}
    return scores
