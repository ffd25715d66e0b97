"""Explicitness: areas as scikit-learn's, and what is left out of the averages."""

import numpy as np
import pytest

from bench.metrics.base import SkippedError
from bench.metrics.explicitness import explicitness

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(k, size=400) for k in (2, 5)], axis=1)
CODES = np.round(FACTORS @ RNG.normal(size=(2, 3)) + RNG.normal(size=(400, 3)), 1)  # with ties
PARTS = CODES[:250], FACTORS[:250], CODES[250:], FACTORS[250:]


@pytest.mark.parametrize("form", ["one_vs_rest", "multinomial"])
def test_it_is_the_area_of_scikit_learns_probabilities(form: str) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import StandardScaler, label_binarize

    x, y, test, expected = PARTS
    scaler = StandardScaler().fit(x)
    one_vs_rest = OneVsRestClassifier(LogisticRegression(solver="liblinear", tol=1e-8))
    areas = []
    for k in range(2):
        theirs = one_vs_rest if form == "one_vs_rest" else LogisticRegression()
        probabilities = theirs.fit(scaler.transform(x), y[:, k]).predict_proba(scaler.transform(test))
        seen = label_binarize(expected[:, k], classes=theirs.classes_)
        areas.append(roc_auc_score(seen, probabilities[:, -seen.shape[1] :], average="macro"))
    assert explicitness(*PARTS, form=form)["explicitness_test"] == pytest.approx(np.mean(areas), abs=1e-3)


def test_classes_missing_from_the_test_rows_or_from_training_are_left_out() -> None:
    x, y, test, expected = PARTS
    kept = expected[:, 1] != 4
    without = explicitness(x, y, test[kept], expected[kept])
    assert np.isfinite(without["explicitness_test"])
    unseen = expected.copy()
    unseen[:, 1] += 10
    alone = explicitness(x, y[:, :1], test, expected[:, :1])
    assert explicitness(x, y, test, unseen)["explicitness_test"] == alone["explicitness_test"]


def test_dead_dimensions_change_nothing_and_alone_are_chance() -> None:
    x, y, test, expected = PARTS
    dead = explicitness(np.hstack([x, np.full((250, 1), 0.1)]), y, np.hstack([test, np.full((150, 1), 7.0)]), expected)
    for key, value in explicitness(*PARTS).items():
        assert dead[key] == pytest.approx(value, abs=1e-9)
    assert set(explicitness(0 * x, y, 0 * test, expected).values()) == {0.5}


def test_scaling_and_shifting_dimensions_changes_nothing() -> None:
    x, y, test, expected = PARTS
    scale, shift = np.array([1e-9, 1.0, 1e9]), np.array([3.0, -1e4, 1e9])
    moved = explicitness(x * scale + shift, y, test * scale + shift, expected)
    for key, value in explicitness(*PARTS).items():
        assert moved[key] == pytest.approx(value, abs=1e-4)


def test_training_rows_of_one_class_are_refused_and_test_rows_of_one_have_no_score() -> None:
    x, y, test, expected = PARTS
    with pytest.raises(SkippedError, match="with two values or more: 0"):
        explicitness(x, 0 * y, test, expected)
    assert explicitness(x, y, test, 0 * expected).keys() == {"explicitness_train"}


def test_an_unknown_form_is_offered_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'multinomial'"):
        explicitness(*PARTS, form="multinomal")
