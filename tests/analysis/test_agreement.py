"""Rank correlations are SciPy's; their intervals come from the variance of seeds and know when there is too little."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from bench.analysis.scores.agreement import TooFewRunsError, adjusted, rank_correlations, wide, with_interval
from bench.analysis.statistics.intervals import resamples, spread
from bench.analysis.statistics.ranks import row_spearman, spearman_influence
from bench.analysis.statistics.significance import benjamini_hochberg
from bench.testing.synthetic import SyntheticScore, synthetic_table

RNG = np.random.default_rng(0)


def scores(runs_a_setting: int = 10, settings: int = 6) -> pd.DataFrame:
    """Two scores that agree by 0.8, one of noise, one that is constant."""
    rows = [("d", "m", float(v), s, f"{v}-{s}") for v in range(settings) for s in range(runs_a_setting)]
    index = pd.MultiIndex.from_tuples(rows, names=["dataset", "model", "value", "seed", "run"])
    rng = np.random.default_rng(0)
    pair = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=len(rows))
    return pd.DataFrame({"a": pair[:, 0], "b": pair[:, 1], "c": rng.normal(size=len(rows)), "k": 1.0}, index=index)


def test_a_wide_table_has_each_score_of_each_run_once() -> None:
    long = synthetic_table(
        np.random.default_rng(0), seeds=2, scores={"mig": SyntheticScore("mig", 0.8), "sap": SyntheticScore("sap", 0.6)}
    )
    mixed = long.sample(frac=1, random_state=1)
    named = mixed.set_index(["run", "name"])["score"]
    found = wide(mixed)
    assert found.index.is_monotonic_increasing
    for name in ("mig", "sap"):
        expected = [named[run, name] for run in found.index.get_level_values("run")]
        np.testing.assert_array_equal(found[name], expected)
    with pytest.raises(ValueError, match="more than one mig"):
        wide(pd.concat([long, long[long["name"] == "mig"][:1]]))


def test_spearman_is_scipys_with_ties() -> None:
    x = RNG.integers(5, size=(50, 3)).astype(float)
    expected = stats.spearmanr(x).statistic
    np.testing.assert_allclose(spearman_influence(x)[0], expected, atol=1e-12)
    np.testing.assert_allclose(row_spearman(x.T[:1], x.T[1:2]), expected[0, 1], atol=1e-12)


@pytest.mark.parametrize("levels", [3, 10**6], ids=["many ties", "no ties"])
def test_the_influence_of_a_row_is_what_the_correlation_loses_without_it(levels: int) -> None:
    x = RNG.integers(levels, size=(300, 2)).astype(float)
    x[:, 1] += x[:, 0] // 2
    rho, influence = spearman_influence(x)
    without = [spearman_influence(np.delete(x, i, axis=0))[0][0, 1] for i in range(len(x))]
    centred = influence[:, 0, 1] - influence[:, 0, 1].mean()
    np.testing.assert_allclose(len(x) * (rho[0, 1] - np.array(without)), centred, atol=0.05)


def test_correlations_lie_within_their_intervals() -> None:
    table = rank_correlations(scores(), ["a"], ["b", "c"]).set_index("column")
    assert table.loc["b", "low"] < table.loc["b", "spearman"] < table.loc["b", "high"]
    assert table.loc["b", "low"] > 0.5
    assert table.loc["c", "low"] < 0 < table.loc["c", "high"]
    assert table.loc["b", "runs"] == 60


def test_the_interval_covers_the_known_correlation_of_a_copula_as_often_as_it_says() -> None:
    made = {"mig": SyntheticScore("mig", 0.9), "sap": SyntheticScore("sap", 0.8)}
    truth = 6 / np.pi * np.arcsin(0.9 * 0.8 / 2)
    rng = np.random.default_rng(0)
    table = synthetic_table(rng, datasets=[f"d{k}" for k in range(60)], models=("m",), scores=made, sampled={})
    hits = []
    for _, own in wide(table).groupby("dataset"):
        found = rank_correlations(own, ["mig"], ["sap"]).iloc[0]
        hits.append(found["low"] <= truth <= found["high"])
    assert np.mean(hits) > 0.85


def test_a_constant_score_has_no_correlation_and_no_significance() -> None:
    found = rank_correlations(scores(), ["a"], ["k"]).iloc[0]
    assert np.isnan(found[["spearman", "low", "high", "p"]].astype(float)).all()


def test_too_few_runs_are_said_to_be_too_few() -> None:
    holes = scores()
    holes.loc[holes.index[5:], "b"] = np.nan
    with pytest.raises(TooFewRunsError, match="5 runs have all of these scores, 6 are needed"):
        rank_correlations(holes, ["a"], ["b"])


def test_resampling_stays_within_strata() -> None:
    strata = ["x"] * 3 + ["y"] * 2 + ["x"]
    drawn = resamples(strata, 500, np.random.default_rng(0))
    labels = np.array(strata)
    assert (labels[drawn] == labels).all()
    assert set(drawn[:, 0]) == {0, 1, 2, 5}


def test_the_wide_table_keeps_scores_of_all_factors_together_and_of_the_run() -> None:
    row = {"dataset": "d", "model": "m", "value": 1.0, "seed": 0, "run": "r", "representation": "mean"}
    rows = [row | {"name": "lr_10", "factor": f, "score": s} for f, s in ((None, 0.5), ("shape", 0.9))]
    rows.append(row | {"representation": "sampled", "name": "lr_10", "factor": None, "score": 0.1})
    rows.append(row | {"representation": None, "name": "elbo", "factor": None, "score": -3.0})
    table = pd.DataFrame(rows).astype({"representation": "string"})
    assert wide(table)[["elbo", "lr_10"]].to_numpy().tolist() == [[-3.0, 0.5]]
    assert wide(table, "sampled")[["elbo", "lr_10"]].to_numpy().tolist() == [[-3.0, 0.1]]


def test_each_pair_is_tested_once_and_never_with_itself() -> None:
    cells = rank_correlations(scores(), ["a", "b", "c"], ["a", "b", "c"])
    found = adjusted(cells.assign(dataset="d")).set_index(["row", "column"])["q"]
    assert np.isnan(found["a", "a"])
    p = cells.set_index(["row", "column"])["p"]
    assert found["a", "b"] == found["b", "a"] == pytest.approx(3 * p["a", "b"])
    assert found["a", "b"] < 1e-6
    assert found["a", "c"] > 0.05


def test_adjustment_is_scipys_and_leaves_out_what_was_not_tested() -> None:
    p = RNG.uniform(size=30) ** 3
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p))
    holes = np.insert(p, 4, np.nan)
    np.testing.assert_allclose(benjamini_hochberg(holes), np.insert(stats.false_discovery_control(p), 4, np.nan))


def test_p_values_are_those_of_the_interval() -> None:
    """The interval's end is at 0 where p is 0.05."""
    cells = rank_correlations(scores(), ["a", "b"], ["c"])
    excluded = (cells["low"] > 0) | (cells["high"] < 0)
    assert (excluded == (cells["p"] < 0.05)).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_where_the_end_of_the_interval_is_at_no_correlation_p_is_one_in_twenty(sign: int) -> None:
    influence, labels = RNG.normal(size=40), np.repeat(np.arange(4), 10)
    error, freedom = spread(influence, labels)
    end = optimize.brentq(lambda r: np.arctanh(r) * (1 - r**2) / error - stats.t.ppf(0.975, freedom), 0, 0.6)
    found = with_interval(np.asarray(sign * end), influence, labels)
    assert found["low" if sign > 0 else "high"] == pytest.approx(0, abs=1e-9)
    assert found["p"] == pytest.approx(0.05)


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_fewer_than_five_seeds_have_no_interval(seeds: int) -> None:
    cells = rank_correlations(scores(runs_a_setting=seeds), ["a"], ["b"])
    assert cells[["low", "high", "p"]].isna().all(axis=None)
    assert cells["spearman"].notna().all()


def test_a_setting_with_fewer_seeds_takes_the_interval_of_all() -> None:
    few = scores().drop(index=scores().index[:7])
    assert rank_correlations(few, ["a"], ["b"])[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_that_are_the_same_or_opposite_have_no_interval(sign: int) -> None:
    cell = rank_correlations(scores().assign(other=lambda t: sign * t["a"]), ["a"], ["other"]).iloc[0]
    assert cell["spearman"] == pytest.approx(sign)
    assert cell[["low", "high", "p"]].isna().all()
