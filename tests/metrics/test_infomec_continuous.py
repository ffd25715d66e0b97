"""InfoM and InfoC of measured factors: information as scikit-learn estimates it, and the shares that are made of it."""

import numpy as np
import pytest
from scipy.special import digamma
from scipy.stats import entropy
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

from bench.metrics.base import SkippedError
from bench.metrics.infomec_continuous import infomec_continuous
from bench.metrics.parts.neighbour_information import continuous_information

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(600, 2))
CLASSES = np.stack([np.digitize(column, [-1, 0, 1]) for column in VALUES.T], axis=1)
CODES = VALUES @ [[1.0, 0.5, 0.0], [0.2, 1.0, 0.1]] + 0.3 * RNG.normal(size=(600, 3))


def by_scikit_learn(neighbours: int) -> np.ndarray:
    """(D, F) nats."""
    columns = [mutual_info_regression(CODES, v, n_neighbors=neighbours, random_state=0) for v in VALUES.T]
    return np.stack(columns, axis=1)


def standardised(table: np.ndarray) -> np.ndarray:
    return table / table.std(axis=0)


@pytest.mark.parametrize("neighbours", [3, 10])
def test_information_is_that_of_scikit_learn(neighbours: int) -> None:
    expected = by_scikit_learn(neighbours)
    found = continuous_information(standardised(CODES), standardised(VALUES), neighbours)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_scores_are_made_of_it_as_a_share_of_what_a_factor_tells_of_itself() -> None:
    shares = by_scikit_learn(10) / (digamma(600) - digamma(10))
    np.testing.assert_allclose(continuous_information(VALUES, VALUES, 10).diagonal(), digamma(600) - digamma(10))
    scores = infomec_continuous(CODES, CLASSES, values=VALUES)
    assert scores["infomec_continuous_modularity"] == pytest.approx(modularity(shares.T), abs=1e-6)
    assert scores["infomec_continuous_compactness"] == pytest.approx(modularity(shares), abs=1e-6)


def modularity(shares: np.ndarray) -> float:
    """Of shares (F, D)."""
    least = 1 / len(shares)
    return float((np.mean(shares.max(axis=0) / shares.sum(axis=0)) - least) / (1 - least))


def test_neither_units_of_values_nor_classes_of_measured_factors_matter() -> None:
    scores = infomec_continuous(CODES, CLASSES, values=VALUES)
    others = infomec_continuous(CODES, CLASSES // 2, values=VALUES * [1e-3, 10])
    assert others == pytest.approx(scores, abs=1e-9)


def test_of_few_rows_all_are_neighbours() -> None:
    codes, classes, values = CODES[:8], CLASSES[:8], VALUES[:8]
    many, all_others = (infomec_continuous(codes, classes, values=values, neighbours=k) for k in (10, 7))
    assert many == all_others


def test_a_factor_that_does_not_vary_in_value_is_left_out() -> None:
    with pytest.raises(SkippedError, match="columns of factors with two values or more: 1, at least 2 needed"):
        infomec_continuous(CODES, CLASSES, values=VALUES * [1, 0])


def test_factors_that_are_classes_have_the_estimate_of_infomec() -> None:
    measured, classes = 100 * VALUES[:, 0], CLASSES[:, 1]
    informed = mutual_info_regression(CODES, measured, n_neighbors=10, random_state=0)
    of_classes = mutual_info_classif(CODES, classes, n_neighbors=10, random_state=0)
    shares = np.stack([informed / (digamma(600) - digamma(10)), of_classes / entropy(np.bincount(classes))])
    scores = infomec_continuous(CODES, CLASSES, values=np.column_stack([measured, classes]))
    assert [*scores.values()] == pytest.approx([modularity(shares), modularity(shares.T)], abs=1e-5)
    with pytest.raises(SkippedError, match="values of all factors are their classes"):
        infomec_continuous(CODES, CLASSES)
    with pytest.raises(SkippedError, match="values of all factors are their classes"):
        infomec_continuous(CODES, CLASSES, values=CLASSES / 4)


def test_constant_codes_are_neither_modular_nor_compact() -> None:
    assert set(infomec_continuous(np.ones((600, 2)), CLASSES, values=VALUES).values()) == {0.0}


def test_values_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"values of factors must be finite and of shape \(600, 2\)"):
        infomec_continuous(CODES, CLASSES, values=VALUES[:, :1])
