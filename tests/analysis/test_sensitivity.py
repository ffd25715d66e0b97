"""Shares of variance whose answer is known: made-up scores that each choice moves by a known amount."""

import statistics
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from bench.analysis.scores.agreement import TooFewRunsError
from bench.analysis.scores.sensitivity import correlation_shares, score_shares

LEVELS = {"": ("protocol",), "evaluation seed": ("draw 1", "draw 2"), "bins": ("10 bins", "40 bins"),
          "codes": ("sampled codes",)}  # fmt: skip


def made(
    deviations: Mapping[str, float], settings: int = 6, seeds: int = 40, shared: float = 0.0, names: str = "a"
) -> pd.DataFrame:
    """Scores with a deviation between settings, between training seeds, and with the levels of each choice."""
    rng, rows = np.random.default_rng(0), []
    for name in names:
        common = {level: rng.normal() for levels in LEVELS.values() for level in levels}
        for setting in range(settings):
            of_setting = deviations.get("setting", 0) * rng.normal()
            for seed in range(seeds):
                of_run = of_setting + deviations.get("training seed", 0) * rng.normal()
                for choice, levels in LEVELS.items():
                    for level in levels:
                        moved = deviations.get(choice or "evaluation seed", 0) * rng.normal() + shared * common[level]
                        rows.append({"run": f"{setting}-{seed}", "dataset": "d", "model": "m", "value": float(setting),
                                     "seed": seed, "choice": choice, "level": level, "name": name,
                                     "score": of_run + moved})  # fmt: skip
    return pd.DataFrame(rows)


def shares(table: pd.DataFrame) -> "pd.Series[float]":
    return score_shares(table).set_index("source")["share"]


def test_a_score_that_only_seeds_move_is_all_theirs() -> None:
    found = shares(made({"training seed": 1.0}))
    assert found["training seed"] > 0.97
    assert found[["evaluation seed", "bins", "codes"]].sum() == pytest.approx(0, abs=1e-12)


def test_variances_are_those_the_scores_were_made_with() -> None:
    deviations = {"setting": 2.0, "training seed": 1.0, "evaluation seed": 0.5}
    found = score_shares(made(deviations, settings=300, seeds=10)).set_index("source")["variance"]
    assert found["setting"] == pytest.approx(4, rel=0.2)
    assert found["training seed"] == pytest.approx(1, rel=0.1)
    assert found["evaluation seed"] == pytest.approx(0.25, rel=0.1)


def test_what_moves_all_runs_alike_is_told_apart() -> None:
    alike, apart = (made({"training seed": 1.0} | d, shared=s) for d, s in (({}, 1.0), ({"bins": 1.0}, 0.0)))
    line = score_shares(alike).set_index("source").loc["bins"]
    assert line["shared"] == pytest.approx(line["variance"])
    line = score_shares(apart).set_index("source").loc["bins"]
    assert line["shared"] < 0.1 * line["variance"]


def test_the_shared_part_is_the_component_of_levels_in_an_analysis_of_variance() -> None:
    table = made({"training seed": 1.0, "bins": 0.5}, settings=2, seeds=3, shared=1.0)
    levels = table[table["choice"].isin(["", "bins"])].pivot(index="run", columns="level", values="score").to_numpy()
    runs, columns = levels.shape
    rest = levels - levels.mean(axis=0) - levels.mean(axis=1, keepdims=True) + levels.mean()
    of_rest = (rest**2).sum() / (runs - 1) / (columns - 1)
    of_levels = runs * ((levels.mean(axis=0) - levels.mean()) ** 2).sum() / (columns - 1)
    line = score_shares(table).set_index("source").loc["bins"]
    assert line["shared"] == pytest.approx((of_levels - of_rest) / runs)
    assert line["variance"] == pytest.approx((of_levels + (runs - 1) * of_rest) / runs)


def test_a_run_without_a_score_of_the_protocol_is_left_out_and_the_seed_keeps_its_share() -> None:
    table = made({"setting": 1.0, "training seed": 1.0, "evaluation seed": 0.3}, seeds=10)
    lacking = table[table["run"].ne("0-0") | table["choice"].ne("")]
    whole, without = (shares(t) for t in (table, lacking))
    assert without.to_dict() == pytest.approx(whole.to_dict(), abs=0.05)


def test_a_choice_that_no_run_has_whole_leaves_shares_unknown() -> None:
    table = made({"setting": 1.0, "training seed": 1.0}, seeds=3)
    found = score_shares(table[table["choice"].ne("bins") | table["level"].eq("x")])
    assert "bins" not in set(found["source"])
    of_no_run = table[table["choice"].ne("bins") | (table["level"].eq("10 bins") == table["seed"].eq(0))]
    found = score_shares(of_no_run).set_index("source")
    assert found["share"].isna().all()
    assert found["variance"].notna().to_dict() == {
        "evaluation seed": True, "bins": False, "codes": True, "training seed": True, "setting": True,
    }  # fmt: skip


