"""UDR gives the reference's values, and what its definition promises."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.metrics.udr import lasso, pairwise, spearman, udr

GOLDEN = Path(__file__).parents[1] / "golden"
SCORES = json.loads((GOLDEN / "udr_scores.json").read_text())
RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 3))


def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


@pytest.mark.parametrize("kept", [True, False])
def test_scores_are_the_references(kept: bool) -> None:
    given = golden("udr_models")
    for name, values in udr(given["representations"], given["kl"], filter_low_kl=kept).items():
        np.testing.assert_allclose(values, SCORES[f"{name}_filter{kept:d}"], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("name", "relate"), [("lasso", lasso), ("spearman", spearman)])
def test_relations_and_pairs_are_the_references(name: str, relate) -> None:  # type: ignore[no-untyped-def]
    given, expected = golden("udr_models"), golden("udr_result")
    active = given["kl"] > 0.01
    codes = given["representations"].astype(float)
    z = (codes - codes.mean(axis=1, keepdims=True)) / codes.std(axis=1, keepdims=True) * active[:, None]
    relations, others = relate(z), ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(relations[others], expected[f"raw_{name}_filter1"][others], atol=1e-6)
    for kept, dims in enumerate((np.ones_like(active), active)):
        np.testing.assert_allclose(pairwise(relations, dims), expected[f"pairwise_{name}_filter{kept}"], atol=1e-6)


def test_the_lasso_is_scikit_learns_on_correlated_dimensions() -> None:
    from sklearn.linear_model import Lasso

    z = RNG.normal(size=(2, 200, 4)) @ RNG.normal(size=(2, 4, 4))
    z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    theirs = Lasso(alpha=0.02).fit(z[0], z[1]).coef_.T
    np.testing.assert_allclose(lasso(z, 0.02)[0, 1], np.abs(theirs), atol=1e-3)


def test_permuted_and_flipped_dimensions_are_found_again_and_mixed_ones_are_not() -> None:
    same = udr([X, -X[:, ::-1], X * 5 + 3], np.ones((3, 3)))
    rotations = [np.linalg.qr(RNG.normal(size=(3, 3)))[0] for _ in range(2)]
    mixed = udr([X, *(X @ r for r in rotations)], np.ones((3, 3)))
    for name in ("udr_lasso", "udr_spearman"):
        assert same[name].min() > 0.8
        assert mixed[name].max() < same[name].min()


def test_dimensions_of_low_kl_and_constant_ones_do_not_count() -> None:
    dead = np.hstack([X, RNG.normal(size=(500, 1)), np.full((500, 1), 0.1)])
    kl = np.array([[1, 1, 1, 0.01, 1]] * 2)
    with_dead, without = udr([dead, dead[:, ::-1]], [kl[0], kl[1, ::-1]]), udr([X, X[:, ::-1]], np.ones((2, 3)))
    for name, values in without.items():
        np.testing.assert_allclose(with_dead[name], values)


def test_models_without_active_dimensions_score_zero() -> None:
    for values in udr([X, X], np.zeros((2, 3))).values():
        assert (values == 0).all()


def test_bad_input_is_named() -> None:
    for codes, kl, fault in [
        ([X], np.ones((1, 3)), "at least 2"),
        ([X, X[:-1]], np.ones((2, 3)), "one shape"),
        ([X, X * np.nan], np.ones((2, 3)), "codes of model 1 has 1500 NaN"),
        ([X, X], np.ones((2, 2)), "kl must be"),
        ([X, X], np.full((2, 3), np.nan), "kl has 6 NaN"),
    ]:
        with pytest.raises(ValueError, match=fault):
            udr(codes, kl)
