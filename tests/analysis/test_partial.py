"""Partial rank correlations are those of what is left of ranks, and know when a third score explains it all."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.analysis.scores.agreement import TooFewRunsError, rank_correlations
from bench.analysis.scores.partial import partial_correlations, partly_correlated


def scores(seeds: int = 6) -> pd.DataFrame:
    """Accuracy; scores that agree with it or not; an outcome of accuracy, and one of the score `own` besides."""
    rows = [("d", "m", float(v), s, f"{v}-{s}") for v in range(20) for s in range(seeds)]
    index = pd.MultiIndex.from_tuples(rows, names=["dataset", "model", "value", "seed", "run"])
    accuracy, own, noise, other = np.random.default_rng(0).normal(size=(4, len(rows)))
    table = pd.DataFrame({"accuracy": accuracy, "own": accuracy + own, "alike": accuracy + other}, index)
    return table.assign(outcome=-accuracy + 0.5 * noise, outcome_of_own=-accuracy - own + 0.5 * noise, none=1.0)


def test_they_are_correlations_of_ranks_less_what_the_third_rank_explains() -> None:
    table = scores()
    ranks = table.rank()

    def left(name: str) -> np.ndarray:
        fit = stats.linregress(ranks["accuracy"], ranks[name])
        return np.asarray(ranks[name] - fit.slope * ranks["accuracy"])

    cells = partial_correlations(table, ["own", "alike"], "outcome_of_own", "accuracy")
    expected = [stats.pearsonr(left(name), left("outcome_of_own")).statistic for name in ("own", "alike")]
    np.testing.assert_allclose(cells["spearman"], expected, atol=1e-12)
    assert cells[["given", "runs", "seeds"]].drop_duplicates().to_numpy().tolist() == [["accuracy", 120, 6]]


def test_what_accuracy_alone_explains_is_gone_and_the_rest_stays() -> None:
    table = scores()
    whole = rank_correlations(table, ["own"], ["outcome", "outcome_of_own"])
    assert (whole["high"] < -0.4).all()
    explained = partial_correlations(table, ["own"], "outcome", "accuracy").iloc[0]
    assert explained["low"] < 0 < explained["high"]
    rest = partial_correlations(table, ["own"], "outcome_of_own", "accuracy").iloc[0]
    assert rest["low"] < rest["spearman"] < rest["high"] < -0.5
    assert rest["p"] < 1e-6


def test_the_standard_error_is_that_of_leaving_runs_out() -> None:
    """With one setting the variance of influences is the jackknife's, but for terms of higher order."""
    values = scores()[["own", "outcome_of_own", "accuracy"]].to_numpy()
    found = partly_correlated(values, np.zeros(len(values), int))
    without = [float(partly_correlated(np.delete(values, i, 0), None)["spearman"]) for i in range(len(values))]
    assert found["error"] == pytest.approx(np.std(without) * np.sqrt(len(values) - 1), rel=0.05)


@pytest.mark.parametrize("names", [("own", "accuracy"), ("own", "own"), ("none", "accuracy"), ("own", "none")])
def test_there_is_none_where_the_third_ranks_as_another_does_or_a_score_is_constant(names: tuple[str, str]) -> None:
    column = "accuracy" if names[1] != "none" else "outcome"
    cells = partial_correlations(scores(), [names[0]], column, names[1])
    assert cells[["spearman", "low", "high", "p"]].isna().all(axis=None)


def test_fewer_than_ten_runs_have_no_interval() -> None:
    for runs, missing in ((9, True), (10, False)):
        cells = partial_correlations(scores(seeds=10).iloc[:runs], ["own"], "outcome", "accuracy")
        assert cells["spearman"].notna().all()
        assert cells[["low", "high", "p"]].isna().all(axis=None) == missing


def test_few_seeds_have_no_interval_and_few_runs_nothing() -> None:
    cells = partial_correlations(scores(seeds=4), ["own"], "outcome", "accuracy")
    assert cells["spearman"].notna().all()
    assert cells[["low", "high", "p"]].isna().all(axis=None)
    with pytest.raises(TooFewRunsError, match="5 runs have all of these scores, 6 are needed"):
        partial_correlations(scores().iloc[:5], ["own"], "outcome", "accuracy")
