"""Statistics of few values, and draws of seeds that keep settings apart."""

import numpy as np
import pytest
from scipy.stats import trim_mean

from bench.analysis.intervals import iqm, resample_counts, resamples

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


def test_any_number_of_seeds_can_be_drawn_from_each_setting() -> None:
    strata = ["x", "y", "x", "y", "y"]
    counts = resample_counts(strata, 50, np.random.default_rng(1), seeds=7)
    assert (counts[:, [0, 2]].sum(axis=1) == 7).all()
    assert (counts[:, [1, 3, 4]].sum(axis=1) == 7).all()
