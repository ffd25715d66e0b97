"""Exact trees are scikit-learn's, up to ties: residuals of the first round have two values, and rounding chooses."""

from collections import OrderedDict

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from bench.metrics.parts.copies import copies
from bench.metrics.parts.exact_trees import Boosted, _fit, boost
from bench.metrics.parts.split_bounds import is_wide

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4)).astype(np.float32)
TEST = RNG.normal(size=(200, 4)).astype(np.float32)


def labels(classes: int) -> np.ndarray:
    return np.digitize(X[:, 0] * X[:, 1] + X[:, 2] + RNG.normal(size=len(X)) / 4, np.linspace(-1, 1, classes - 1))


@pytest.mark.parametrize("classes", [2, 3, 8])
def test_labels_and_importances_are_scikit_learns(classes: int) -> None:
    y = labels(classes)
    theirs = GradientBoostingClassifier(n_estimators=20).fit(X, y)
    ours = boost(X, y, TEST, num_rounds=20)
    assert (ours.train == theirs.predict(X)).mean() > 0.97
    assert (ours.test == theirs.predict(TEST)).mean() > 0.95
    np.testing.assert_allclose(ours.importances, theirs.feature_importances_, atol=0.01)


def test_importances_by_tree_are_shares_within_each_tree() -> None:
    y = labels(3)
    theirs = GradientBoostingClassifier(n_estimators=20).fit(X, y)
    shares = [t.feature_importances_ for t in theirs.estimators_.ravel()]
    np.testing.assert_allclose(boost(X, y, TEST, num_rounds=20).per_tree, np.mean(shares, axis=0), atol=0.01)


@pytest.mark.parametrize("wide", [False, True])
def test_copies_share_what_scikit_learn_gives_them_in_the_mean_of_its_random_numbers(wide: bool) -> None:
    y = np.unique(labels(3), return_inverse=True)[1]
    x = X[:, [0, 1, 2, 0]] * np.array([1, 1, 1, 2], np.float32)
    fit = _fit(x.T.copy(), x[:5].T.copy(), y, np.unique(y), 10, wide)
    trees = [GradientBoostingClassifier(n_estimators=10, random_state=s).fit(x, y) for s in range(30)]
    theirs = np.mean([t.feature_importances_ for t in trees], axis=0)
    np.testing.assert_allclose(fit.importances, theirs, atol=0.03)
    for shares in (fit.importances, fit.per_tree):
        assert shares[0] == shares[3] > 0
        np.testing.assert_allclose(shares.sum(), 1)
    once = boost(X[:, :3], y, X[:5], num_rounds=10)
    np.testing.assert_allclose(fit.importances[[1, 2]], once.importances[[1, 2]], rtol=1e-12)
    np.testing.assert_array_equal(fit.train, once.train)


def test_copies_have_the_same_rows_equal() -> None:
    x = np.array([[0, 1, 1, 2], [0, -1, -1, -9], [0, 1, 2, 3], [5, 5, 5, 5], [3, 2, 1, 0], [7, 7, 7, 7]], np.float32)
    assert copies(x, np.argsort(x, axis=1, kind="stable").astype(np.uint32)) == [[0, 1], [2, 4], [3, 5]]


def test_the_order_of_copies_changes_nothing() -> None:
    y, order = labels(4), [3, 1, 0, 2]
    x = np.stack([X[:, 0], X[:, 1], np.exp(X[:, 0]), -X[:, 1]], axis=1)
    fit, moved = boost(x, y, x, num_rounds=10), boost(x[:, order], y, x[:, order], num_rounds=10)
    np.testing.assert_allclose(fit.importances[order], moved.importances, rtol=1e-9)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_few_rows_are_parted_where_scikit_learn_parts_them(classes: int, tied: bool) -> None:
    places = np.linspace(-3, 3, 500, dtype=np.float32)[:, None]
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(15, 1)).astype(np.float32)
        x, y = np.round(2 * x) / 2 if tied else x, np.arange(15) % classes
        theirs = GradientBoostingClassifier(n_estimators=20).fit(x, y)
        np.testing.assert_array_equal(boost(x, y, places, num_rounds=20).test, theirs.predict(places))


def test_a_fit_that_is_made_while_others_are_remembered_takes_the_place_of_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.metrics.parts.exact_trees._fits", OrderedDict())
    monkeypatch.setattr("bench.metrics.parts.exact_trees.REMEMBERED", 2)
    fits = [boost(X[:20], np.arange(20) % 2, X[:5], num_rounds=rounds) for rounds in (1, 2, 3, 3, 1)]
    assert fits[2] is fits[3]
    assert fits[0] is not fits[4]


