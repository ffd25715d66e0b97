"""What models and strengths make of scores: centres, shares of variance, who beats whom, how many seeds are needed."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, mannwhitneyu, t, trim_mean, ttest_ind

from bench.analysis.scores.agreement import TooFewRunsError, rank_correlations, wide
from bench.analysis.scores.precision import width_against_seeds
from bench.analysis.scores.strengths import against_strength
from bench.analysis.scores.superiority import model_comparison, probability_of_beating
from bench.analysis.scores.variance import (
    _ends,
    _influences,
    explained,
    mean_explained,
    omega_of_plain,
    variance_explained,
)
from bench.analysis.statistics.centres import centres, error_factor, moderated
from bench.testing.synthetic import SyntheticScore, synthetic_table

MADE = {"mig": SyntheticScore("mig", 0.8), "sap": SyntheticScore("sap", 0.6)}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def made(**settings: object) -> pd.DataFrame:
    return synthetic_table(rng(), scores=MADE, sampled={}, **settings)  # type: ignore[arg-type]


def test_centres_are_numpys_and_scipys() -> None:
    values = [rng().normal(size=n) for n in (5, 9, 30)]
    frame = centres(values)
    np.testing.assert_allclose(frame["median"], [np.median(v) for v in values])
    np.testing.assert_allclose(frame["iqm"], [trim_mean(v, 0.25) for v in values])
    assert ((frame["low"] < frame["median"]) & (frame["median"] < frame["high"])).all()
    assert ((frame["iqm_low"] < frame["iqm"]) & (frame["iqm"] < frame["iqm_high"])).all()
    assert frame["seeds"].tolist() == [5, 9, 30]


@pytest.mark.parametrize("seeds", [0, 1, 4])
def test_fewer_than_five_seeds_have_a_median_and_no_interval(seeds: int) -> None:
    frame = centres([[0.3] * seeds + [np.nan], rng().normal(size=5)])
    assert frame.loc[0, "seeds"] == seeds
    assert frame.loc[0, ["low", "high", "iqm_low", "iqm_high"]].isna().all()
    assert seeds == 0 or (frame.loc[0, "median"], frame.loc[0, "iqm"]) == (0.3, 0.3)
    assert frame.loc[1, ["low", "high"]].notna().all()


def test_from_six_seeds_on_a_median_lies_between_order_statistics() -> None:
    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    frame = centres([values])
    assert 1 <= frame.loc[0, "low"] < 2  # 96.9 % between the outermost, 78 % between the next
    assert 16 < frame.loc[0, "high"] <= 32


@pytest.mark.parametrize("seeds", [20, 23])
def test_from_twenty_seeds_on_the_interval_of_an_iqm_is_yuens(seeds: int) -> None:
    values = rng().exponential(size=seeds)
    yuen = ttest_ind(values, np.zeros(seeds), trim=0.25, equal_var=False).confidence_interval()
    assert centres([values]).loc[0, ["iqm_low", "iqm_high"]].tolist() == pytest.approx(list(yuen))


@pytest.mark.parametrize("seeds", [5, 7, 12])
def test_intervals_of_single_settings_hold_their_centre_in_95_per_cent_and_miss_it_on_both_sides(seeds: int) -> None:
    frame = centres(list(rng().normal(size=(2000, seeds))))
    for low, high in (("low", "high"), ("iqm_low", "iqm_high")):
        assert (frame[low] > 0).mean() == pytest.approx(0.025, abs=0.01)
        assert (frame[high] < 0).mean() == pytest.approx(0.025, abs=0.01)


@pytest.mark.parametrize("seeds", [6, 7, 12, 19, 30])
def test_the_interval_of_a_median_between_order_statistics_holds_exactly_95_per_cent_of_laplace_values(
    seeds: int,
) -> None:
    """The distribution of which Hettmansperger & Sheather's interpolation is exact: minima of exponential values."""
    low, high = centres([np.arange(seeds)]).loc[0, ["low", "high"]]
    below = int(low) + 1  # values that are 0 or less where the lower of the two interpolated ones is
    share = low - int(low)
    between = below * share / (below * share + (seeds - below) * (1 - share))
    assert binom.cdf(below - 1, seeds, 0.5) + binom.pmf(below, seeds, 0.5) * between == pytest.approx(0.025)
    assert low + high == pytest.approx(seeds - 1)


