"""Rank correlations are SciPy's; their intervals come from resampling seeds and know when there is too little."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.analysis.agreement import TooFewRunsError, rank_correlations, spearman, wide
from bench.analysis.intervals import resamples

RNG = np.random.default_rng(0)


def scores(runs_a_setting: int = 10, settings: int = 6) -> pd.DataFrame:
    """Two scores that agree by 0.8, one of noise, one that is constant."""
    rows = [("d", "m", float(v), s, f"{v}-{s}") for v in range(settings) for s in range(runs_a_setting)]
    index = pd.MultiIndex.from_tuples(rows, names=["dataset", "model", "value", "seed", "run"])
    pair = RNG.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=len(rows))
    return pd.DataFrame({"a": pair[:, 0], "b": pair[:, 1], "c": RNG.normal(size=len(rows)), "k": 1.0}, index=index)


def test_spearman_is_scipys_with_ties() -> None:
    x = RNG.integers(5, size=(50, 3)).astype(float)
    expected = stats.spearmanr(x).statistic
    np.testing.assert_allclose(spearman(x, x), expected, atol=1e-12)


def test_correlations_lie_within_their_intervals() -> None:
    table = rank_correlations(scores(), ["a"], ["b", "c"], np.random.default_rng(0)).set_index("column")
    assert table.loc["b", "low"] < table.loc["b", "spearman"] < table.loc["b", "high"]
    assert table.loc["b", "low"] > 0.5
    assert table.loc["c", "low"] < 0 < table.loc["c", "high"]
    assert table.loc["b", "runs"] == 60


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    truth = 6 / np.pi * np.arcsin(0.8 / 2)  # Spearman's of a Gaussian pair
    hits = []
    for seed in range(60):
        found = rank_correlations(scores(), ["a"], ["b"], np.random.default_rng(seed)).iloc[0]
        hits.append(found["low"] <= truth <= found["high"])
    assert np.mean(hits) > 0.8


def test_a_constant_score_has_no_correlation() -> None:
    found = rank_correlations(scores(), ["a"], ["k"], np.random.default_rng(0)).iloc[0]
    assert np.isnan(found[["spearman", "low", "high"]].astype(float)).all()


def test_too_few_runs_are_said_to_be_too_few() -> None:
    holes = scores()
    holes.loc[holes.index[5:], "b"] = np.nan
    with pytest.raises(TooFewRunsError, match="5 runs have all of these scores, 6 are needed"):
        rank_correlations(holes, ["a"], ["b"], np.random.default_rng(0))


def test_resampling_stays_within_strata() -> None:
    strata = ["x"] * 3 + ["y"] * 2 + ["x"]
    drawn = resamples(strata, 500, np.random.default_rng(0))
    labels = np.array(strata)
    assert (labels[drawn] == labels).all()
    assert set(drawn[:, 0]) == {0, 1, 2, 5}


def test_the_wide_table_keeps_scores_of_all_factors_together() -> None:
    row = {"dataset": "d", "model": "m", "value": 1.0, "seed": 0, "run": "r", "representation": "mean"}
    rows = [row | {"name": "lr_10", "factor": f, "score": s} for f, s in ((None, 0.5), ("shape", 0.9))]
    rows.append(row | {"representation": "sampled", "name": "lr_10", "factor": None, "score": 0.1})
    found = wide(pd.DataFrame(rows))
    assert found.to_numpy().tolist() == [[0.5]]
