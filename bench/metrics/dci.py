"""Disentanglement, completeness and informativeness (Eastwood & Williams 2018)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Ints, Score, check_count, check_split, metric, varying
from bench.metrics.parts.concentration import concentration
from bench.metrics.parts.exact_trees import boost
from bench.metrics.parts.tree_work import check_tree_work


@metric(
    version=1,
    reads="split",
    min_factors=2,
    scores={
        "dci_disentanglement": Score(0, 1, title="DCI disentanglement", ranks=("study", "prediction")),
        "dci_completeness": Score(0, 1),
        "dci_informativeness_train": Score(0, 1),
        "dci_informativeness_test": Score(0, 1),
        "dci_per_tree_disentanglement": Score(0, 1),
        "dci_per_tree_completeness": Score(0, 1),
    },
    headline="dci_disentanglement",
    invariant_to=("scale", "sign", "monotone"),  # trees read only the order of codes
    falls_under_rotation=True,
    paper="Eastwood & Williams 2018, ICLR",
)
def dci(
    train_codes: ArrayLike,
    train_factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    num_rounds: int = 100,
) -> dict[str, float]:
    """How far each dimension serves one factor, each factor one dimension, and how well they predict it.

    Gradient boosted trees predict each factor from the codes; R_ij is the importance of dimension i for factor j,
    P_i. = R_i. / sum_j R_ij, P_.j = R_.j / sum_i R_ij, and with entropies in base F and D,

        disentanglement = sum_i w_i (1 - H_F(P_i.)),  completeness = sum_j w_j (1 - H_D(P_.j)),

    weighted by shares of sum R. Informativeness is the mean accuracy over factors. `dci_per_tree_*` rests on
    importances normalised tree by tree, as by scikit-learn before 0.20: which of the two the study used is not known.
    A code of one dimension is complete, a single factor disentangled, by convention: studies skip data sets of one
    factor. Factors with a single value are left out. Where no dimension is of any importance, both scores are 0.
    Dimensions that order the images alike, or in reverse, share their importance. Where else splits in several
    dimensions are equally good the first dimension is split; scikit-learn takes one at random.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices.
        test_codes: (m, D).
        test_factors: (m, F).
        num_rounds: of boosting.

    Raises:
        SkippedError: the codes are too wide for trees of these factors, or no factor varies in the training rows.
        ValueError: bad codes, factors or number of rounds.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 3, (300, 2))
        >>> x = factors + np.random.default_rng(1).normal(size=(300, 2)) / 100
        >>> round(dci(x[:200], factors[:200], x[200:], factors[200:], num_rounds=5)["dci_disentanglement"], 2)
        1.0
    """
    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    varied, rounds = varying(y), check_count(num_rounds, "num_rounds")
    check_tree_work(x.shape[1], y[:, varied].T, rounds)
    fits = [boost(x, y[:, k], test, num_rounds=rounds) for k in varied]
    whole = np.stack([f.importances for f in fits], axis=1)
    per_tree = np.stack([f.per_tree for f in fits], axis=1)
    return {
        "dci_disentanglement": concentration(whole),
        "dci_completeness": concentration(whole.T),
        "dci_informativeness_train": _accuracy([f.train for f in fits], y[:, varied]),
        "dci_informativeness_test": _accuracy([f.test for f in fits], expected[:, varied]),
        "dci_per_tree_disentanglement": concentration(per_tree),
        "dci_per_tree_completeness": concentration(per_tree.T),
    }


def _accuracy(predicted: list[Ints], expected: Ints) -> float:
    return float(np.mean(np.stack(predicted, axis=1) == expected))
