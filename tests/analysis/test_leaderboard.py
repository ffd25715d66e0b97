"""Boards whose answer is known: scores, ranks, ties, holes, single seeds, single models, other directions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mstats, t, trim_mean

from bench import registry
from bench.analysis.board.board import Column, sure_best
from bench.analysis.board.leaderboard import OVERALL, columns, leaderboard, levels, wanted_cells
from bench.analysis.board.picks import by_criterion, criteria, merits
from bench.analysis.board.ranking import STANDING, Contest, standings
from bench.analysis.names import PAPER
from bench.analysis.statistics.estimates import Estimate
from bench.analysis.statistics.intervals import iqm
from bench.metrics.base import RANK_SETS, Score, metric

MIG = Column("mig", "mig", Score(0, 1, ranks=("study",)))


def small(models: Mapping[str, Sequence[float]], name: str = "mig", dataset: str = "d") -> pd.DataFrame:
    """One setting a model, a run for each score."""
    return pd.DataFrame(
        [
            {"run": f"{dataset}-{m}-{s}", "model": m, "hyperparameter": None, "strength_index": 0, "value": 1.0,
             "seed": s, "dataset": dataset, "representation": "mean", "metric": name, "name": name, "factor": None,
             "score": score}
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
    assert by_model(board, OVERALL)[["runs", "mig_runs"]].eq(60).all(axis=None)


def test_the_interval_over_data_sets_is_that_of_a_mean_of_independent_means() -> None:
    rng = np.random.default_rng(0)
    scores = {"d": rng.normal(0.5, 0.02, size=8), "e": rng.normal(0.6, 0.06, size=16)}
    board = leaderboard(pd.concat([small({"a": own}, dataset=d) for d, own in scores.items()]), [MIG])
    variances = np.array([mstats.trimmed_stde(own, (0.25, 0.25)) ** 2 for own in scores.values()]) / 4
    freedom = variances.sum() ** 2 / (variances**2 / [3, 7]).sum()  # of half of the runs
    half = t.ppf(0.975, freedom) * np.sqrt(variances.sum())
    mean = np.mean([trim_mean(own, 0.25) for own in scores.values()])
    found = by_model(board, OVERALL).loc["a", ["mig_low", "mig", "mig_high"]]
    assert found.tolist() == pytest.approx([mean - half, mean, mean + half])


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
    board = by_model(leaderboard(table, [Column("mig", "mig", Score(0, 1, False, ranks=("study",)))]))
    assert board["rank"].to_dict() == {"a": 1, "b": 2}
    assert board.loc["a", "mean_score"] == pytest.approx(0.85)


def test_the_mean_score_is_the_mean_share_of_ranges_and_leaves_out_scores_without_one() -> None:
    contests = [
        Contest(np.array(points), np.tile(points, (10, 1)), declared)
        for points, declared in (
            ([1.0, 0.5, 0.0], Score(0, 1)),
            ([-0.5, 0.0, 1.0], Score(-1, 1)),  # shares .25, .5, 1
            ([10.0, 30.0, 20.0], Score(10, 30, higher_is_better=False)),  # shares 1, 0, .5
            ([-9.0, -1.0, -5.0], Score(-np.inf, 0)),
            ([3.0, 1.0, 2.0], Score(0, np.inf)),
        )
    ]
    found = standings(contests)
    assert found["mean_score"].tolist() == pytest.approx([2.25 / 3, 1 / 3, 0.5])
    assert found["mean_rank"].tolist() == pytest.approx([(1 + 3 + 1 + 3 + 1) / 5, (2 + 2 + 3 + 1 + 3) / 5, 2.0])
    assert found["borda"].tolist() == pytest.approx([6.0, 4.0, 5.0])
    for name, places in (("rank", [1, 3, 2]), ("rank_by_mean", [1, 3, 2])):
        for end in ("", "_low", "_high"):
            assert found[name + end].tolist() == places


def test_the_interval_of_a_rank_holds_all_places_but_of_the_fewest_draws() -> None:
    """Of 1000 draws, 30 change places: more than 2.5 per cent, so that either place is within the interval."""
    points = np.array([0.6, 0.4])
    for changed, ends in ((30, [1, 2]), (20, [1, 1])):
        draws = np.tile(points, (1000, 1))
        draws[:changed] = points[::-1]
        found = standings([Contest(points, draws, Score(0, 1))])
        assert found.loc[0, ["rank_low", "rank_high"]].tolist() == ends
        assert found.loc[0, ["rank_by_mean_low", "rank_by_mean_high"]].tolist() == ends


def test_scores_of_no_direction_are_shown_but_do_not_count(study_table: pd.DataFrame) -> None:
    assert {c.name: c.declared.counts_in("study") for c in columns(study_table)} == {
        "beta_vae_test": True, "factor_vae_test": True, "mig": True, "lr_10000": False, "gbt_10000": False,
        "gbt_efficiency": False,
    }  # fmt: skip
    board = by_model(leaderboard(small({"a": [0.1] * 2, "b": [0.2] * 2}), [Column("mig", "mig", Score(0, 1))]))
    assert board["rank"].isna().all()
    assert board["coverage"].to_dict() == {"a": 1, "b": 1}
    assert board["mig"].to_dict() == pytest.approx({"a": 0.1, "b": 0.2})


@pytest.mark.parametrize("ranked", [False, True])
def test_a_new_metric_has_a_column_and_moves_ranks_only_where_it_says_so(
    ranked: bool, study_table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = Score(0, 1, ranks=("information",) if ranked else ())

    @metric(version=1, reads="points", scores={"abc": declared}, headline="abc", paper="")
    def abc(codes, factors):  # type: ignore[no-untyped-def]
        return {"abc": 0.5}

    load, known = registry.load, registry.modules("metrics")
    monkeypatch.setattr(registry, "modules", lambda kind: known | {"abc": "abc"})
    monkeypatch.setattr(registry, "load", lambda kind, name: abc if name == "abc" else load(kind, name))
    of_abc = study_table[study_table["name"] == "mig"].assign(name="abc", metric="abc", cell="abc")
    of_abc = of_abc.assign(score=1 - of_abc["score"]).iloc[:-1]  # the opposite order, and not of every run
    more = pd.concat([study_table, of_abc])
    keys = ["representation", "dataset", "rank_set", "model"]
    sets = ["study", "all", "information"]
    before, after = (
        leaderboard(t, columns(t), rank_sets=sets).set_index(keys).sort_index() for t in (study_table, more)
    )
    assert after["abc"].notna().any()
    standing = [*STANDING, "coverage"]
    same = {s: before.xs(s, level="rank_set")[standing].equals(after.xs(s, level="rank_set")[standing]) for s in sets}
    assert same == {"study": True, "all": not ranked, "information": not ranked}


def test_an_interval_ends_where_the_range_of_its_score_does() -> None:
    scores = {"low": [0.0, 0.01, 0.02, 0.03, 0.5], "high": [1.0, 0.99, 0.98, 0.97, 0.5]}
    board = by_model(leaderboard(small(scores), [MIG]))
    assert board.loc["low", "mig_low"] == 0 < board.loc["low", "mig_high"] < 1
    assert 0 < board.loc["high", "mig_low"] < board.loc["high", "mig_high"] == 1
    unbounded = by_model(leaderboard(small(scores, "elbo"), [Column("elbo", "elbo", Score(-np.inf, np.inf))]))
    assert unbounded.loc["low", "elbo_low"] < 0


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


def test_rows_without_a_rank_are_in_the_order_of_their_coverage_then_of_their_names() -> None:
    table = small({"a": [0.9] * 4, "b": [0.5] * 4, "c": [0.3] * 4, "d": [0.4] * 4, "e": [0.6] * 4})
    holes = table[~table["run"].isin(["d-a-0", "d-a-1", "d-a-2", "d-c-0", "d-d-0"])]
    board = by_model(leaderboard(holes, [MIG], wanted_cells(table)))
    assert board["coverage"].to_dict() == {"e": 1, "b": 1, "c": 0.75, "d": 0.75, "a": 0.25}
    assert board.index.tolist() == ["e", "b", "c", "d", "a"]
    assert board["runs"].dtype == board["seeds"].dtype == np.int64


def test_a_score_that_is_not_a_number_is_a_hole() -> None:
    table = small({"a": [0.9, np.nan], "b": [0.5, 0.5], "c": [0.1, 0.1]})
    board = by_model(leaderboard(table, [MIG]))
    assert board.loc["a", ["mig", "mig_runs", "coverage"]].tolist() == [0.9, 1, 0.5]


def test_a_model_that_was_wanted_and_never_scored_is_listed() -> None:
    table = small({"a": [0.9], "b": [0.5]})
    board = by_model(leaderboard(table[table["model"] == "a"], [MIG], wanted_cells(table)))
    assert board.loc["b", ["coverage", "seeds", "runs", "mig_runs"]].tolist() == [0, 0, 0, 0]
    assert board.loc["b", ["mig", "mig_low", "mig_high"]].isna().all()


def test_a_representation_from_elsewhere_is_ranked_on_its_own_data_set_alone() -> None:
    both = pd.concat([small({"a": [0.3, 0.4], "b": [0.5, 0.6]}, dataset=d) for d in ("d", "e")])
    theirs = small({"theirs": [0.9]}).assign(value=np.nan, strength_index=None)
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
    assert board.index.is_unique
    assert (board["runs"] == 5).all()
    assert board.columns[3:6].tolist() == ["model", "hyperparameter", "value"]
    assert set(board.loc[board["model"] == "factor_vae", "hyperparameter"]) == {"gamma"}
    best = board.iloc[0]
    rows = part.query(
        "dataset == 'dsprites' and representation == 'mean' and model == @best.model and value == @best.value"
    )
    assert best["mig"] == pytest.approx(trim_mean(rows["score"], 0.25))


def test_a_table_without_scores_gives_an_empty_board(study_table: pd.DataFrame) -> None:
    assert leaderboard(study_table.iloc[:0], []).empty


NAN = float("nan")


@pytest.mark.parametrize(
    ("rows", "best"),
    [  # rank, score, its interval
        ([(2, 0.5, 0.4, 0.6), (1, 0.9, 0.8, 1.0)], 1),
        ([(2, 0.5, 0.4, 0.6), (1, 0.9, 0.61, 1.0), (3, 0.1, 0.0, 0.2)], 1),
        ([(2, 0.5, 0.4, 0.6), (1, 0.9, 0.6, 1.0)], None),  # they touch
        ([(2, 0.5, 0.4, 0.6), (1, 0.9, 0.8, 1.0), (3, 0.3, 0.0, 0.85)], None),
        ([(2, 0.5, NAN, NAN), (1, 0.9, 0.8, 1.0)], 1),  # a score without an interval is outside that of the best
        ([(2, 0.85, NAN, NAN), (1, 0.9, 0.8, 1.0)], None),
        ([(2, 0.5, 0.4, 0.6), (1, 0.9, NAN, NAN)], None),
        ([(NAN, 0.95, 0.9, 1.0), (2, 0.5, 0.4, 0.6), (1, 0.8, 0.7, 0.85)], 2),  # a row without a rank does not compete
        ([(NAN, 0.5, 0.4, 0.6), (1, 0.9, 0.8, 1.0)], None),  # nothing to be better than
        ([(2, NAN, NAN, NAN), (1, 0.9, 0.8, 1.0)], None),
    ],
)
def test_the_best_is_sure_where_its_interval_is_apart_from_all_others(
    rows: list[tuple[float, ...]], best: int | None
) -> None:
    frame = pd.DataFrame(rows, columns=["rank", "mig", "mig_low", "mig_high"])
    assert sure_best(frame, MIG) == best
    mirrored = frame.assign(mig=-frame["mig"], mig_low=-frame["mig_high"], mig_high=-frame["mig_low"])
    assert sure_best(mirrored, Column("mig", "mig", Score(-1, 0, higher_is_better=False))) == best
    assert sure_best(frame, Column("mig", "mig", Score(0, 1, higher_is_better=None))) is None


ACCURACY = Column("lr_100", "downstream", Score(0, 1), disentanglement=False)


def with_dead(models: Mapping[str, Sequence[float]], dead: Mapping[str, int]) -> pd.DataFrame:
    """`small` with an accuracy of each run and its active dimensions: none of the first runs of a model."""
    table = small(models)
    accuracy = table.assign(name="lr_100", metric="downstream", score=0.7)
    dims = table.assign(name="active_dims", metric="active_dims", score=[
        float(seed >= dead.get(model, 0)) for model, seed in zip(table["model"], table["seed"], strict=True)
    ])  # fmt: skip
    return pd.concat([table, accuracy, dims], ignore_index=True)


def test_dead_runs_are_counted_and_named_and_their_accuracy_alone_is_used() -> None:
    table = with_dead({"a": [0.99, 0.98, *[0.3] * 6], "b": [0.5] * 8}, {"a": 2})
    board = by_model(leaderboard(table, [MIG, ACCURACY]))
    assert board["rank"].to_dict() == {"b": 1, "a": 2}
    assert board.loc["a", ["mig", "mig_runs", "lr_100_runs", "coverage", "dead"]].tolist() == [0.3, 6, 8, 1, 2]
    assert board["dead_runs"].to_dict() == {"a": "a, value 1: seeds 0, 1", "b": ""}


def test_dead_runs_of_a_model_that_sweeps_nothing_are_those_of_its_one_setting() -> None:
    table = with_dead({"a": [0.99, 0.98, *[0.3] * 6], "b": [0.5] * 8}, {"a": 2}).assign(value=np.nan)
    board = by_model(leaderboard(table, [MIG, ACCURACY], level="setting"))
    assert board["dead"].to_dict() == {"a": 2, "b": 0}
    assert board.loc["a", ["mig", "runs", "dead_runs"]].tolist() == [0.3, 8, "a: seeds 0, 1"]


def test_a_row_whose_runs_are_all_dead_is_listed_and_not_ranked() -> None:
    table = with_dead({"a": [0.9] * 5, "b": [0.5] * 5, "c": [0.4] * 5}, {"a": 5})
    board = by_model(leaderboard(table, [MIG, ACCURACY]))
    assert board.index.tolist() == ["b", "c", "a"]
    assert board.loc["a", ["rank", "mig"]].isna().all()
    assert board.loc["a", ["lr_100", "dead"]].tolist() == [pytest.approx(0.7), 5]


def test_a_row_most_of_whose_runs_are_dead_is_not_ranked_by_its_survivors() -> None:
    table = with_dead({"a": [*[0.1] * 6, 0.99, 0.98], "b": [0.5] * 8, "c": [0.4] * 8}, {"a": 6})
    board = by_model(leaderboard(table, columns(table)))
    assert board.loc["a", ["mig", "mig_runs", "dead"]].tolist() == [pytest.approx(0.985), 2, 6]
    assert board["rank"].isna().to_dict() == {"a": True, "b": False, "c": False}


def test_where_every_run_is_dead_nothing_is_ranked() -> None:
    table = with_dead({m: [0.9] * 5 for m in "ab"}, {"a": 5, "b": 5})
    board = by_model(leaderboard(table, [MIG, ACCURACY], rank_sets=RANK_SETS))
    assert board["rank"].isna().all()
    assert board["lr_100"].to_list() == pytest.approx([0.7] * 10)


def test_too_few_live_seeds_leave_disentanglement_without_interval_and_accuracy_with_one() -> None:
    table = with_dead({"a": [0.9, 0.8, *np.linspace(0.3, 0.4, 4)], "b": [0.5] * 6}, {"a": 2})
    board = by_model(leaderboard(table, [MIG, ACCURACY]))
    assert board.loc["a", ["mig_low", "rank_low", "rank_high"]].isna().all()
    assert board.loc["a", ["lr_100_low", "lr_100_high"]].notna().all()
    assert board.loc["b", ["mig_low", "rank_low"]].notna().all()


def test_the_sampled_codes_of_a_dead_run_are_those_of_a_dead_run() -> None:
    table = with_dead({"a": [0.9] * 5, "b": [0.5] * 5}, {"a": 5})
    sampled = table.assign(representation="sampled", score=table["score"].where(table["name"] != "active_dims", 10.0))
    board = leaderboard(pd.concat([table, sampled]), [MIG]).query("representation == 'sampled'")
    assert by_model(board)["dead"].to_dict() == {"a": 5, "b": 0}


def test_each_rank_set_ranks_by_its_own_scores() -> None:
    table = pd.concat([small({"a": [0.9] * 2, "b": [0.1] * 2}), small({"a": [0.2] * 2, "b": [0.6] * 2}, "sap")])
    chosen = [Column("mig", "mig", Score(0, 1, ranks=("information",))),
              Column("sap", "sap", Score(0, 1, ranks=("prediction",)))]  # fmt: skip
    board = leaderboard(table, chosen, rank_sets=["all", "information", "prediction"])
    ranks = board.set_index(["rank_set", "model"])["rank"]
    assert ranks.to_dict() == {
        ("all", "a"): 1, ("all", "b"): 1, ("information", "a"): 1, ("information", "b"): 2,
        ("prediction", "b"): 1, ("prediction", "a"): 2,
    }  # fmt: skip


def test_the_study_ranks_by_the_papers_six_and_the_irs_is_in_no_set() -> None:
    ranked = {}
    for name in registry.names("metrics"):
        for score, declared in registry.load("metrics", name).metric.scores.items():
            ranked[score] = {s for s in RANK_SETS if declared.counts_in(s)}
    assert {score for score, sets in ranked.items() if "study" in sets} == set(PAPER.values())
    assert ranked["irs"] == set()
    assert ranked["irs_active"] == {"all", "intervention"}
    assert next(iter(RANK_SETS)) == "study"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"rank_sets": ["informaton"]}, "unknown rank set 'informaton'. Did you mean 'information'"),
        ({"level": "setings"}, "unknown level 'setings'. Did you mean 'setting'"),
    ],
)
def test_an_unknown_level_or_rank_set_is_offered_the_nearest(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(registry.UnknownNameError, match=message):
        leaderboard(small({"a": [0.1]}), [MIG], **asked)


def swept(scores: Mapping[tuple[str, float], float], name: str = "mig") -> pd.DataFrame:
    """(model, value) -> the score of each of its five seeds."""
    parts = [small({model: [score] * 5}, name).assign(value=value, run=lambda t, v=value: t["run"] + f"-{v:g}")
             for (model, value), score in scores.items()]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_the_best_setting_is_chosen_by_each_score_for_itself() -> None:
    of_mig = {("a", 1.0): 0.2, ("a", 2.0): 0.8, ("b", 1.0): 0.5, ("b", 2.0): 0.5}
    of_irs = {("a", 1.0): 0.9, ("a", 2.0): 0.1, ("b", 1.0): 0.5, ("b", 2.0): 0.4}
    table = pd.concat([swept(of_mig), swept(of_irs, "irs")])
    chosen = [MIG, Column("irs", "irs", Score(-1, 1))]
    assert by_model(leaderboard(table, chosen))["mig"].to_dict() == pytest.approx({"a": 0.5, "b": 0.5})
    best = by_model(leaderboard(table, chosen, level="best"))
    assert best["mig"].to_dict() == pytest.approx({"a": 0.8, "b": 0.5})
    assert best["irs"].to_dict() == pytest.approx({"a": 0.9, "b": 0.5})
    assert best["rank"].to_dict() == {"a": 1, "b": 2}
    assert (best["runs"] == 5).all()


def test_a_score_that_no_setting_of_a_model_has_is_a_hole_where_the_best_setting_stands_for_it() -> None:
    of_mig = swept({("a", 1.0): 0.2, ("a", 2.0): 0.8, ("b", 1.0): 0.5, ("b", 2.0): 0.5})
    of_irs = swept({("a", 1.0): 0.9, ("a", 2.0): 0.1, ("b", 1.0): 0.5, ("b", 2.0): 0.4}, "irs")
    table = pd.concat([of_mig, of_irs])
    holes = table[table["name"].ne("irs") | table["model"].ne("b")]
    chosen = [MIG, Column("irs", "irs", Score(-1, 1, ranks=("study",)))]
    best = by_model(leaderboard(holes, chosen, wanted_cells(table), level="best"))
    assert best.loc["b", ["coverage", "mig_runs", "irs_runs"]].tolist() == [0.5, 5, 0]
    assert best.loc["b", ["irs", "irs_low", "rank"]].isna().all()


def test_the_few_runs_that_survive_in_a_setting_are_not_its_best() -> None:
    scores = {("a", 1.0): 0.2, ("a", 2.0): 0.8, ("b", 1.0): 0.1, ("b", 2.0): 0.5}
    table = swept(scores)
    dims = table.assign(metric="active_dims", name="active_dims", score=4.0)
    lone = dims["model"].eq("a") & dims["value"].eq(2.0) & dims["seed"].gt(0)
    table = pd.concat([table, dims.assign(score=np.where(lone, 0.0, 4.0))])
    best = by_model(leaderboard(table, [MIG], level="best"))
    assert best["mig"].to_dict() == pytest.approx({"a": 0.2, "b": 0.5})
    assert best["rank"].to_dict() == {"a": 2, "b": 1}


def test_an_unsupervised_criterion_chooses_the_setting_that_every_score_is_of() -> None:
    table = swept({("a", 1.0): 0.2, ("a", 2.0): 0.8, ("b", 1.0): 0.5, ("b", 2.0): 0.6})
    losses = {("a", 1.0): 3.0, ("a", 2.0): 9.0, ("b", 1.0): 7.0, ("b", 2.0): 4.0}
    of_run = swept(losses, "reconstruction").assign(metric="training", representation=None)
    of_run["representation"] = of_run["representation"].astype("string")
    table = pd.concat([table.astype({"representation": "string"}), of_run])
    picked = by_model(leaderboard(table, [MIG], level="reconstruction"))
    assert picked["mig"].to_dict() == pytest.approx({"a": 0.2, "b": 0.6})
    assert levels(table) == {
        "model": "models, over the sweep", "setting": "models at each strength",
        "best": "models, best setting by each score", "reconstruction": "models, setting of the best Reconstruction",
    }  # fmt: skip


def test_the_merit_of_a_setting_is_the_iqm_of_its_runs_the_better_the_higher() -> None:
    runs = [("d", "a", 1.0, seed, f"a-{seed}") for seed in range(5)] + [
        ("d", "b", np.nan, s, f"b-{s}") for s in range(3)
    ]
    index = pd.MultiIndex.from_tuples(runs, names=["dataset", "model", "value", "seed", "run"])
    elbo = [1.0, 2, 3, 10, np.nan, 5, 7, 9]  # quarters of four are one, of three none
    scores = pd.DataFrame({"elbo": elbo, "reconstruction": elbo, "kl": np.nan}, index)
    assert merits(scores, "elbo") == {"d": {("a", 1.0): 2.5, ("b", None): 7}}
    assert merits(scores, "reconstruction") == {"d": {("a", 1.0): -2.5, ("b", None): -7}}
    assert criteria(scores) == ["reconstruction", "elbo"]


def test_a_model_without_a_merit_has_no_score_where_merits_choose() -> None:
    settings = {row: Estimate.empty(3) for row in (("a", 1.0), ("b", None), ("a", 2.0), ("a", 4.0), ("c", 1.0))}
    picked = by_criterion(settings, {("a", 1.0): -2.0, ("a", 4.0): -1.0, ("c", 1.0): -9.0})
    assert picked["a",] is settings["a", 4.0]
    assert picked["c",] is settings["c", 1.0]
    assert (picked["b",].runs.tolist(), picked["b",].seeds) == ([0, 0, 0], 0)


def test_one_setting_each_leaves_nothing_to_pick() -> None:
    assert levels(small({"a": [0.1], "b": [0.2]})) == {"model": "models"}


def test_a_data_set_without_labels_has_a_board_of_unsupervised_scores(study_table: pd.DataFrame) -> None:
    bare = study_table[(study_table["dataset"] == "dsprites") & (study_table["name"] == "mig")]
    bare = bare.assign(dataset="bare", metric="udr", name="udr_spearman")
    board = leaderboard(bare, columns(bare))
    assert set(board["dataset"]) == {"bare"}
    assert board["udr_spearman"].notna().all()
    both = pd.concat([study_table, bare.assign(dataset="dsprites"), bare])
    assert [c.name for c in columns(both)] == [*(c.name for c in columns(study_table)), "udr_spearman"]
    labelled = pd.concat([study_table, bare.assign(dataset="dsprites")])
    assert columns(labelled) == columns(study_table)


def test_a_board_has_accuracies_at_the_most_labels_of_the_downstream_task_alone() -> None:
    metrics = {
        "lr_5": "downstream", "lr_100": "downstream", "lr_1000": "downstream", "gbt_100": "downstream",
        "gbt_efficiency": "downstream", "mlp_1000": "strong_downstream", "dci_completeness": "dci", "irs": "irs",
        "mig": "mig",
    }  # fmt: skip
    table = pd.concat([small({"a": [0.5]}, name).assign(metric=metric) for name, metric in metrics.items()])
    assert [(c.name, c.metric, c.disentanglement) for c in columns(table)] == [
        ("mig", "mig", True), ("lr_1000", "downstream", False), ("gbt_100", "downstream", False),
        ("gbt_efficiency", "downstream", False), ("irs", "irs", True),
    ]  # fmt: skip


def test_boards_of_mean_codes_come_first_and_others_may_lack_scores() -> None:
    table, of_sap = small({"a": [0.1], "b": [0.2]}), small({"a": [0.3], "b": [0.4]}, "sap")
    every = pd.concat([of_sap, *(table.assign(representation=kind) for kind in ("held_out", "mean", "sampled"))])
    board = leaderboard(every, [MIG, Column("sap", "sap", Score(0, 1, ranks=("study",)))])
    assert board["representation"].unique().tolist() == ["mean", "held_out", "sampled"]
    assert (board["rank"].tolist(), board["sap"].notna().tolist()) == ([1, 2] * 3, [True] * 2 + [False] * 4)
