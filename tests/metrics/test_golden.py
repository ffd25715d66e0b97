"""Metrics give the values of the unmodified reference implementation on the same arrays."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.metrics.beta_vae_score import beta_vae_score, from_features
from bench.metrics.dci import dci
from bench.metrics.downstream import downstream
from bench.metrics.explicitness import explicitness
from bench.metrics.factor_vae_score import factor_vae_score, from_votes
from bench.metrics.irs import irs
from bench.metrics.mig import mig
from bench.metrics.modularity import modularity
from bench.metrics.parts.exact_trees import boost
from bench.metrics.parts.information import discretise, entropy, mutual_information
from bench.metrics.sap import sap
from bench.metrics.unsupervised import unsupervised

pytestmark = pytest.mark.long  # left out of `make check`

GOLDEN = Path(__file__).parents[1] / "golden"
VALUES = json.loads((GOLDEN / "scores.json").read_text())
NAMES = ("identity", "noisy", "tanh10")
Arrays = dict[str, np.ndarray]


def arrays(name: str, kind: str = "arrays") -> Arrays:
    with np.load(GOLDEN / f"{kind}_{name}.npz") as file:
        return dict(file)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_bins_entropies_and_information(name: str) -> None:
    given, expected = arrays(name), arrays(name, "matrices")
    binned = discretise(given["train_codes"].astype(float), 20)
    np.testing.assert_array_equal(binned.T + 1, expected["discretized_train"])
    factors = given["train_factors"].astype(int)
    np.testing.assert_allclose(mutual_information(binned, factors), expected["mi_matrix"], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(entropy(factors), expected["factor_entropy"], rtol=1e-9)


def test_mig(name: str) -> None:
    given = arrays(name)
    expected = VALUES[name]["on_arrays"]["mig"]
    assert mig(given["train_codes"], given["train_factors"])["mig"] == pytest.approx(expected, rel=1e-6)


def test_modularity(name: str) -> None:
    given = arrays(name)
    expected = VALUES[name]["on_arrays"]["modularity"]
    assert modularity(given["train_codes"], given["train_factors"])["modularity"] == pytest.approx(expected, rel=1e-6)


def test_irs(name: str) -> None:
    given = arrays(name)
    expected = VALUES[name]["on_arrays"]["irs"]
    assert irs(given["train_codes"], given["train_factors"])["irs"] == pytest.approx(expected, rel=1e-5)


def test_unsupervised_scores(name: str) -> None:
    for key, value in unsupervised(arrays(name)["train_codes"]).items():
        assert value == pytest.approx(VALUES[name]["on_arrays"][key], rel=1e-6), key


def test_beta_vae_score_on_the_references_features(name: str) -> None:
    given = arrays(name, "beta_vae_features")
    scores = from_features(*(given[k] for k in ("train_x", "train_k", "test_x", "test_k")))
    for key, value in scores.items():
        assert value == pytest.approx(VALUES[name]["beta_vae_on_features"][key], abs=0.005), key


def test_the_multinomial_variant_of_the_beta_vae_score(name: str) -> None:
    given, expected = arrays(name, "beta_vae_features"), VALUES[name]["beta_vae_on_features"]["multinomial_variant"]
    scores = from_features(*(given[k] for k in ("train_x", "train_k", "test_x", "test_k")), form="multinomial")
    assert scores["beta_vae_train"] == pytest.approx(expected["train_accuracy"], abs=0.001)
    assert scores["beta_vae_test"] == pytest.approx(expected["eval_accuracy"], abs=0.001)


@pytest.mark.parametrize("score", [beta_vae_score, factor_vae_score], ids=lambda s: s.__name__)
def test_scores_that_draw_their_own_rows(name: str, score) -> None:  # type: ignore[no-untyped-def]
    given = arrays(name)
    for key, value in score(given["train_codes"], given["train_factors"]).items():
        expected = VALUES[name]["sampled_anew_5_seeds"][key]
        # rows are drawn from 10,000 given ones, not from the whole grid
        assert value == pytest.approx(expected["mean"], abs=5 * expected["std"] + 0.005), key


def test_factor_vae_score_on_the_references_votes() -> None:
    given = arrays("tanh10", "factor_vae_votes")
    train, test = given["train_votes"], given["eval_votes"]
    columns = range(train.shape[1])
    scores = from_votes(train, test)
    assert scores["factor_vae_test"] == sum(test[train[:, d].argmax(), d] for d in columns) / test.sum()
    assert scores["factor_vae_train"] == pytest.approx(0.80046, abs=0.01)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n == "noisy" else pytest.mark.slow) for n in NAMES])
def test_dci_and_the_accuracy_of_exact_trees_with_the_most_labels(name: str) -> None:
    expected, given = VALUES[name]["on_arrays"], _split(name)
    for key, value in dci(*given).items():
        if "per_tree" not in key:
            assert value == pytest.approx(expected[key], abs=0.01), key
    importances = [boost(given[0], given[1][:, k], given[2]).importances for k in range(given[1].shape[1])]
    np.testing.assert_allclose(np.stack(importances, axis=1), arrays(name, "matrices")["dci_importance"], atol=0.02)
    scores = downstream(*given, predictor="gbt", train_sizes=[10_000])
    assert scores["gbt_10000"] == pytest.approx(expected["dci_informativeness_test"], abs=0.01)


@pytest.mark.parametrize(("size", "tolerance"), [(10, 0.03), (100, 0.03), (1000, 0.01)])
def test_accuracies_of_exact_trees(name: str, size: int, tolerance: float) -> None:
    scores = downstream(*_split(name), predictor="gbt", train_sizes=[size])
    assert scores[f"gbt_{size}"] == pytest.approx(VALUES[name]["on_arrays"][f"gbt_{size}"], abs=tolerance)


@pytest.mark.parametrize(("size", "tolerance"), [(10, 0.02), (100, 0.02), (1000, 0.005), (10_000, 0.005)])
def test_accuracies_of_logistic_regression(name: str, size: int, tolerance: float) -> None:
    scores = downstream(*_split(name), predictor="lr", train_sizes=[size])
    assert scores[f"lr_{size}"] == pytest.approx(VALUES[name]["on_arrays"][f"lr_{size}"], abs=tolerance)


@pytest.mark.parametrize("size", [10, 100, *(pytest.param(n, marks=pytest.mark.slow) for n in (1000, 10_000))])
def test_xgboost_is_a_variant_near_the_studys_trees(name: str, size: int) -> None:
    expected = VALUES[name]["on_arrays"]
    expected = expected["dci_informativeness_test"] if size == 10_000 else expected[f"gbt_{size}"]
    scores = downstream(*_split(name), predictor="gbt", trees="xgboost", train_sizes=[size])
    assert {n.partition("/")[0] for n in scores} == {f"xgb_{size}"}
    assert scores[f"xgb_{size}"] == pytest.approx(expected, abs=0.03)


def _split(name: str) -> list[np.ndarray]:
    given = arrays(name)
    return [given[f"{part}_{kind}"] for part in ("train", "test") for kind in ("codes", "factors")]


def test_sap(name: str) -> None:
    expected, scores = VALUES[name]["on_arrays"], sap(*_split(name))
    assert scores["sap"] == pytest.approx(expected["sap"], abs=0.005)
    assert scores["sap_continuous"] == pytest.approx(expected["sap_continuous"], rel=1e-6)


def test_explicitness(name: str) -> None:
    for key, value in explicitness(*_split(name)).items():
        assert value == pytest.approx(VALUES[name]["on_arrays"][key], abs=0.005), key
