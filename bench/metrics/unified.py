"""Every importance matrix under every aggregation: does a score depend on the matrix or on the aggregation?"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_count, check_split, metric, varying
from bench.metrics.modularity import mean_modularity
from bench.metrics.parts.concentration import concentration
from bench.metrics.parts.exact_trees import boost
from bench.metrics.parts.information import dense, discretise, entropy, mutual_information
from bench.metrics.parts.tree_work import check_tree_work
from bench.metrics.sap import accuracies, gap
from bench.values import one_of

MATRICES = ("gbt", "mi", "svm")


@metric(
    version=1,
    reads="split",
    min_factors=2,
    scores={
        "unified_gbt_dci": Score(0, 1, title="GBT, DCI"),
        "unified_gbt_mig": Score(0, float("inf"), title="GBT, MIG"),
        "unified_gbt_sap": Score(0, 1, title="GBT, SAP"),
        "unified_gbt_modularity": Score(0, 1, title="GBT, modularity"),
        "unified_mi_dci": Score(0, 1, title="MI, DCI"),
        "unified_mi_mig": Score(0, 1, title="MI, MIG"),
        "unified_mi_sap": Score(0, float("inf"), title="MI, SAP"),
        "unified_mi_modularity": Score(0, 1, title="MI, modularity"),
        "unified_svm_dci": Score(0, 1, None, title="SVM, DCI"),  # accuracies include that of guessing
        "unified_svm_mig": Score(0, float("inf"), title="SVM, MIG"),
        "unified_svm_sap": Score(0, 1, title="SVM, SAP"),
        "unified_svm_modularity": Score(0, 1, None, title="SVM, modularity"),
    },
    headline="unified_mi_dci",
    invariant_to=("sign",),  # not to scale: the penalty of an SVM is of fixed size
    falls_under_rotation=True,
    paper="Locatello et al. 2020, JMLR 21(209), arXiv:2010.14766",
)
def unified(
    train_codes: ArrayLike,
    train_factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    matrices: Sequence[str] = MATRICES,
    num_rounds: int = 100,
    num_bins: int = 20,
) -> dict[str, float]:
    """Four aggregations of three (D, F) matrices of the importance of each dimension for each factor.

    | matrix | entry | aggregation | of a matrix R |
    |---|---|---|---|
    | gbt | importance in boosted trees | dci | mean_d w_d (1 - H_F(R_d. / sum R_d.)), w_d the share of sum R |
    | mi | mutual information, nats | mig | mean_k (largest - second of R_.k) / H(v_k) |
    | svm | test accuracy of a linear SVM | sap | mean_k (largest - second of R_.k) |
    | | | modularity | mean_d 1 - (sum_k R_dk^2 - max_k R_dk^2) / (max_k R_dk^2 (F - 1)) |

    "unified_gbt_dci" is DCI disentanglement, "unified_svm_sap" the SAP score, "unified_mi_mig" and
    "unified_mi_modularity" are MIG and modularity of the training rows. The second largest entry for a code of one
    dimension is 0. Factors with a single value in the training rows are left out. If DCI scores the same rows in the
    same process, the trees are fitted once.

    Args:
        train_codes: (n, D).
        train_factors: (n, F) class indices, F >= 2.
        test_codes: (m, D).
        test_factors: (m, F).
        matrices: which of "gbt", "mi", "svm" to aggregate.
        num_rounds: of boosting.
        num_bins: bins of each code dimension, for the mutual information.

    Raises:
        ValueError: bad codes, factors or counts, or an unknown matrix.
        SkippedError: fewer than two factors vary in the training rows, or the codes are too wide for trees of
            these factors: `matrices=[mi, svm]` leaves them out.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 3, (300, 2))
        >>> x = factors.astype(float)
        >>> round(unified(x[:200], factors[:200], x[200:], factors[200:], num_rounds=5)["unified_mi_dci"], 1)
        1.0
    """
    x, y, test, expected = check_split(train_codes, train_factors, test_codes, test_factors)
    varied = varying(y, least=2)
    y, expected = y[:, varied], expected[:, varied]
    rounds, classes = check_count(num_rounds, "num_rounds"), dense(y)
    entropies = entropy(classes)
    compute: Mapping[str, Callable[[], Floats]] = {
        "gbt": lambda: _importances(x, y, test, rounds),
        "mi": lambda: np.minimum(mutual_information(discretise(x, num_bins), classes), entropies),  # against rounding
        "svm": lambda: accuracies(x, y, test, expected),
    }
    names = [matrices] if isinstance(matrices, str) else list(matrices)
    if not names:
        raise ValueError(f"matrices names none of {', '.join(compute)}")
    names = [one_of("matrix", name, compute) for name in names]
    return {key: score for name in names for key, score in _aggregated(name, compute[name](), entropies).items()}


def _importances(x: Floats, y: Ints, test: Floats, num_rounds: int) -> Floats:
    check_tree_work(x.shape[1], y.T, num_rounds)
    return np.stack([boost(x, labels, test, num_rounds=num_rounds).importances for labels in y.T], axis=1)


def _aggregated(name: str, matrix: Floats, entropies: Floats) -> dict[str, float]:
    return {
        f"unified_{name}_dci": concentration(matrix),
        f"unified_{name}_mig": gap(matrix / entropies),
        f"unified_{name}_sap": gap(matrix),
        f"unified_{name}_modularity": mean_modularity(matrix),
    }