def test_the_interval_of_the_median_of_five_seeds_alone_is_a_t_interval_of_their_own_variance() -> None:
    values = rng().normal(size=5)
    frame = centres([values])
    half = t.ppf(0.975, 4) * values.std(ddof=1) * np.sqrt(0.28683)  # the variance of the third of five normal values
    assert frame.loc[0, ["low", "high"]].tolist() == pytest.approx(
        [np.median(values) - half, np.median(values) + half], rel=0.01
    )


def test_variances_are_shrunk_by_what_their_spread_tells() -> None:
    """Of settings whose own variances are drawn from a scaled inverse chi squared: 10 degrees of freedom, level 2."""
    true = 2 * 10 / rng().chisquare(10, size=20_000)
    variances = true * np.random.default_rng(1).chisquare(4, size=len(true)) / 4
    pooled, freedom = moderated(variances, [4] * len(variances))
    assert freedom == pytest.approx(14, abs=0.5)
    assert pooled == pytest.approx((10 * 2 + 4 * variances) / 14, rel=0.04)


def test_a_variance_of_none_or_of_one_setting_is_its_own() -> None:
    for variances in ([0.5], [0.0, 0.0]):
        found, freedom = moderated(variances, [4] * len(variances))
        assert (found.tolist(), freedom.tolist()) == (variances, [4.0] * len(variances))


def test_variances_of_settings_help_each_other() -> None:
    variances = rng().chisquare(4, size=300) / 4  # of one and the same variance, five seeds each
    pooled, freedom = moderated(variances, [4] * 300)
    assert pooled.std() < 0.2 * variances.std()
    assert (freedom > 20).all()
    assert pooled.mean() == pytest.approx(1, rel=0.1)


def test_the_error_of_a_median_of_many_seeds_is_that_of_large_samples() -> None:
    assert error_factor("median", 5) == pytest.approx(np.sqrt(5 * 0.28683), rel=0.01)  # variance of the third of five
    assert error_factor("median", 1001) == pytest.approx(np.sqrt(np.pi / 2), rel=0.06)
    assert error_factor("iqm", 2) == pytest.approx(1, rel=0.02)


def test_medians_against_strength_are_those_of_the_table() -> None:
    table = made(seeds=5)
    found = against_strength(table, ["mig"]).set_index(["model", "strength_index"])
    own = table[(table["name"] == "mig") & (table["model"] == "beta_vae")]
    expected = own.groupby("strength_index")["score"].median()
    np.testing.assert_allclose(found.loc["beta_vae", "median"], expected)
    assert (found["low"] <= found["median"]).all()
    with pytest.raises(TooFewRunsError, match="two strengths"):
        against_strength(made(strengths=1), ["mig"])


def test_plain_variance_explained_is_that_of_least_squares() -> None:
    scores = wide(made(seeds=8, explained=0.5))
    found = variance_explained(scores, ["mig", "sap"]).set_index(["by", "name"])
    for by, levels in (("model", ["model"]), ("model x strength", ["model", "value"])):
        design = pd.get_dummies(scores.index.to_frame()[levels].astype(str).agg(" ".join, axis=1)).to_numpy(float)
        y = scores["mig"].to_numpy()
        residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        assert found.loc[(by, "mig"), "plain"] == pytest.approx(1 - residual.var() / y.var())
    assert (found["explained"] < found["plain"]).all()
    assert ((found["low"] <= found["explained"]) & (found["explained"] <= found["high"])).all()
    assert found[["runs", "seeds"]].drop_duplicates().to_numpy().tolist() == [[len(scores), 8]]


MEANS = np.array([0, 0.3, 0.6, 0.9, 1.2, 1.5, 0.3, 0.6])  # of the settings of four models, two a model
OF_MODEL = np.repeat(np.arange(4), 2)


