"""Accuracy of downstream predictions under a shift of one factor (Locatello et al. 2020)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_codes, check_count, check_factors, metric, varying
from bench.metrics.parts.exact_trees import boost
from bench.metrics.parts.tree_work import check_tree_work

MOST_IN_TRAINING = 2 / 3  # of the rows with the values of training: the rest tells the accuracy without a shift


@metric(
    version=1,
    reads="all",
    min_factors=2,
    scores={
        "shifted_accuracy": Score(0, 1, title="Accuracy under a shift"),
        "unshifted_accuracy": Score(0, 1, title="Accuracy without a shift"),
    },
    invariant_to=("scale", "sign", "monotone"),  # trees read only the order of codes
    paper="Locatello et al. 2020, arXiv:2002.02886",
)
def strong_downstream(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    seed: int = 0,
    num_train: int = 1_000,
    num_test: int = 1_000,
    num_values: int = 1,
    num_rounds: int = 100,
) -> dict[str, float]:
    """Accuracy of predicting factors where another one has values that training has not seen.

    For each factor s, training rows have one value of s, which is drawn by its frequency; test rows have the others.
    Boosted trees predict every other factor, and "shifted_accuracy/2" is their mean accuracy under a shift of factor 2,
    "shifted_accuracy" the mean over s. "unshifted_accuracy" is that of the same trees on rows held out which have the
    value of training: the difference is what the shift costs. It is left out where there are no such rows.

    Factors with a single value are left out. A class that training rows lack is counted as wrong.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        seed: of the values and rows drawn.
        num_train: training rows of each shift, as far as two thirds of the rows with the value go.
        num_test: test rows of each shift, and as many without it.
        num_values: values of the shifted factor that training sees; one at least is left for the test.
        num_rounds: of boosting.

    Raises:
        SkippedError: fewer than two factors vary, or the codes are too wide for trees.
        ValueError: bad codes, factors or numbers.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 3, (900, 2))
        >>> strong_downstream(factors.astype(float), factors, num_rounds=5)["shifted_accuracy"]
        1.0
    """
    array = check_codes(codes, min_rows=2)
    classes = check_factors(factors, len(array))
    varied = varying(classes, least=2)
    sizes = check_count(num_train, "num_train"), check_count(num_test, "num_test")
    values, rounds = check_count(num_values, "num_values"), check_count(num_rounds, "num_rounds")
    rng = np.random.default_rng(seed)
    shifts = {int(s): _rows(classes[:, s], values, *sizes, rng) for s in varied}
    fits = [classes[train, k] for s, (train, _, _) in shifts.items() for k in varied if k != s]
    check_tree_work(array.shape[1], fits, rounds)
    accuracies: dict[str, dict[int, float]] = {"shifted_accuracy": {}, "unshifted_accuracy": {}}
    for s, (train, same, other) in shifts.items():
        tests = {"shifted_accuracy": other, "unshifted_accuracy": same}
        hits = _hits(array, classes[:, varied[varied != s]], train, np.concatenate([other, same]), rounds)
        for (name, rows), part in zip(tests.items(), np.split(hits, [len(other)]), strict=True):
            if len(rows):
                accuracies[name][s] = float(part.mean())
    scores = {name: float(np.mean(list(by_shift.values()))) for name, by_shift in accuracies.items() if by_shift}
    return scores | {f"{name}/{s}": v for name, by_shift in accuracies.items() for s, v in by_shift.items()}


def _rows(
    column: Ints, num_values: int, num_train: int, num_test: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Training rows, test rows with the values of training, and test rows with the other values of a factor."""
    seen, counts = np.unique(column, return_counts=True)
    kept = rng.choice(seen, min(num_values, len(seen) - 1), replace=False, p=counts / len(column))
    order = rng.permutation(len(column))
    in_training = np.isin(column[order], kept)
    same, other = order[in_training], order[~in_training]
    train = min(num_train, int(np.ceil(MOST_IN_TRAINING * len(same))))
    return same[:train], same[train : train + num_test], other[:num_test]


def _hits(codes: Floats, targets: Ints, train: Ints, test: Ints, num_rounds: int) -> Ints:
    """Whether each factor of each test row is predicted, (test rows, factors)."""
    fits = [boost(codes[train], y[train], codes[test], num_rounds=num_rounds).test == y[test] for y in targets.T]
    return np.stack(fits, axis=1)
