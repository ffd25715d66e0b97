"""Two sides whose agreement is known: alike, opposed, unrelated, with nothing in common."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from bench.analysis.pairs.compare import compare
from bench.analysis.pairs.matching import NothingInCommonError

NAMES = ["up", "down", "noise"]


def side(model: str, scores: dict[str, np.ndarray], dataset: str = "d", value: float = 1.0) -> pd.DataFrame:
    """A table of scores (strengths x seeds)."""
    rows = [
        {"run": f"{model}-{dataset}-{i}-{seed}", "model": model, "strength_index": i, "value": value * (i + 1),
         "seed": seed, "dataset": dataset, "representation": "mean", "metric": "m", "name": name, "factor": None,
         "score": score}
        for name, table in scores.items() for (i, seed), score in np.ndenumerate(table)
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"strength_index": "Int64"})


def ladder(rng: np.random.Generator, sign: float = 1.0, noise: float = 0.1) -> np.ndarray:
    return sign * np.arange(6.0)[:, None] + noise * rng.normal(size=(6, 5))


@pytest.fixture
def two() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both rise with strength in "up"; only the first does in "down"; "noise" is noise."""
    rng = np.random.default_rng(0)
    a = {"up": ladder(rng), "down": ladder(rng), "noise": rng.normal(size=(6, 5))}
    b = {"up": ladder(rng), "down": ladder(rng, -1), "noise": rng.normal(size=(6, 5))}
    return side("a", a), side("b", b)