@pytest.mark.parametrize("groups", [OF_MODEL, np.arange(8)], ids=["model", "model x strength"])
@pytest.mark.parametrize("kind", ["normal", "skewed"])
def test_the_interval_of_a_share_is_as_wide_as_shares_of_studies_vary(kind: str, groups: np.ndarray) -> None:
    shape, draws = (8, 60, 1500), np.random.default_rng(2)
    noise = draws.normal(size=shape) if kind == "normal" else (draws.chisquare(1, size=shape) - 1) / np.sqrt(2)
    share = explained(MEANS[:, None, None] + noise, groups)
    point, high = (-np.log1p(-end) for end in (share.omega, share.high))
    foretold = np.sqrt(np.mean((high - point) ** 2)) / t.ppf(0.975, 8 * 59 / 2)
    assert 0.98 < foretold / point.std() < 1.2


def test_shares_change_with_means_and_variances_of_settings_as_their_derivatives_say() -> None:
    scores, step = rng().normal(size=(8, 5, 1)) + MEANS[:, None, None], 1e-6

    def changed(other: np.ndarray) -> float:
        return float(
            (np.log1p(-_influences(scores, OF_MODEL).omega) - np.log1p(-_influences(other, OF_MODEL).omega))[0]
        )

    found = _influences(scores, OF_MODEL)
    for k, seeds in enumerate(scores):
        moved, spread_out = scores.copy(), scores.copy()
        moved[k] += step
        spread_out[k] = seeds.mean() + (seeds - seeds.mean()) * np.sqrt(1 + step / seeds.var(ddof=1))
        assert changed(moved) / step == pytest.approx(found.by_mean[k, 0], rel=1e-3)
        assert changed(spread_out) / step == pytest.approx(found.by_variance[0], rel=1e-3)


def test_equal_contributions_of_settings_add_their_degrees_of_freedom() -> None:
    found = _ends(0.4, np.full(6, 0.01), 4)
    half = t.ppf(0.975, 24) * np.sqrt(0.06)
    assert -np.log1p(-np.array(found)) == pytest.approx(-np.log(0.6) + half * np.array([-1, 1]))


@pytest.mark.parametrize("seeds", [2, 5])
def test_seeds_alone_explain_nothing(seeds: int) -> None:
    noise = np.random.default_rng(1).normal(size=(36, seeds, 400))
    for groups in (np.repeat(np.arange(6), 6), np.arange(36)):
        share = explained(noise, groups)
        assert abs(share.omega.mean()) < 0.01
        assert share.plain.mean() > groups.max() / (36 * seeds - 1) * 0.9
        assert np.isnan(share.low).all() == (seeds < 5)


def test_a_printed_share_is_turned_into_omega_exactly() -> None:
    scores = np.random.default_rng(1).normal(size=(36, 50, 3)) + np.arange(36)[:, None, None] / 10
    models = np.repeat(np.arange(6), 6)
    of_models, of_settings = explained(scores, models), explained(scores, np.arange(36))
    for share, groups in ((of_models, 6), (of_settings, 36)):
        converted = [
            omega_of_plain(p, f, groups, 36, 1800) for p, f in zip(share.plain, of_settings.plain, strict=True)
        ]
        np.testing.assert_allclose(converted, share.omega)


def test_a_score_that_does_not_vary_is_not_explained() -> None:
    share = explained(np.full((12, 5, 1), 0.3), np.arange(12))
    assert np.isnan([share.omega, share.plain, share.low, share.high]).all()


def test_no_point_lies_outside_its_own_interval() -> None:
    for seed in range(20):
        scores = np.random.default_rng(seed).normal(size=(12, 5, 8)) + np.arange(12)[:, None, None] * seed / 10
        share = explained(scores, np.repeat(np.arange(4), 3))
        assert ((share.low <= share.omega) & (share.omega <= share.high)).all()


def test_the_mean_share_of_copies_of_one_score_is_as_sure_as_one_and_of_two_data_sets_surer() -> None:
    scores = rng().normal(size=(12, 6, 1)) + rng().normal(size=(12, 1, 1))
    groups = np.repeat(np.arange(3), 4)
    one, copies = explained(scores, groups), mean_explained([(scores.repeat(5, axis=2), groups)])
    assert (copies.omega, copies.low, copies.high) == pytest.approx((one.omega[0], one.low[0], one.high[0]))
    both = mean_explained([(scores, groups)] * 2)
    assert both.omega == pytest.approx(one.omega[0])
    assert 0.6 < (both.high - both.low) / (one.high[0] - one.low[0]) < 1 / np.sqrt(2)


