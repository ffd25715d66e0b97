"""Boards whose answer is known: scores, ranks, ties, holes, single seeds, single models, other directions."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.stats import trim_mean

from bench import registry
from bench.analysis.board.board import Column
from bench.analysis.board.leaderboard import OVERALL, columns, leaderboard, wanted_cells
from bench.analysis.board.ranking import STANDING
from bench.analysis.statistics.intervals import iqm
from bench.metrics.base import Score, metric

MIG = Column("mig", "mig", True, Score(0, 1))


def small(models: Mapping[str, Sequence[float]], name: str = "mig", dataset: str = "d") -> pd.DataFrame:
    """One setting a model, a run for each score."""
    return pd.DataFrame(
        [
            {"run": f"{dataset}-{m}-{s}", "model": m, "strength": 0, "value": 1.0, "seed": s, "dataset": dataset,
             "representation": "mean", "metric": name, "name": name, "factor": None, "score": score}
            for m, scores in models.items() for s, score in enumerate(scores)
        ]
    )  # fmt: skip


def by_model(board: pd.DataFrame, dataset: str = "d") -> pd.DataFrame:
    return board[board["dataset"] == dataset].set_index("model")


def test_the_iqm_is_the_mean_of_the_middle_half() -> None:
    assert iqm(np.array([0.0, 10, 11, 12, 13, 14, 15, 1000])) == pytest.approx(12.5)
    values = np.random.default_rng(0).normal(size=(7, 9))
    np.testing.assert_allclose(iqm(values, axis=1), trim_mean(values, 0.25, axis=1))


def test_scores_are_iqms_over_strengths_and_seeds_and_lie_in_their_intervals(study_table: pd.DataFrame) -> None:
    board = by_model(leaderboard(study_table, columns(study_table)), "dsprites")
    rows = study_table.query("dataset == 'dsprites' and representation == 'mean' and name == 'mig'")
    expected = rows.groupby("model")["score"].agg(lambda s: trim_mean(s, 0.25))
    mean = board[board["representation"] == "mean"]
    np.testing.assert_allclose(mean["mig"].sort_index(), expected.sort_index())
    assert (mean["mig_low"] < mean["mig"]).all()
    assert (mean["mig"] < mean["mig_high"]).all()


def test_the_overall_score_is_the_mean_over_data_sets(study_table: pd.DataFrame) -> None:
    board = leaderboard(study_table, columns(study_table)).query("representation == 'sampled'")
    parts = [by_model(board, d)["mig"].sort_index() for d in ("dsprites", "noisy_dsprites")]
    np.testing.assert_allclose(by_model(board, OVERALL)["mig"].sort_index(), sum(parts) / 2)
    assert (by_model(board, OVERALL)["runs"] == 60).all()


def test_ranks_follow_the_scores_and_their_intervals_hold_them(study_table: pd.DataFrame) -> None:
    board = leaderboard(study_table, columns(study_table)).query(f"dataset == '{OVERALL}'")
    assert board.iloc[0]["model"] == "factor_vae"
    assert ((board["rank_low"] <= board["rank"]) & (board["rank"] <= board["rank_high"])).all()
    assert (board["rank_low"] < board["rank_high"]).any()


def test_the_interval_of_a_rank_is_wide_where_models_are_alike() -> None:
    rng = np.random.default_rng(0)
    models = {m: rng.normal(0.5, 0.1, 10) for m in "abc"} | {"z": rng.normal(0.1, 0.001, 10)}
    board = by_model(leaderboard(small(models), [MIG]))
    assert board.loc["z", ["rank_low", "rank_high"]].tolist() == [4, 4]
    assert (board.loc[["a", "b", "c"], "rank_high"] - board.loc[["a", "b", "c"], "rank_low"] >= 1).all()


def test_ties_share_a_rank() -> None:
    board = by_model(leaderboard(small({"a": [0.3, 0.5], "b": [0.5, 0.3], "c": [0.1, 0.1]}), [MIG]))
    assert board["rank"].to_dict() == {"a": 1, "b": 1, "c": 3}
    assert board["borda"].to_dict() == {"a": 1.5, "b": 1.5, "c": 0}


def test_a_constant_score_ranks_nobody_above_another() -> None:
    board = by_model(leaderboard(small({m: [0.5] * 5 for m in "abc"}), [MIG]))
    assert (board["rank"] == 1).all()
    assert (board["mig_low"] == board["mig_high"]).all()


def test_lower_is_better_where_the_metric_says_so() -> None:
    table = small({"a": [0.1, 0.2], "b": [0.8, 0.9]})
    board = by_model(leaderboard(table, [Column("mig", "mig", True, Score(0, 1, False))]))
    assert board["rank"].to_dict() == {"a": 1, "b": 2}
    assert board.loc["a", "mean_score"] == pytest.approx(0.85)


def test_scores_of_no_direction_are_shown_but_do_not_count(study_table: pd.DataFrame) -> None:
    assert {c.name: c.counted for c in columns(study_table)} == {
        "beta_vae_test": True, "factor_vae_test": True, "mig": True, "lr_10000": False, "gbt_10000": False,
        "gbt_efficiency": False,
    }  # fmt: skip
    board = by_model(leaderboard(small({"a": [0.1] * 2, "b": [0.2] * 2}), [Column("mig", "mig", False, Score(0, 1))]))
    assert board["rank"].isna().all()
    assert board["mig"].to_dict() == pytest.approx({"a": 0.1, "b": 0.2})


@pytest.mark.parametrize("ranked", [False, True])
def test_a_new_metric_has_a_column_and_moves_ranks_only_where_it_says_so(
    ranked: bool, study_table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    @metric(version=1, reads="points", scores={"abc": Score(0, 1)}, headline="abc", paper="", ranked=ranked)
    def abc(codes, factors):  # type: ignore[no-untyped-def]
        return {"abc": 0.5}

    load, known = registry.load, registry.modules("metrics")
    monkeypatch.setattr(registry, "modules", lambda kind: known | {"abc": "abc"})
    monkeypatch.setattr(registry, "load", lambda kind, name: abc if name == "abc" else load(kind, name))
    of_abc = study_table[study_table["name"] == "mig"].assign(name="abc", metric="abc", cell="abc")
    of_abc = of_abc.assign(score=1 - of_abc["score"]).iloc[:-1]  # the opposite order, and not of every run
    more = pd.concat([study_table, of_abc])
    assert {c.name: c.counted for c in columns(more)}["abc"] is ranked
    keys = ["representation", "dataset", "model"]
    before, after = (leaderboard(t, columns(t)).set_index(keys).sort_index() for t in (study_table, more))
    assert after["abc"].notna().any()
    standing = [c for c in STANDING if c in before]
    same = before[standing].equals(after[standing]) and before["coverage"].equals(after["coverage"])
    assert same is not ranked


def test_fewer_than_five_seeds_have_no_interval() -> None:
    board = by_model(leaderboard(small({"a": [0.3], "b": [0.5, 0.6, 0.5, 0.6, 0.5], "c": [0.1, 0.2, 0.1, 0.2]}), [MIG]))
    intervals = ["rank_low", "rank_high", "mig_low", "mig_high"]
    assert board.loc[["a", "c"], intervals].isna().all(axis=None)
    assert board.loc["b", intervals].notna().all()
    assert board["seeds"].to_dict() == {"a": 1, "b": 5, "c": 4}
    assert board["rank"].to_dict() == {"b": 1, "a": 2, "c": 3}


def test_a_model_that_sweeps_nothing_is_one_setting() -> None:
    table = small({"a": [0.3, 0.4], "b": [0.5, 0.6, 0.7, 0.55, 0.65]}).assign(value=np.nan)
    board = by_model(leaderboard(table, [MIG]))
    assert board["seeds"].to_dict() == {"a": 2, "b": 5}
    assert board.loc["b", "mig_low"] < 0.6 < board.loc["b", "mig_high"]


def test_one_model_has_scores_but_no_rank() -> None:
    board = by_model(leaderboard(small({"a": [0.3, 0.4, 0.5]}), [MIG]))
    assert np.isnan(board.loc["a", "rank"])
    assert board.loc["a", "mig"] == pytest.approx(0.4)


def test_incomplete_rows_are_listed_last_without_a_rank() -> None:
    table = small({"a": [0.9, 0.9], "b": [0.5, 0.5], "c": [0.1, 0.1]})
    wanted = wanted_cells(table)
    holes = table.drop(index=0)
    board = by_model(leaderboard(holes, [MIG], wanted))
    assert board.index.tolist() == ["b", "c", "a"]
    assert board["rank"].tolist()[:2] == [1, 2]
    assert np.isnan(board.loc["a", "rank"])
    assert board["coverage"].to_dict() == {"a": 0.5, "b": 1, "c": 1}


def test_a_score_that_is_not_a_number_is_a_hole() -> None:
    table = small({"a": [0.9, np.nan], "b": [0.5, 0.5], "c": [0.1, 0.1]})
    board = by_model(leaderboard(table, [MIG]))
    assert board.loc["a", ["mig", "mig_runs", "coverage"]].tolist() == [0.9, 1, 0.5]


def test_a_model_that_was_wanted_and_never_scored_is_listed() -> None:
    table = small({"a": [0.9], "b": [0.5]})
    board = by_model(leaderboard(table[table["model"] == "a"], [MIG], wanted_cells(table)))
    assert board.loc["b", "coverage"] == 0
    assert np.isnan(board.loc["b", "mig"])


def test_a_representation_from_elsewhere_is_ranked_on_its_own_data_set_alone() -> None:
    both = pd.concat([small({"a": [0.3, 0.4], "b": [0.5, 0.6]}, dataset=d) for d in ("d", "e")])
    theirs = small({"theirs": [0.9]}).assign(value=np.nan, strength=None)
    board = leaderboard(pd.concat([both, theirs]), [MIG], wanted_cells(both))
    assert by_model(board, "d").loc["theirs", "rank"] == 1
    overall = by_model(board, OVERALL)
    assert overall.loc["theirs", ["rank", "mig"]].isna().all()
    assert overall.loc["theirs", "coverage"] == 0.5
    assert "theirs" not in by_model(board, "e").index


def test_the_interval_of_a_row_does_not_depend_on_its_rivals() -> None:
    rng = np.random.default_rng(0)
    models = {m: rng.random(8) for m in "abc"}
    few, many = (by_model(leaderboard(small({m: models[m] for m in chosen}), [MIG])) for chosen in ("ab", "abc"))
    assert few.loc["a", ["mig_low", "mig_high"]].tolist() == many.loc["a", ["mig_low", "mig_high"]].tolist()


def test_a_row_can_be_a_setting(study_table: pd.DataFrame) -> None:
    part = study_table[study_table["name"] == "mig"]
    board = leaderboard(part, columns(part), level="setting").query(
        "dataset == 'dsprites' and representation == 'mean'"
    )
    assert len(board) == 36
    assert (board["runs"] == 5).all()
    best = board.iloc[0]
    rows = part.query(
        "dataset == 'dsprites' and representation == 'mean' and model == @best.model and value == @best.value"
    )
    assert best["mig"] == pytest.approx(trim_mean(rows["score"], 0.25))


def test_a_table_without_scores_gives_an_empty_board(study_table: pd.DataFrame) -> None:
    assert leaderboard(study_table.iloc[:0], []).empty
