"""DCI-ES: the values of its authors' code, one forest read at every depth, and what learns nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from bench.metrics.base import SkippedError
from bench.metrics.dci_es import DEPTHS, _explicitness, dci_es
from bench.metrics.parts.random_forest import accuracies

GOLDEN = Path(__file__).parents[1] / "golden"
VALUES = json.loads((GOLDEN / "modern_fitted.json").read_text())
THINNED = [1, 2, 4, 8, 12, 16, 20, 32]
RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=400) for n in (2, 5)], axis=1)
NOISE = RNG.normal(size=(400, 3))


def halves(codes: np.ndarray, factors: np.ndarray = FACTORS) -> list[np.ndarray]:
    """Train and test, 200 rows each."""
    return [array[part] for part in (slice(0, 200), slice(200, 400)) for array in (codes, factors)]


@pytest.mark.parametrize("key", ["dci_es.rf.disc", "dci_es.rf.disc8"])
def test_the_formula_gives_the_authors_values_of_the_same_curves(key: str) -> None:
    depths = np.array(DEPTHS if key.endswith("disc") else THINNED)
    for expected in VALUES[key]["values"].values():
        curves = zip(np.array(expected["test_scores"]).T, VALUES["_meta"]["factor_sizes"], strict=True)
        found = [_explicitness(hits, depths, size) for hits, size in curves]
        np.testing.assert_allclose(found, expected["E_per_factor"], rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "name"),
    [("disc", "identity"), ("disc8", "identity"), ("disc8", "noisy"), ("disc8", "tanh10")],
)
def test_scores_are_those_of_the_authors_code(key: str, name: str) -> None:
    with np.load(GOLDEN / f"arrays_{name}.npz") as file:
        arrays = [file[f"{part}_{kind}"] for part in ("train", "test") for kind in ("codes", "factors")]
    expected = VALUES[f"dci_es.rf.{key}"]["values"][name]
    scores = dci_es(*arrays, depths=DEPTHS if key == "disc" else THINNED)
    assert scores["dci_es_explicitness"] == pytest.approx(expected["E"], abs=0.005)
    assert scores["dci_es_size"] == 5 / arrays[0].shape[1]


def test_a_seed_gives_the_forest_that_it_gives_in_scikit_learn() -> None:
    x, y, test, expected = halves(FACTORS[:, [1, 0, 1]] + 0.5 * NOISE.astype(np.float32), FACTORS[:, 1])
    x[:, 1] = 3  # a dimension that is constant is drawn as well
    depths = np.array([1, 3, 9])
    found = accuracies(x, y, test, expected, depths=depths, num_trees=10, seed=4)
    grown = [RandomForestClassifier(10, max_depth=d, random_state=4).fit(x, y).score(test, expected) for d in depths]
    np.testing.assert_allclose(found, grown, atol=1e-9 + 1 / 200)  # but for a row that ties


def test_beyond_depth_eight_the_deepest_forest_is_cut() -> None:
    x, y, test, expected = halves(NOISE + RNG.normal(size=(400, 3)), RNG.integers(2, size=400))
    deep = accuracies(x, y, test, expected, depths=np.array([9, 10, 30]), num_trees=5, seed=0)
    assert accuracies(x, y, test, expected, depths=np.array([8, 9, 30]), num_trees=5, seed=0)[1:].tolist() == [
        deep[0],
        deep[2],
    ]
    assert deep[2] == accuracies(x, y, test, expected, depths=np.array([30]), num_trees=5, seed=0)[0]


def test_a_code_that_one_cut_reads_is_explicit_and_one_that_takes_many_is_less_so() -> None:
    bit = FACTORS[:, :1]
    easy, hard = bit.astype(float), (bit + 2 * RNG.integers(8, size=(400, 1))).astype(float)  # its parity
    scores = [dci_es(*halves(codes, bit), num_trees=20)["dci_es_explicitness"] for codes in (easy, hard)]
    assert scores[0] == 1
    assert scores[1] < 0.95


def test_what_is_not_learned_is_not_explicit_but_by_the_authors_formula() -> None:
    for codes in (NOISE, np.ones((400, 3))):
        assert dci_es(*halves(codes), num_trees=10)["dci_es_explicitness"] == 0
        assert dci_es(*halves(codes), num_trees=10, unlearned="formula")["dci_es_explicitness"] > 0.5


def test_the_score_of_all_factors_is_the_mean_of_those_of_each_that_varies() -> None:
    factors = np.insert(FACTORS, 1, 3, axis=1)
    scores = dci_es(*halves(FACTORS + 0.2 * NOISE[:, :2], factors), num_trees=10)
    assert scores.keys() == {"dci_es_explicitness", "dci_es_size", "dci_es_explicitness/0", "dci_es_explicitness/2"}
    assert scores["dci_es_explicitness"] == np.mean([scores["dci_es_explicitness/0"], scores["dci_es_explicitness/2"]])
    assert scores["dci_es_size"] == 1


def test_classes_that_training_has_not_seen_are_missed() -> None:
    x, y, test, expected = halves(FACTORS.astype(float))
    scores = dci_es(x, y, test, expected + 7, num_trees=5)
    assert scores["dci_es_explicitness"] == 0


def test_forests_that_would_take_too_long_are_a_reason_that_names_the_bound() -> None:
    wide = np.broadcast_to(NOISE[:, :1], (400, 4096))
    with pytest.raises(SkippedError, match=r"4096 dims of 200 train_codes .* the bound is 8e\+08"):
        dci_es(*halves(wide), num_trees=100_000)


def test_bad_options_are_named_and_too_many_classes_a_reason() -> None:
    arrays = halves(NOISE)
    with pytest.raises(ValueError, match="depths must be two or more"):
        dci_es(*arrays, depths=[3, 3])
    with pytest.raises(ValueError, match="num_trees must be an integer of at least 1"):
        dci_es(*arrays, num_trees=0)
    with pytest.raises(ValueError, match=r"unknown value of unlearned 'zeros'\. Did you mean 'zero'"):
        dci_es(*arrays, unlearned="zeros")
    many = np.arange(2400).reshape(-1, 1)
    with pytest.raises(SkippedError, match="factor 0 of train_factors has 1200 classes, dci_es takes 1000"):
        dci_es(many[:1200], many[:1200], many[1200:], many[1200:])