def test_the_mean_share_of_a_constant_score_is_missing_and_below_five_seeds_has_no_interval() -> None:
    scores = rng().normal(size=(12, 6, 2))
    groups = np.repeat(np.arange(3), 4)
    constant = np.concatenate([scores, np.full((12, 6, 1), 0.25)], axis=2)
    assert np.isnan(mean_explained([(constant, groups)]).omega)
    few = mean_explained([(scores[:, :4], groups)])
    assert few.omega == pytest.approx(explained(scores[:, :4], groups).omega.mean())
    assert np.isnan([few.low, few.high]).all()
    five = mean_explained([(scores[:, :5], groups), (scores, groups)])
    assert five.low <= five.omega < five.high < 1


def test_variance_of_one_model_or_one_seed_is_not_explained() -> None:
    for table in (made(models=("m",)), made(seeds=1)):
        with pytest.raises(TooFewRunsError, match="are needed"):
            variance_explained(wide(table), ["mig"])


def test_the_chance_of_beating_is_mann_whitneys() -> None:
    table = made(models=("a", "b"), seeds=5)
    table["score"] = table["score"].round(1)  # ties
    scores = wide(table)
    found = model_comparison(scores, ["mig"]).set_index(["row", "column"])
    a, b = (scores["mig"].xs(m, level="model") for m in "ab")
    assert found.loc[("a", "b"), "probability"] == pytest.approx(mannwhitneyu(a, b).statistic / len(a) / len(b))
    assert found.loc[("a", "b"), "probability"] + found.loc[("b", "a"), "probability"] == pytest.approx(1)
    assert (found["low"] <= found["probability"]).all()
    with pytest.raises(TooFewRunsError, match=r"2 models .* needed, 1 here"):
        model_comparison(wide(made(models=("a",))), ["mig"])


def test_the_interval_of_beating_is_wilsons_of_the_error_of_placements_and_p_is_that_of_one_half() -> None:
    a, b = rng().normal(0.7, 1, size=9).round(1), np.random.default_rng(1).normal(size=14).round(1)
    wins = (a[:, None] > b) + (a[:, None] == b) / 2
    welch = ttest_ind(wins.mean(axis=1), -wins.mean(axis=0), equal_var=False)  # of placements of the two sides
    error = 2 * wins.mean() / welch.statistic
    found = probability_of_beating(a, b, np.zeros(9, int), np.zeros(14, int))

    def score(p: float) -> float:
        """Wilson's: the error that the share would have if its expectation were p."""
        return abs(wins.mean() - p) / (error * np.sqrt(p * (1 - p) / (wins.mean() * (1 - wins.mean()))))

    assert found.low < found.probability < found.high
    assert [score(found.low), score(found.high)] == pytest.approx([t.ppf(0.975, welch.df)] * 2)
    assert found.p == pytest.approx(2 * t.sf(score(0.5), welch.df))


def test_a_side_that_always_wins_is_as_sure_as_the_smaller_side_has_runs() -> None:
    few, many = np.arange(6.0), np.arange(100.0, 140)
    for a, b in ((few, many), (many, few)):
        found = probability_of_beating(a, b, np.zeros(len(a), int), np.zeros(len(b), int))
        sure = 1 / (1 + t.ppf(0.975, 5) ** 2 / 6)  # Wilson's end, of six contests all won
        assert max(found.low, 1 - found.high) == pytest.approx(sure)
        assert found.p == pytest.approx(2 * t.sf(np.sqrt(6), 5))


def test_runs_without_a_score_take_no_part_in_contests() -> None:
    table = made(models=("a", "b"), seeds=5)
    scores = wide(table)
    scores.iloc[3, scores.columns.get_loc("mig")] = np.nan
    found, without = (model_comparison(s, ["mig"]) for s in (scores, scores.drop(index=scores.index[3])))
    pd.testing.assert_frame_equal(found, without)
    assert found["probability"].notna().all()


