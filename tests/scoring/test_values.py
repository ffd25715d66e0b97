"""A metric with a parameter `values` gets what factors are worth; others get what they always did."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench import registry, score
from bench.data import load_data
from bench.data.pooled import at_size
from bench.metrics.base import Score, metric
from bench.scoring.codes import Codes, pool
from bench.scoring.run_readers import read_run
from bench.scoring.runs import Cell, evaluate, records_of
from bench.scoring.subjects import OfRun
from bench.store.folders import Store
from bench.study.run import Frozen, Run, Schedule

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=200) for n in (3, 4)], axis=1)
CODES = RNG.normal(size=(200, 3))
POINTS, SPLIT = {"num_points": 50}, {"num_train": 60, "num_test": 40}


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Cell]:
    """Registers a metric that reads values, and gives the cell of it."""

    def declare(reads: Any, sizes: dict[str, int], function: Callable[..., dict[str, float]]) -> Cell:
        function.__name__ = "worth"
        registered = metric(version=1, reads=reads, scores={"mean_value": Score(0, 1e6)}, paper="none")(function)
        monkeypatch.setattr(registry, "load", lambda kind, name: registered)
        monkeypatch.setattr(registry, "names", lambda kind: ["worth"])
        return Cell("worth", 1, "mean", sizes, {}, None)

    return declare


def test_values_are_those_of_the_rows_that_the_metric_reads(declared: Callable[..., Cell]) -> None:
    def function(codes: np.ndarray, factors: np.ndarray, *, values: np.ndarray) -> dict[str, float]:
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, factors / 10)
        return {"mean_value": float(values.mean())}

    scores, _ = evaluate(declared("points", POINTS, function), CODES, FACTORS, "run", FACTORS / 10)
    assert 0 < scores["mean_value"] < 0.3


def test_of_a_split_they_are_a_pair(declared: Callable[..., Cell]) -> None:
    def function(
        codes: np.ndarray, factors: np.ndarray, test_codes: np.ndarray, test_factors: np.ndarray, *, values: Any
    ) -> dict[str, float]:
        train, test = values
        np.testing.assert_array_equal(train, factors / 10)
        np.testing.assert_array_equal(test, test_factors / 10)
        return {"mean_value": float(len(train))}

    assert evaluate(declared("split", SPLIT, function), CODES, FACTORS, "run", FACTORS / 10)[0] == {"mean_value": 60}


def test_without_values_they_are_the_classes(declared: Callable[..., Cell]) -> None:
    def function(codes: np.ndarray, factors: np.ndarray, *, values: np.ndarray) -> dict[str, float]:
        np.testing.assert_array_equal(values, factors)
        return {"mean_value": float(values.dtype == np.float64)}

    assert evaluate(declared("points", POINTS, function), CODES, FACTORS, "run")[0] == {"mean_value": 1}
    assert score(CODES, FACTORS, "worth") == {"mean_value": 1}


def test_a_record_rests_on_the_values_that_come_with_the_codes(declared: Callable[..., Cell]) -> None:
    def function(codes: np.ndarray, factors: np.ndarray, *, values: np.ndarray) -> dict[str, float]:
        return {"mean_value": float(np.abs(values - factors).max())}

    cell, codes = declared("all", {}, function), Codes(CODES.astype(np.float32), None, np.arange(200), FACTORS + 0.5)
    assert records_of(cell, OfRun("run", codes, FACTORS))[0]["values"] == {"mean_value": 0.5}
    assert records_of(cell, OfRun("run", replace(codes, values=None), FACTORS))[0]["values"] == {"mean_value": 0.0}


def test_the_codes_of_a_run_come_with_the_values_of_its_data_set(tmp_path: Any) -> None:
    schedule = Schedule(1, 1, 1e-3, 32, "small", 4, 1, "tiny", 1, 1)
    run = Run("random_projection", 1, True, Frozen(latent_dim=4.0), None, None, None, 0, "mnist", 1, schedule)
    data, folder = at_size(load_data("mnist"), 32), Store(tmp_path).run(run.id)
    index = pool(data, 50)
    Codes(RNG.normal(size=(50, 4)).astype(np.float32), None, index).save(folder)
    subject = read_run(run, [folder], [Cell("mig", 1, "mean", POINTS, {}, 50)])
    assert subject.codes is not None
    np.testing.assert_array_equal(subject.codes.values, data.values(index))
    np.testing.assert_array_equal(subject.factors, data.factors(index))