def test_codes_are_read_as_32_bit_floats() -> None:
    far = np.round(X) + 8.0
    near, y = far + 1e-7 * RNG.random(far.shape), labels(3)  # to 32-bit floats the same
    fits = [boost(x, y, x, num_rounds=5) for x in (far, near)]
    np.testing.assert_array_equal(fits[0].importances, fits[1].importances)


def test_equal_values_are_never_parted() -> None:
    coarse = np.round(X)
    fit = boost(coarse, labels(4), coarse, num_rounds=20)
    np.testing.assert_array_equal(fit.train, fit.test)
    _, kind = np.unique(coarse, axis=0, return_inverse=True)
    assert all(len(set(fit.train[kind == k])) == 1 for k in range(kind.max() + 1))


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        monkeypatch.setattr("bench.metrics.parts.exact_trees._fits", {})
        found.append(boost(X, labels_of(5), TEST, num_rounds=10))
    np.testing.assert_array_equal(found[0].importances, found[1].importances)
    np.testing.assert_array_equal(found[0].test, found[1].test)


def labels_of(classes: int) -> np.ndarray:
    return np.digitize(X[:, 0] + X[:, 3], np.linspace(-1, 1, classes - 1))


def test_a_label_that_training_lacks_is_never_predicted_and_a_single_one_always() -> None:
    y = np.where(X[:, 0] > 0, 9, 4)
    assert set(boost(X, y, TEST, num_rounds=5).test) == {4, 9}
    single = boost(X, np.full(len(X), 6), TEST, num_rounds=5)
    assert set(single.test) == {6}
    assert not single.importances.any()


def test_constant_codes_predict_the_most_frequent_label() -> None:
    y = np.repeat([0, 1, 2], [100, 200, 100])
    fit = boost(np.zeros((400, 3)), y, np.zeros((5, 3)), num_rounds=5)
    assert set(fit.test) == {1}
    assert not fit.importances.any()
    assert not fit.per_tree.any()


def both_ways(x: np.ndarray, y: np.ndarray, test: np.ndarray, rounds: int) -> list[Boosted]:
    """A fit in which every feature is looked at, and one in which bounds spare most."""
    classes, codes = np.unique(y, return_inverse=True)
    columns, test_columns = (np.ascontiguousarray(a.T, np.float32) for a in (x, test))
    return [_fit(columns, test_columns, codes, classes, rounds, wide) for wide in (False, True)]


def assert_same_bits(fits: list[Boosted]) -> None:
    for field in ("train", "test", "importances", "per_tree"):
        np.testing.assert_array_equal(*(getattr(fit, field) for fit in fits), err_msg=field)


@pytest.mark.parametrize("kind", ["continuous", "tied", "constant", "repeated", "rectified", "opposite"])
@pytest.mark.parametrize(("rows", "dims", "classes"), [(2, 1, 2), (37, 80, 2), (150, 20, 41), (400, 48, 6)])
def test_bounds_that_spare_features_change_no_bit(kind: str, rows: int, dims: int, classes: int) -> None:
    rng = np.random.default_rng(rows)
    y = np.arange(rows) % classes
    x = rng.normal(size=(classes, dims))[y] + rng.normal(size=(rows, dims))
    awkward = {
        "continuous": x,
        "tied": np.round(x),
        "constant": np.where(rng.random(dims) < 0.5, 0.1, x),
        "repeated": x[:, rng.integers(dims, size=dims)] * rng.choice([1, 1e-3], size=dims),
        "rectified": np.maximum(x - 1, 0),
        "opposite": np.where(np.arange(dims) % 2, -x[:, :1], x),
    }[kind]
    assert_same_bits(both_ways(awkward, y, rng.normal(size=(20, dims)), 6))


@pytest.mark.parametrize("classes", [3, 20])
def test_bounds_change_no_bit_where_classes_are_parted_without_error_on_several_threads(
    classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    y = np.arange(600) % classes
    x = np.random.default_rng(1).normal(size=(classes, 60))[y]
    assert_same_bits(both_ways(x, y, x[:30], 10))


def test_fits_of_many_rows_dims_and_classes_are_those_that_bounds_are_for() -> None:
    assert is_wide(10_000, 768, 40)
    assert not is_wide(10_000, 10, 40)
    assert not is_wide(100, 768, 40)
    assert not is_wide(10_000, 768, 2)