def test_one_side_that_always_wins_has_an_interval_all_the_same() -> None:
    table = made(models=("a", "b"), seeds=5)
    table.loc[table["model"] == "b", "score"] += 100
    cell = model_comparison(wide(table), ["mig"]).set_index(["row", "column"]).loc[("b", "a")]
    assert cell["probability"] == cell["high"] == 1
    assert 0.8 < cell["low"] < 1


def test_intervals_shrink_with_the_root_of_the_seeds() -> None:
    found = width_against_seeds(wide(made(seeds=30, strengths=2)), ["mig", "sap"])
    widths = found[found["statistic"] == "rank correlation"].set_index("seeds")["width"]
    assert widths[5] / widths[20] == pytest.approx(2, rel=0.15)
    assert widths.is_monotonic_decreasing
    means = found[(found["statistic"] == "iqm") & (found["name"] == "mig")].set_index("seeds")["width"]
    assert means.is_monotonic_decreasing
    with pytest.raises(TooFewRunsError, match="2 seeds of the smallest setting, 5 are needed"):
        width_against_seeds(wide(made(seeds=2)), ["mig"])


def test_widths_foretold_for_the_seeds_that_there_are_are_those_of_the_intervals_that_there_are() -> None:
    scores = wide(made(seeds=5, strengths=3)).assign(opposite=lambda s: -s["mig"])
    found = width_against_seeds(scores, ["mig", "sap", "opposite"])
    now = found[found["seeds"] == 5].set_index(["statistic", "name"])
    of_settings = centres([own["sap"].to_numpy() for _, own in scores.groupby(["model", "value"])])
    for statistic, low, high in (("median", "low", "high"), ("iqm", "iqm_low", "iqm_high")):
        widths = (of_settings[high] - of_settings[low]).quantile([0.1, 0.5, 0.9])
        assert now.loc[(statistic, "sap"), ["low", "width", "high"]].tolist() == pytest.approx(widths.tolist())
    pairs = [("mig", "sap"), ("sap", "opposite")]  # the third pair has a correlation of -1, which has no interval
    cells = pd.concat([rank_correlations(scores, [a], [b]) for a, b in pairs])
    line = found[found["statistic"].eq("rank correlation") & found["seeds"].eq(5)].iloc[0]
    assert line["width"] == pytest.approx((cells["high"] - cells["low"]).median())
    assert (line["runs"], line["available"]) == (len(scores), 5)


def test_scores_without_an_interval_have_no_width_and_runs_without_a_score_do_not_count() -> None:
    scores = wide(made(seeds=6, strengths=2)).assign(opposite=lambda s: -s["mig"])
    scores.iloc[0, scores.columns.get_loc("mig")] = np.nan
    found = width_against_seeds(scores, ["mig", "opposite"])
    assert found.loc[found["statistic"] == "rank correlation", ["width", "low", "high"]].isna().all(axis=None)
    assert (found["runs"].unique().tolist(), found["available"].unique().tolist()) == ([len(scores) - 1], [5])
    assert set(width_against_seeds(scores, ["mig"])["statistic"]) == {"median", "iqm"}
    with pytest.raises(TooFewRunsError, match="0 seeds of the smallest setting"):
        width_against_seeds(scores.assign(mig=np.nan), ["mig"])


def test_a_setting_with_few_seeds_does_not_make_intervals_of_correlations_narrow() -> None:
    table = made(seeds=50, strengths=3)
    uneven = table[table["strength_index"].ne(0) | table["seed"].lt(5)]

    def width(of: pd.DataFrame) -> float:
        found = width_against_seeds(wide(of), ["mig", "sap"])
        return float(found[found["statistic"].eq("rank correlation") & found["seeds"].eq(5)]["width"].iloc[0])

    assert width(uneven) == pytest.approx(width(table), rel=0.2)


def test_widths_of_single_settings_are_foretold_no_further_than_twice_the_seeds() -> None:
    found = width_against_seeds(wide(made(seeds=10, strengths=2)), ["mig", "sap"])
    assert set(found.loc[found["statistic"] == "median", "seeds"]) == {5, 10, 20}
    assert set(found.loc[found["statistic"] == "rank correlation", "seeds"]) == {5, 10, 20, 50}
