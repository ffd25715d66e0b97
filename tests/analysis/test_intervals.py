"""Statistics of few values, and draws of seeds that keep settings apart."""

import numpy as np
import pytest
from scipy.stats import trim_mean

from bench.analysis.statistics.intervals import iqm, percentile_interval, resample_counts, resamples, spread, stretched

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
