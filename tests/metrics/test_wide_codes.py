"""Codes that are too wide for a metric are refused before anything is fitted, with the bound."""

import numpy as np
import pytest

from bench import registry
from bench.metrics.base import OF_CODES, SkippedError
from bench.metrics.dci import dci
from bench.metrics.downstream import downstream
from bench.metrics.parts.tree_work import MOST, check_tree_work
from bench.scoring.runs import PUBLISHED, cells, declaration, evaluate

ROWS = 10_000
FACTORS = np.stack([np.arange(ROWS) % n for n in (3, 6, 40, 32, 32)], axis=1)


@pytest.mark.parametrize("metric", ["dci", "downstream", "fairness", "unified"])
def test_trees_of_codes_that_would_take_minutes_are_refused(metric: str) -> None:
    codes = np.broadcast_to(np.zeros((ROWS, 1)), (ROWS, 2_048))
    (cell,) = cells([metric], PUBLISHED)
    with pytest.raises(SkippedError, match=r"codes of [\d,]+ dims at most, got 2,048: they would take \d CPU minutes"):
        evaluate(cell, codes, FACTORS, "run")


def test_features_of_a_pretrained_network_are_taken() -> None:
    check_tree_work(768, FACTORS.T, 100)
    check_tree_work(768, [labels[:size] for size in (10, 100, 1_000, 10_000) for labels in FACTORS.T], 100)
    with pytest.raises(SkippedError, match="codes of 1,176 dims at most, got 1,177: they would take 2 CPU minutes"):
        check_tree_work(1_177, FACTORS.T, 100)
    with pytest.raises(SkippedError, match="codes of 132 dims at most, got 768"):
        check_tree_work(768, FACTORS.T, 100, exact=False)


def test_the_bound_is_of_rows_dims_trees_and_rounds() -> None:
    labels = np.arange(100) % 10
    most = int(MOST * 1e9 / (8 * 100 * 10 * 100))
    check_tree_work(most, [labels], 100)
    check_tree_work(2 * most, [labels[:50]], 100)
    check_tree_work(2 * most, [labels], 50)
    with pytest.raises(SkippedError, match=f"codes of {most // 2:,} dims at most, got {most:,}"):
        check_tree_work(most, [labels, labels], 100)


def test_logistic_regression_alone_takes_what_trees_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.metrics.parts.tree_work.MOST", 0)
    x, y = FACTORS[:60].astype(float), FACTORS[:60, :1]
    with pytest.raises(SkippedError):
        dci(x, FACTORS[:60], x, FACTORS[:60])
    with pytest.raises(SkippedError):
        downstream(x, y, x, y, train_sizes=[30])
    assert downstream(x, y, x, y, train_sizes=[30], predictor="lr").keys() == {"lr_30", "lr_30/0"}


def test_every_metric_of_codes_states_how_wide_they_may_be() -> None:
    of_codes = [declaration(n) for n in registry.names("metrics") if declaration(n).reads in OF_CODES]
    assert min(declared.widest for declared in of_codes) >= 2_048
    widest = max(declared.widest for declared in of_codes)
    for declared in of_codes:
        wide = np.broadcast_to(0.0, (2, widest + 1))
        with pytest.raises(SkippedError, match=f"{declared.name} takes codes of {declared.widest:,} dims at most"):
            evaluate(cells([declared.name], PUBLISHED)[0], wide, FACTORS[:2], "run")
