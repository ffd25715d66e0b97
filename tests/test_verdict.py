"""Of two studies of one population 5 % of the numbers are not covered: a small version of `benchmarks.verdict`."""

import pandas as pd
import pytest

from bench.table.reference import read_study
from benchmarks.interval_coverage import Population
from benchmarks.verdict import ITEMS, verdicts

pytestmark = pytest.mark.long  # left out of `make check`


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    """Two studies of five seeds, each beside one of fifty."""
    return pd.concat(verdicts(Population.fit(read_study("reference"), "skewed", unequal=True), 5, 2))


def test_of_two_studies_of_one_population_about_five_per_cent_of_the_numbers_are_not_covered(
    pairs: pd.DataFrame,
) -> None:
    assert set(pairs["item"]) == set(ITEMS)
    assert set(pairs["verdict"]) == {"covered", "not covered"}
    assert 0.01 < (pairs["verdict"] == "not covered").mean() < 0.09


def test_numbers_are_printed_as_the_paper_prints_them(pairs: pd.DataFrame) -> None:
    for name, decimals in (("fig2", 0), ("table1", 1), ("table5", 0)):
        numbers = pairs.loc[pairs["item"] == name, "printed"]
        assert (numbers == numbers.round(decimals)).all()
    shares = pairs[pairs["item"] == "table5"]
    assert (shares["published"] < shares["printed"]).all()