def test_strengths_are_ranked_alike_or_opposed(two: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found = compare(*two, NAMES).scores.set_index("name")
    assert found["strengths"].to_dict() == pytest.approx(
        {"up": 1, "down": -1, "noise": found.loc["noise", "strengths"]}
    )
    assert found["strengths_low"].isna().all()  # of six medians no interval says anything
    assert (found["settings"] == 6).all()
    assert (found["pairs"] == 30).all()


def test_medians_are_those_of_the_table(two: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    medians = [t[t["name"] == "noise"].groupby("strength_index")["score"].median() for t in two]
    found = compare(*two, NAMES).scores.set_index("name").loc["noise", "strengths"]
    assert found == pytest.approx(spearmanr(*medians).statistic)


def test_seeds_are_compared_without_their_settings() -> None:
    rng = np.random.default_rng(0)
    luck = rng.normal(size=5)
    a, b = (side(m, {"up": ladder(rng, s, 0.01) + luck}) for m, s in (("a", 1), ("b", -1)))
    found = compare(a, b, ["up"]).scores.iloc[0]
    assert found["seeds"] > 0.95
    assert found["strengths"] == pytest.approx(-1)


def test_metrics_that_agree_differently_are_found(two: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found = compare(*two, NAMES).metrics.set_index(["row", "column"])
    pair = found.loc[("up", "down")]
    assert pair["a"] > 0.9
    assert pair["b"] < -0.9
    assert pair["difference"] == pytest.approx(pair["a"] - pair["b"])
    assert 1.5 < pair["low"] <= pair["difference"] <= pair["high"]
    noise = found.loc[("up", "noise")]
    assert noise["low"] < 0 < noise["high"]
    wide = two[0].pivot(index="run", columns="name", values="score")
    assert pair["a"] == pytest.approx(spearmanr(wide["up"], wide["down"]).statistic)


def test_contributions_of_runs_sum_to_the_disagreement(two: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found = compare(*two, NAMES)
    total = found.runs.groupby("name")["contribution"].sum()
    expected = 1 - found.scores.set_index("name")["runs"]
    np.testing.assert_allclose(total.sort_index(), expected.sort_index())


def test_the_run_that_disagrees_is_named(two: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    a, b = two
    odd = (b["run"] == "b-d-0-3") & (b["name"] == "up")
    b.loc[odd, "score"] = 99.0
    worst = compare(a, b, ["up"]).runs.iloc[0]
    assert worst["run_b"] == "b-d-0-3"
    assert worst["run_a"] == "a-d-0-3"
    assert worst["rank_b"] == 30


def test_a_constant_score_is_missing(two: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    a, b = two
    b.loc[b["name"] == "up", "score"] = 0.5
    found = compare(a, b, NAMES)
    assert found.scores.set_index("name").loc["up", ["strengths", "runs", "runs_low"]].isna().all()
    assert found.metrics.set_index(["row", "column"]).loc[("up", "down"), ["b", "difference", "low"]].isna().all()


def test_runs_of_one_setting_and_seed_are_correlated_as_scipy_does(two: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found = compare(*two, NAMES).scores.set_index("name")
    x, y = (t[t["name"] == "noise"].sort_values("run")["score"] for t in two)
    assert found.loc["noise", "runs"] == pytest.approx(spearmanr(x, y).statistic)
    assert found.loc["noise", "runs_low"] < found.loc["noise", "runs"] < found.loc["noise", "runs_high"]


@pytest.mark.parametrize("seeds", [1, 4])
def test_fewer_than_five_seeds_give_no_interval(two: tuple[pd.DataFrame, pd.DataFrame], seeds: int) -> None:
    found = compare(*(t[t["seed"] < seeds] for t in two), NAMES)
    assert found.scores[["strengths_low", "runs_low"]].isna().all(axis=None)
    assert found.metrics["low"].isna().all()
    assert found.scores.set_index("name").loc["up", "strengths"] == pytest.approx(1)


def test_five_seeds_of_which_four_are_paired_give_metrics_an_interval_and_runs_none(
    two: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    a, b = two
    found = compare(a, b.assign(seed=b["seed"] + 1), NAMES)
    assert (found.scores["pairs"] == 24).all()
    assert found.scores[["runs", "seeds"]].notna().all(axis=None)
    assert found.scores[["runs_low", "runs_high", "seeds_low", "seeds_high"]].isna().all(axis=None)
    assert found.metrics["low"].notna().all()


def test_other_seeds_leave_strengths_to_compare(two: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    a, b = two
    found = compare(a, b.assign(seed=b["seed"] + 100), NAMES)
    assert found.scores.set_index("name").loc["up", "strengths"] == pytest.approx(1)
    assert found.scores[["runs", "seeds"]].isna().all(axis=None)
    assert found.runs.empty


def test_studies_are_matched_by_model_and_value(study_table: pd.DataFrame) -> None:
    found = compare(study_table, study_table.assign(run=study_table["run"] + "'"), ["mig", "beta_vae_test"], "setting")
    assert (found.scores["settings"] == 36).all()
    np.testing.assert_allclose(found.scores["runs"], 1)
    assert found.scores["strengths_low"].notna().all()  # of 36 medians one does
    assert sorted(found.scores["dataset"].unique()) == ["dsprites", "noisy_dsprites"]


def test_holes_leave_out_runs(two: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    a, b = two
    found = compare(a.drop(index=a.index[a["run"] == "a-d-2-2"][0]), b, NAMES)
    assert (found.scores["pairs"] == 29).all()


def test_nothing_in_common_is_said(two: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    a, b = two
    with pytest.raises(NothingInCommonError, match="the second has strength index 10, 11, 12, 13, 14, 15 on d"):
        compare(a, b.assign(strength_index=b["strength_index"] + 10), NAMES)
    with pytest.raises(NothingInCommonError, match="on d; the second has strength index 0, 1, 2, 3, 4, 5 on e"):
        compare(a, b.assign(dataset="e"), NAMES)
    with pytest.raises(NothingInCommonError, match=r"the second has strength index \(none\)"):
        compare(a, b.assign(strength_index=pd.NA), NAMES)
    with pytest.raises(NothingInCommonError, match="3 strength indices with a score of both on one data set are"):
        compare(a, b[b["strength_index"] < 2], NAMES)
    assert (compare(a, b[b["strength_index"] < 3], NAMES).scores["settings"] == 3).all()


@pytest.mark.parametrize(("settings", "judged"), [(9, False), (10, True)])
def test_strengths_have_an_interval_from_ten_settings_on(settings: int, judged: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = (side(m, {"up": np.arange(settings)[:, None] + rng.normal(size=(settings, 5))}) for m in "ab")
    found = compare(a, b, ["up"]).scores
    assert found[["strengths_low", "strengths_high"]].notna().all(axis=None) == judged
