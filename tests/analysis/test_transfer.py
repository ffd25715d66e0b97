"""What carries over: order of settings to other data sets, picked settings, picked runs, thirds of runs."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, spearmanr, t

from bench.analysis.scores.agreement import TooFewRunsError, wide
from bench.analysis.scores.choice import choose
from bench.analysis.scores.datasets import agreement_across_datasets, correlated_medians, median_noise
from bench.analysis.scores.groups import _medians, accuracy_by_third
from bench.analysis.scores.selection import unsupervised_selection, with_sampled_tc
from bench.analysis.scores.transfer import Grid, complete_grid, transfer
from bench.testing.synthetic import SyntheticScore, synthetic_table

MADE = {
    "mig": SyntheticScore("mig", 0.8),
    "sap": SyntheticScore("sap", 0.6),
    "elbo": SyntheticScore("training", 0.5, representation=None),
    "gbt_100": SyntheticScore("downstream", 0.9),
}
SAMPLED = {"gaussian_total_correlation": SyntheticScore("unsupervised", -0.5, representation="sampled")}
TWO = ("dsprites", "mnist")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def made(**settings: object) -> pd.DataFrame:
    return synthetic_table(rng(), scores=MADE, sampled=SAMPLED, **settings)  # type: ignore[arg-type]


def test_agreement_between_datasets_is_that_of_the_settings_medians() -> None:
    scores = wide(made(datasets=TWO, explained=0.5))
    found = agreement_across_datasets(scores, ["mig"], rng()).set_index(["row", "column"])
    medians = [scores["mig"].xs(d).groupby(["model", "value"]).median() for d in TWO]
    cell = found.loc[TWO]
    assert cell["spearman"] == pytest.approx(spearmanr(*medians).statistic)
    assert cell["low"] < cell["spearman"] < cell["high"]
    assert cell["settings"] == 36
    assert 0 < cell["attenuation"] < 1
    few = agreement_across_datasets(wide(made(datasets=TWO, seeds=4)), ["mig"], rng())
    assert few[["low", "high", "p", "attenuation"]].isna().all(axis=None)
    with pytest.raises(TooFewRunsError, match="1 data sets; two are needed"):
        agreement_across_datasets(wide(made()), ["mig"], rng())


def test_the_noise_of_a_median_of_five_seeds_is_that_of_the_third_of_five_normal_values() -> None:
    variances = 4 * rng().chisquare(4, size=2000) / 4
    assert median_noise(list(variances), [5] * 2000).mean() == pytest.approx(4 * 0.28683, rel=0.03)


def two_sides(agreement: float) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """True medians of 400 settings on two sides, the same with noise, and the variances of the noise."""
    draws = np.random.default_rng(3)
    pair = draws.multivariate_normal([0, 0], [[1, agreement], [agreement, 1]], size=400).T
    true = [300 + 10 * side for side in pair]
    noise = [np.where(np.arange(400) % 2, 5.0, 50.0) for _ in true]
    return true, [side + draws.normal(size=400) * np.sqrt(v) for side, v in zip(true, noise, strict=True)], noise


def test_attenuation_is_what_noise_takes_from_the_correlation_of_each_side_with_itself() -> None:
    true, noisy, noise = two_sides(0.8)
    found = correlated_medians(noisy, noise, rng())
    kept = [spearmanr(a, b).statistic for a, b in zip(true, noisy, strict=True)]
    assert found["attenuation"] == pytest.approx(kept[0] * kept[1], abs=0.04)
    assert found["spearman"] / found["attenuation"] == pytest.approx(spearmanr(*true).statistic, abs=0.06)


def test_the_interval_across_data_sets_reaches_from_the_correlation_to_that_without_noise() -> None:
    _, noisy, noise = two_sides(0.5)
    found = correlated_medians([side[:60] for side in noisy], [v[:60] for v in noise], rng())
    assert found["low"] > 0
    z = np.arctanh(found["spearman"])
    half = z - np.arctanh(found["low"])  # the nearer to 0
    assert found["high"] == pytest.approx(np.tanh(z + half) / found["attenuation"])
    assert found["p"] == pytest.approx(2 * norm.sf(z / half * norm.ppf(0.975)))


def test_an_interval_around_no_agreement_is_that_without_noise_at_both_ends() -> None:
    _, noisy, noise = two_sides(0.0)
    found = correlated_medians([side[:50] for side in noisy], [v[:50] for v in noise], rng())
    z = np.arctanh(found["spearman"])
    low, high = (np.arctanh(found[end] * found["attenuation"]) for end in ("low", "high"))
    assert low < 0 < high
    assert z - low == pytest.approx(high - z)


def test_no_interval_across_data_sets_goes_beyond_one() -> None:
    _, noisy, _ = two_sides(0.999)
    loud = [np.full(400, 50.0)] * 2
    same = correlated_medians([noisy[0], noisy[0]], loud, rng())
    opposite = correlated_medians([noisy[0], -noisy[0]], loud, rng())
    assert same["high"] == 1
    assert opposite["low"] == -1


def test_the_setting_with_the_fewest_seeds_on_either_data_set_decides_whether_there_is_an_interval() -> None:
    table = made(datasets=TWO, seeds=5)
    lone = (table["dataset"] == "mnist") & (table["model"] == "beta_vae") & (table["strength_index"] == 0)
    found = agreement_across_datasets(wide(table[~lone | (table["seed"] < 4)]), ["mig"], rng())
    assert (found["seeds"] == 4).all()
    assert found[["low", "high", "p"]].isna().all(axis=None)


def test_a_setting_that_is_always_best_always_transfers() -> None:
    table = made(datasets=TWO, seeds=5)
    best = (table["model"] == "beta_vae") & (table["strength_index"] == 2)
    table.loc[best, "score"] = 2.0
    found = transfer(complete_grid(wide(table), ["mig", "sap"]))
    assert len(found) == 4
    assert (found[["percent", "low", "high"]] == 100).all(axis=None)


def test_of_settings_that_are_best_together_each_is_picked_as_often_whatever_their_names() -> None:
    table = made(models=("beta_vae", "factor_vae"), strengths=2, seeds=2)
    best = table["name"].eq("mig") & table["strength_index"].eq(1)
    table.loc[best, "score"] = 2.0
    renamed = table.assign(model=table["model"].map({"beta_vae": "factor_vae", "factor_vae": "beta_vae"}))
    ours, theirs = (transfer(complete_grid(wide(t), ["mig", "sap"]))["percent"].tolist() for t in (table, renamed))
    assert ours == pytest.approx(theirs)


def test_settings_of_pure_noise_transfer_as_a_coin_with_ties_does() -> None:
    found = transfer(complete_grid(wide(made(datasets=TWO, seeds=20)), ["mig", "sap"]))
    expected = 100 * (35 / 2 + 1) / 36  # no better than the other 35 but for itself
    assert (found["percent"] - expected).abs().max() < 6
    assert ((found["low"] < found["percent"]) & (found["percent"] < found["high"])).all()


def test_the_percentage_is_the_mean_over_all_trials_there_are() -> None:
    grid = complete_grid(wide(made(datasets=TWO, seeds=3)), ["mig", "sap"])
    found = transfer(grid).set_index(["metric", "dataset"])
    wins = []
    for seed, elsewhere in itertools.permutations(range(3), 2):
        for d, m, chance in itertools.product(range(2), range(2), range(36)):
            picked = grid.scores[d, m, :, seed].argmax()
            other = grid.scores[1 - d, 1 - m, :, elsewhere]
            wins.append(other[picked] >= other[chance])
    assert found.loc[("random", "random"), "percent"] == pytest.approx(100 * np.mean(wins))
    assert found[["low", "high"]].isna().all(axis=None)  # three seeds


def test_the_interval_of_transfer_is_that_of_leaving_each_seed_out() -> None:
    grid = complete_grid(wide(made(datasets=TWO, seeds=7)), ["mig", "sap"])
    found = transfer(grid)
    without = [
        transfer(Grid(np.delete(grid.scores, k, axis=3), grid.datasets, grid.names))["percent"] for k in range(7)
    ]
    error = np.sqrt(6) * np.std(without, axis=0)
    np.testing.assert_allclose(found["low"], found["percent"] - t.ppf(0.975, 6) * error)
    np.testing.assert_allclose(found["high"], found["percent"] + t.ppf(0.975, 6) * error)


def test_a_score_that_one_data_set_lacks_is_left_out_of_transfer() -> None:
    table = made(datasets=TWO, seeds=3)
    lacking = table[table["dataset"].ne("mnist") | table["name"].ne("mig")]
    grids = [complete_grid(wide(t), names) for t, names in ((lacking, ["mig", "sap"]), (table, ["sap"]))]
    assert grids[0].names == ("sap",)
    np.testing.assert_array_equal(grids[0].scores, grids[1].scores)


def test_transfer_within_one_data_set_is_all_that_one_data_set_gives() -> None:
    found = transfer(complete_grid(wide(made()), ["mig", "sap"]))
    assert set(found["dataset"]) == {"same"}


def test_seeds_that_some_setting_lacks_are_left_out_of_transfer() -> None:
    table = made(datasets=TWO, seeds=4)
    hole = (table["seed"] == 3) & (table["model"] == "beta_vae") & (table["name"] == "mig")
    grid = complete_grid(wide(table[~hole]), ["mig", "sap"])
    assert grid.scores.shape == (2, 2, 36, 3)
    assert np.isfinite(grid.scores).all()
    with pytest.raises(TooFewRunsError, match="1 seeds in common"):
        complete_grid(wide(made(seeds=1)), ["mig"])


def test_the_picked_run_is_the_one_the_unsupervised_score_likes_best() -> None:
    scores = with_sampled_tc(made())
    found = unsupervised_selection(scores, ["mig"], rng()).set_index("by")
    tc = scores["gaussian_total_correlation_sampled"]
    assert found.loc["elbo", "score"] == scores["mig"][scores["elbo"].idxmax()]
    assert found.loc["gaussian_total_correlation_sampled", "score"] == scores["mig"][tc.idxmin()]
    assert found.loc["best run", "score"] == scores["mig"].max()
    assert found.loc["median run", "score"] == scores["mig"].median()
    assert found.loc["worst run", "score"] == scores["mig"].min()
    shares = [(scores["mig"] <= score).mean() for score in found["score"]]
    assert found["share"].tolist() == pytest.approx(shares)
    assert (found["runs"] == len(scores)).all()
    with pytest.raises(TooFewRunsError, match="0 unsupervised scores"):
        unsupervised_selection(scores[["mig"]], ["mig"], rng())


@pytest.mark.parametrize(("seeds", "has_interval"), [(4, False), (5, True)])
def test_a_score_that_ranks_as_the_metric_does_picks_the_best_run_in_every_draw(seeds: int, has_interval: bool) -> None:
    scores = with_sampled_tc(made(seeds=seeds)).assign(elbo=lambda s: 2 * s["mig"] - 100)
    found = unsupervised_selection(scores, ["mig", "sap"], rng()).set_index(["metric", "by"])[["score", "low", "high"]]
    pd.testing.assert_series_equal(found.loc["mig", "elbo"], found.loc["mig", "best run"], check_names=False)
    assert found[["low", "high"]].notna().all(axis=None) == has_interval
    assert found[["low", "high"]].notna().any(axis=None) == has_interval
    if has_interval:
        medians = found.xs("median run", level="by")
        assert ((medians["low"] < medians["score"]) & (medians["score"] < medians["high"])).all()


def test_runs_that_lack_a_score_are_not_picked_from() -> None:
    scores = with_sampled_tc(made())
    best = scores["elbo"].idxmax()
    for name in ("mig", "elbo"):
        holes = scores.copy()
        holes.loc[best, name] = np.nan
        found = unsupervised_selection(holes, ["mig"], rng()).set_index("by")
        assert found.loc["elbo", "score"] == scores["mig"][scores["elbo"].drop(best).idxmax()]
        assert (found["runs"] == len(scores) - 1).all()


@pytest.mark.parametrize("drawn", [36, 37, 38, 3])
def test_medians_of_resampled_thirds_are_those_of_the_drawn_rows(drawn: int) -> None:
    values = rng().normal(size=(37, 4))
    values[:, 2] = values[:, 2].round()
    counts = rng().multinomial(drawn, np.full(37, 1 / 37), size=20)
    order = np.argsort(values, axis=0, kind="stable").T
    found = _medians(np.take_along_axis(values.T, order, axis=1), order, counts, 3)
    for medians, count in zip(found, counts, strict=True):
        thirds = np.array_split(np.repeat(np.arange(37), count), 3)
        np.testing.assert_array_equal(medians, [np.median(values[part], axis=0) for part in thirds])


def test_accuracy_rises_with_the_thirds_of_what_it_goes_with() -> None:
    scores = wide(made())
    found = accuracy_by_third(scores, "mig", ["gbt_100"], rng())
    assert found["median"].is_monotonic_increasing
    assert (found["low"] <= found["median"]).all()
    order = scores["mig"].sort_values().index[:120]
    assert found["median"].iloc[0] == scores.loc[order, "gbt_100"].median()
    with pytest.raises(TooFewRunsError, match="1 values of mig"):
        accuracy_by_third(scores.assign(mig=0.5), "mig", ["gbt_100"], rng())


def test_of_a_score_of_which_lower_is_better_the_lowest_is_the_best() -> None:
    table = made(datasets=TWO)
    lower = table.assign(
        name=table["name"].astype(str).replace("mig", "unfairness"),
        score=table["score"].where(table["name"] != "mig", -table["score"]),
    )
    same, found = (transfer(complete_grid(wide(t), [n, "sap"])) for t, n in ((table, "mig"), (lower, "unfairness")))
    pd.testing.assert_frame_equal(same, found)
    of_dataset = [with_sampled_tc(t[t["dataset"] == TWO[0]]) for t in (table, lower)]
    for analyse in (unsupervised_selection, lambda *given: choose(*given).regrets):
        same, found = (analyse(scores, [n], rng()) for scores, n in zip(of_dataset, ("mig", "unfairness"), strict=True))
        np.testing.assert_allclose(same["score"], -found["score"])
        kept = [c for c in same if c not in ("metric", "score", "best", "low", "high")]
        pd.testing.assert_frame_equal(same[kept], found[kept])
