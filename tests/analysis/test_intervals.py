"""Statistics of few values, and draws of seeds that keep settings apart."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mstats, norm, trim_mean, ttest_1samp, ttest_ind

from bench.analysis.statistics.estimates import Estimate, estimate
from bench.analysis.statistics.intervals import (
    DRAWS,
    iqm,
    percentile_interval,
    resample_counts,
    resamples,
    spread,
    stretched,
    t_ends,
    together,
    winsorised,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 50])
def test_the_interquartile_mean_is_scipys_trimmed_mean(count: int) -> None:
    values = RNG.normal(size=(count, 3))
    np.testing.assert_allclose(iqm(values), trim_mean(values, 0.25, axis=0), atol=1e-12)
    np.testing.assert_allclose(iqm(values.T, axis=1), iqm(values))


def test_the_interquartile_mean_ignores_outliers_but_not_holes() -> None:
    assert iqm([0.0, 1.0, 1.0, 100.0]) == 1.0
    assert np.isnan(iqm([0.0, 1.0, np.nan, 100.0]))
    with pytest.raises(ValueError, match="no values"):
        iqm([])


@pytest.mark.parametrize("count", [4, 5, 8, 11])
def test_winsorised_values_are_scipys(count: int) -> None:
    values = RNG.normal(size=(count, 2))
    np.testing.assert_array_equal(winsorised(values), mstats.winsorize(values, (0.25, 0.25), axis=0))


def test_the_error_of_a_sum_is_welchs() -> None:
    a, b = RNG.normal(size=7), RNG.normal(0.5, 3, size=12)
    errors, freedoms = zip(*(spread(side, np.zeros(len(side), int)) for side in (a, b)), strict=True)
    error, freedom = together(np.array(errors), np.array(freedoms))
    welch = ttest_ind(a, b, equal_var=False)
    assert (a.mean() - b.mean()) / error == pytest.approx(welch.statistic)
    assert freedom == pytest.approx(welch.df)
    assert t_ends(a.mean() - b.mean(), error, freedom) == pytest.approx(tuple(welch.confidence_interval()))
    assert together(np.zeros(2), np.zeros(2)) == (0, 0)  # constants


def estimated(settings: int = 1, **scores: np.ndarray) -> Estimate:
    """Of runs of the same number of seeds of each setting."""
    count = len(next(iter(scores.values())))
    runs = pd.DataFrame(scores).assign(value=np.arange(count) % settings)
    return estimate(runs, list(scores), np.full(len(scores), count), np.random.default_rng(0))


def test_the_interval_of_the_iqm_of_one_setting_is_scipys() -> None:
    values = RNG.exponential(size=16)
    found = estimated(a=values)
    assert found.point == pytest.approx(trim_mean(values, 0.25))
    assert found.error == pytest.approx(mstats.trimmed_stde(values, (0.25, 0.25)))
    assert np.ravel(t_ends(found.point, found.error, found.freedom)) == pytest.approx(
        mstats.trimmed_mean_ci(values, (0.25, 0.25))
    )


def test_iqms_are_drawn_with_their_errors_and_scores_of_the_same_runs_together() -> None:
    values = RNG.normal(size=18)
    found = estimated(3, a=values, b=-2 * values, c=np.r_[np.nan, values[1:]])
    np.testing.assert_allclose(found.draws[:, 1], -2 * found.draws[:, 0])
    assert abs(np.corrcoef(found.draws[:, 0], found.draws[:, 2])[0, 1]) < 0.15  # of other runs
    assert found.draws.std(axis=0) == pytest.approx(found.error, rel=0.08)
    assert (np.abs(found.draws.mean(axis=0) - found.point) < 4 * found.error / np.sqrt(DRAWS)).all()
    assert (found.runs.tolist(), found.coverage.tolist(), found.seeds) == ([18, 18, 17], [1, 1, 17 / 18], 6)


def test_counts_are_those_of_the_rows_drawn() -> None:
    strata = ["x", "y", "x", "y", "y"]
    drawn = resamples(strata, 20, np.random.default_rng(1))
    counts = resample_counts(strata, 20, np.random.default_rng(1))
    assert (counts == [[list(row).count(i) for i in range(5)] for row in drawn]).all()


def test_the_spread_of_a_mean_is_that_of_its_settings() -> None:
    labels = np.repeat([0, 1, 2], [5, 8, 6])
    values = RNG.normal(size=len(labels)) * np.array([1, 5, 2])[labels] + 10 * labels
    error, freedom = spread(values, labels)
    parts = [values[labels == k] for k in range(3)]
    variances = [len(p) * p.var(ddof=1) / len(values) ** 2 for p in parts]
    assert error == pytest.approx(np.sqrt(sum(variances)))
    assert freedom == pytest.approx(
        sum(variances) ** 2 / sum(v**2 / (len(p) - 1) for v, p in zip(variances, parts, strict=True))
    )
    shuffled = RNG.permutation(len(labels))
    assert spread(values[shuffled], labels[shuffled]) == pytest.approx((error, freedom))


def test_stretched_draws_are_as_far_apart_as_seeds_are() -> None:
    labels, rng = np.repeat(np.arange(20), 5), np.random.default_rng(5)
    held = []
    for study in rng.normal(size=(300, 100)):
        picks = resamples(list(labels), 1000, rng)
        low, high = percentile_interval(stretched(study.mean(), study[picks].mean(axis=1), labels))
        held.append(low <= 0 <= high)
    assert 0.92 <= np.mean(held) <= 0.98


def normal_draws(values: np.ndarray) -> np.ndarray:
    """Means of resampled values, were they exactly normal."""
    return values.mean() + values.std() / np.sqrt(len(values)) * norm.ppf((np.arange(20_000) + 0.5) / 20_000)


def test_stretched_draws_of_a_mean_have_its_t_interval() -> None:
    values = RNG.normal(size=6)
    found = percentile_interval(stretched(values.mean(), normal_draws(values), np.zeros(6, int)))
    assert found == pytest.approx(tuple(ttest_1samp(values, 0).confidence_interval()), abs=1e-3)


def test_draws_are_stretched_as_if_every_setting_had_the_fewest_seeds() -> None:
    draws = normal_draws(RNG.normal(size=16))
    uneven, even = (stretched(draws.mean(), draws, np.repeat([0, 1], counts)) for counts in ([6, 10], [6, 6]))
    np.testing.assert_allclose(uneven, even)
