"""Unified scores: what they are made from is what DCI, MIG, SAP and modularity are made from."""

import numpy as np
import pytest

from bench.metrics import unified as module
from bench.metrics.base import SkippedError
from bench.metrics.dci import dci
from bench.metrics.mig import mig
from bench.metrics.modularity import modularity
from bench.metrics.parts import exact_trees
from bench.metrics.sap import sap
from bench.metrics.unified import unified

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=600) for n in (3, 4)], axis=1)
CODES = FACTORS @ [[1.0, 0.3, 0.0], [0.0, 1.0, 0.2]] + 0.3 * RNG.normal(size=(600, 3))
SPLIT = CODES[:400], FACTORS[:400], CODES[400:], FACTORS[400:]


def test_four_of_twelve_are_the_scores_they_generalise() -> None:
    scores = unified(*SPLIT, num_rounds=3)
    assert scores.keys() == unified.metric.scores.keys()  # type: ignore[attr-defined]
    assert len(scores) == 12
    assert scores["unified_gbt_dci"] == dci(*SPLIT, num_rounds=3)["dci_disentanglement"]
    assert scores["unified_svm_sap"] == sap(*SPLIT)["sap"]
    assert scores["unified_mi_mig"] == pytest.approx(mig(*SPLIT[:2])["mig"], rel=1e-12)
    assert scores["unified_mi_modularity"] == modularity(*SPLIT[:2])["modularity"]


def test_aggregations_of_a_matrix_by_hand() -> None:
    scores = module._aggregated("mi", np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([1.0, 4.0]))
    assert scores["unified_mi_dci"] == pytest.approx(0.5)  # rows of weight 1/2 each: all in one place, and even
    assert scores["unified_mi_mig"] == pytest.approx(((2 - 1) / 1 + (1 - 0) / 4) / 2)
    assert scores["unified_mi_sap"] == pytest.approx(1)
    assert scores["unified_mi_modularity"] == pytest.approx(0.5)


def test_trees_are_those_of_dci_and_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, test, expected = SPLIT
    dci(x + 1, y, test + 1, expected, num_rounds=2)
    monkeypatch.setattr(exact_trees, "_fit", lambda *_: pytest.fail("trees were fitted again"))
    assert unified(x + 1, y, test + 1, expected, num_rounds=2)["unified_gbt_sap"] > 0


def test_matrices_are_chosen_by_name() -> None:
    assert {name.split("_")[1] for name in unified(*SPLIT, matrices=["mi", "svm"])} == {"mi", "svm"}
    assert len(unified(*SPLIT, matrices="mi")) == 4
    with pytest.raises(ValueError, match=r"unknown matrix 'mii'\. Did you mean 'mi'"):
        unified(*SPLIT, matrices=["mii"])
    with pytest.raises(ValueError, match="matrices names none of gbt, mi, svm"):
        unified(*SPLIT, matrices=[])


def test_trees_that_would_take_too_long_are_a_reason_that_names_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.metrics.parts.tree_work.MOST", 0)
    with pytest.raises(SkippedError, match="boosted trees of these factors take codes of 0 dims at most, got 3"):
        unified(*SPLIT)
    assert len(unified(*SPLIT, matrices=["mi", "svm"])) == 8


def test_one_dimension_has_no_second_and_a_single_factor_is_a_reason() -> None:
    x, y, test, expected = SPLIT
    scores = unified(x[:, :1], y, test[:, :1], expected, num_rounds=2)
    assert scores["unified_gbt_sap"] == 1  # the one dimension has all importance
    with pytest.raises(SkippedError, match="with two values or more: 1"):
        unified(x, y[:, :1], test, expected[:, :1])
