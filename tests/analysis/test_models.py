"""What models and strengths make of scores: centres, shares of variance, who beats whom, how many seeds are needed."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from bench.analysis.agreement import TooFewRunsError, wide
from bench.analysis.centres import centres, iqms, medians, redrawn
from bench.analysis.comparison import model_comparison
from bench.analysis.intervals import iqm
from bench.analysis.precision import width_against_seeds
from bench.analysis.strengths import against_strength
from bench.analysis.synthetic import Made, synthetic_table
from bench.analysis.variance import variance_explained

MADE = {"mig": Made("mig", 0.8), "sap": Made("sap", 0.6)}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def made(**settings: object) -> pd.DataFrame:
    return synthetic_table(rng(), scores=MADE, sampled={}, **settings)  # type: ignore[arg-type]


def test_centres_of_redrawn_seeds_are_numpys() -> None:
    drawn = redrawn(rng().normal(size=9), 7, rng())
    np.testing.assert_allclose(medians(drawn), np.median(drawn, axis=1))
    np.testing.assert_allclose(iqms(drawn), iqm(drawn, axis=1))


def test_one_seed_has_a_median_and_no_interval() -> None:
    found = centres([0.3, np.nan], rng())
    assert (found["median"], found["iqm"], found["seeds"]) == (0.3, 0.3, 1)
    assert np.isnan([found["low"], found["high"], found["iqm_low"], found["iqm_high"]]).all()


def test_medians_against_strength_are_those_of_the_table() -> None:
    table = made(seeds=5)
    found = against_strength(table, ["mig"], rng()).set_index(["model", "strength"])
    own = table[(table["name"] == "mig") & (table["model"] == "beta_vae")]
    expected = own.groupby("strength")["score"].median()
    np.testing.assert_allclose(found.loc["beta_vae", "median"], expected)
    assert (found["low"] <= found["median"]).all()
    with pytest.raises(TooFewRunsError, match="two strengths"):
        against_strength(made(strengths=1), ["mig"], rng())


def test_variance_explained_is_that_of_least_squares() -> None:
    scores = wide(made(seeds=8, explained=0.5))
    found = variance_explained(scores, ["mig", "sap"], rng()).set_index(["by", "name"])
    for by, levels in (("model", ["model"]), ("model x strength", ["model", "value"])):
        design = pd.get_dummies(scores.index.to_frame()[levels].astype(str).agg(" ".join, axis=1)).to_numpy(float)
        y = scores["mig"].to_numpy()
        residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        assert found.loc[(by, "mig"), "explained"] == pytest.approx(1 - residual.var() / y.var())
    assert (found["low"] <= found["explained"]).all()
    assert (found["explained"] <= found["high"]).all()


def test_variance_of_one_model_or_one_seed_is_not_explained() -> None:
    for table in (made(models=("m",)), made(seeds=1)):
        with pytest.raises(TooFewRunsError, match="are needed"):
            variance_explained(wide(table), ["mig"], rng())


def test_the_chance_of_beating_is_mann_whitneys() -> None:
    table = made(models=("a", "b"), seeds=5)
    table["score"] = table["score"].round(1)  # ties
    scores = wide(table)
    found = model_comparison(scores, ["mig"], rng()).set_index(["row", "column"])
    a, b = (scores["mig"].xs(m, level="model") for m in "ab")
    assert found.loc[("a", "b"), "probability"] == pytest.approx(mannwhitneyu(a, b).statistic / len(a) / len(b))
    assert found.loc[("a", "b"), "probability"] + found.loc[("b", "a"), "probability"] == pytest.approx(1)
    assert (found["low"] <= found["probability"]).all()
    with pytest.raises(TooFewRunsError, match="1 models"):
        model_comparison(wide(made(models=("a",))), ["mig"], rng())


def test_intervals_shrink_with_the_root_of_the_seeds() -> None:
    found = width_against_seeds(wide(made(seeds=30, strengths=2)), ["mig", "sap"], rng())
    widths = found[found["statistic"] == "rank correlation"].set_index("seeds")["width"]
    assert widths[5] / widths[20] == pytest.approx(2, rel=0.15)
    means = found[(found["statistic"] == "iqm") & (found["name"] == "mig")].set_index("seeds")["width"]
    assert means.is_monotonic_decreasing
    with pytest.raises(TooFewRunsError, match="2 seeds of the smallest setting, 5 are needed"):
        width_against_seeds(wide(made(seeds=2)), ["mig"], rng())