def test_shares_add_up_to_one() -> None:
    assert shares(made({"setting": 1, "training seed": 1, "bins": 1})).sum() == pytest.approx(1)


def test_seeds_and_settings_move_no_two_runs_alike_and_the_fewest_seeds_are_told() -> None:
    table = made({"setting": 1, "training seed": 1, "bins": 1}, seeds=6)
    found = score_shares(table[table["value"].ne(0) | table["seed"].lt(4)]).set_index("source")
    assert found.loc[["training seed", "setting"], "shared"].tolist() == [0, 0]
    assert found[["runs", "seeds"]].drop_duplicates().to_numpy().tolist() == [[34, 4]]


def test_one_seed_is_too_few_and_two_are_enough_for_scores() -> None:
    with pytest.raises(TooFewRunsError, match="two training seeds of a setting are needed; d: 6 runs of 6 settings"):
        score_shares(made({"setting": 1}, seeds=1))
    assert shares(made({"setting": 1, "training seed": 1}, seeds=2)).notna().all()


def test_one_setting_has_no_share_of_settings() -> None:
    assert shares(made({"training seed": 1}, settings=1, seeds=3))["setting"] == 0


def test_a_constant_score_has_no_shares() -> None:
    assert shares(made({})).isna().all()


def test_rank_correlations_below_five_seeds_have_variances_of_choices_and_no_shares() -> None:
    table = made({"setting": 1, "training seed": 1, "bins": 1}, seeds=4, names="ab")
    found = correlation_shares(table, ["a", "b"]).set_index("source")
    assert found.loc["bins", "variance"] > 0
    assert np.isnan(found.loc["training seed", "variance"])
    assert found["share"].isna().all()


def test_a_choice_that_reorders_runs_moves_their_rank_correlation_more_than_one_that_does_not() -> None:
    table = made({"setting": 1, "training seed": 0.5, "codes": 3}, seeds=5, names="ab")
    found = correlation_shares(table, ["a", "b"]).set_index("source")
    assert found["share"].sum() == pytest.approx(1)
    assert found.loc["codes", "variance"] > 0
    assert found.loc["evaluation seed", "variance"] == 0
    assert set(found["spearman"]) == {found["spearman"].iloc[0]}


def test_the_variance_of_a_correlation_is_that_of_its_values_under_each_level() -> None:
    table = made({"setting": 1, "training seed": 1, "bins": 1, "codes": 1}, settings=2, seeds=3, names="ab")
    assert set(table["level"]) == {level for levels in LEVELS.values() for level in levels}
    by_level = {level: spearmanr(*(own.loc[own["name"] == n].sort_values("run")["score"] for n in "ab")).statistic
                for level, own in table.groupby("level")}  # fmt: skip
    found = correlation_shares(table, ["a", "b"]).set_index("source")
    for choice, levels in LEVELS.items():
        if choice:
            expected = statistics.variance(by_level[level] for level in ("protocol", *levels))
            assert found.loc[choice, "variance"] == pytest.approx(expected)
    assert found["spearman"].tolist() == pytest.approx([by_level["protocol"]] * 4)
    assert (found["runs"] == 6).all()


def test_a_score_that_a_level_lacks_is_that_of_the_protocol() -> None:
    table = made({"setting": 1, "training seed": 1, "codes": 1}, settings=2, seeds=3, names="ab")
    lacks = table["level"].eq("sampled codes") & table["name"].eq("b")
    copied = table["score"].mask(lacks, table["run"].map(table[table["level"].eq("protocol") & table["name"].eq("b")]
                                                         .set_index("run")["score"]))  # fmt: skip
    without, with_copies = (correlation_shares(t, ["a", "b"]) for t in (table[~lacks], table.assign(score=copied)))
    pd.testing.assert_frame_equal(without, with_copies)
    assert without.set_index("source").loc["codes", "variance"] > 0


def test_a_constant_score_has_no_correlation() -> None:
    table = made({"setting": 1, "training seed": 1}, seeds=5, names="ab")
    table.loc[table["name"] == "b", "score"] = 0.5
    found = correlation_shares(table, ["a", "b"])
    assert found[["spearman", "share"]].isna().all(axis=None)


def test_one_score_or_few_runs_are_a_reason() -> None:
    with pytest.raises(TooFewRunsError, match="d: 30 runs have 1 scores"):
        correlation_shares(made({"training seed": 1}, seeds=5), ["a", "b"])
