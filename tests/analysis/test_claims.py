"""A claim of one model against another is read from words and judged by the runs that there are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mstats, t

from bench.analysis.pairs.claims import Claim, Side, _seeds_needed, read_claim, sentence, weigh
from bench.analysis.published.printed import printed
from bench.cli.claim import judge, read_claims
from bench.registry import UnknownNameError
from bench.store.files import StoreError
from bench.store.folders import Store
from bench.values import ConfigError


def test_a_claim_is_read_from_words() -> None:
    beta, factor = Side("beta_vae"), Side("factor_vae")
    assert read_claim("factor_vae > beta_vae on mig, dsprites") == Claim(factor, beta, "mig", "dsprites")
    assert read_claim("factor_vae<beta_vae on mig") == Claim(beta, factor, "mig", None)
    settings = read_claim("beta_vae beta=4 > beta_vae beta=1 on dci")
    assert (settings.more, settings.less) == (Side("beta_vae", "beta", 4.0), Side("beta_vae", "beta", 1.0))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "has the form"),
        ("beta_vae > factor_vae", "has the form"),
        ("beta_vae on mig", "has the form"),
        ("beta_vae > beta_vae on mig", "are the same"),
        ("beta_vae beta=high > pca on mig", "beta=high: the value of a hyper-parameter is a number"),
    ],
)
def test_what_is_no_claim_is_named(words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_claim(words)


def scored(more: float, seeds: int, schedule: str = "quick") -> pd.DataFrame:
    """Two models of 4 settings whose scores differ by `more` on the average, and vary by .1."""
    rng, rows = np.random.default_rng(1), []
    for model, centre in (("factor_vae", 0.5 + more), ("beta_vae", 0.5)):
        for setting in range(4):
            noise = rng.normal(0, 0.1, seeds)
            for seed, score in enumerate(centre + noise - noise.mean()):
                rows.append({
                    "run": f"{model}-{setting}-{seed}", "model": model, "hyperparameter": "beta",
                    "value": float(setting), "seed": seed, "dataset": "dsprites", "schedule": schedule,
                    "representation": "mean", "metric": "mig", "name": "mig", "factor": None, "score": score,
                })  # fmt: skip
    return pd.DataFrame(rows)


CLAIM = read_claim("factor_vae > beta_vae on mig")


@pytest.mark.parametrize(("more", "word"), [(0.3, "supported"), (-0.3, "contradicted"), (0.001, "open")])
def test_the_interval_of_the_difference_decides(more: float, word: str) -> None:
    (verdict,) = weigh(CLAIM, scored(more, 8))
    assert verdict.word == word
    assert verdict.difference == pytest.approx(more, abs=0.05)
    assert verdict.low < verdict.difference < verdict.high
    assert (verdict.runs, verdict.seeds, verdict.dead) == ((32, 32), 8, (0, 0))
    assert word in sentence(CLAIM, verdict)


def test_as_many_seeds_as_are_named_settle_a_difference() -> None:
    (few,) = weigh(CLAIM, scored(0.02, 5))
    assert few.word == "open"
    assert few.seeds_needed is not None
    needed = few.seeds_needed * (few.difference / 0.02) ** 2  # of the difference that they will have
    (many,) = weigh(CLAIM, scored(0.02, round(1.5 * needed)))
    assert many.word == "supported"


def test_the_seeds_needed_are_the_fewest_whose_interval_leaves_out_the_difference() -> None:
    table = scored(0.03, 6)
    (verdict,) = weigh(read_claim("factor_vae beta=1 > beta_vae beta=1 on mig"), table)
    sides = [table.query(f"model == '{model}' and value == 1")["score"] for model in ("factor_vae", "beta_vae")]
    variances = np.array([mstats.trimmed_stde(side, (1 / 6, 1 / 6)) ** 2 for side in sides])

    def half(seeds: int) -> float:
        """Of Welch's interval of two means of four untrimmed values in six, which many seeds make narrow."""
        shrunk, freedom = variances * 6 / seeds, 3 * (seeds - 1) / 5
        return float(t.ppf(0.975, shrunk.sum() ** 2 / (shrunk**2 / freedom).sum()) * np.sqrt(shrunk.sum()))

    assert verdict.high - verdict.low == pytest.approx(2 * half(6))
    assert verdict.seeds_needed is not None
    assert half(verdict.seeds_needed) < abs(verdict.difference) <= half(verdict.seeds_needed - 1)
    for seeds in (6, 9):
        found = [
            _seeds_needed(share * half(seeds), np.sqrt(variances), np.full(2, 3.0), np.full(2, 6.0))
            for share in (1.0001, 0.9999)
        ]
        assert found == [seeds, seeds + 1]
    needed = f"about {verdict.seeds_needed:,} seeds of each setting, in one study of two."
    assert sentence(CLAIM, verdict).endswith(needed)


def test_the_seeds_needed_settle_a_true_difference_in_one_study_of_two() -> None:
    (verdict,) = weigh(CLAIM, scored(0.04, 60))
    rng, seeds, settled = np.random.default_rng(0), verdict.seeds_needed, 0
    assert seeds is not None
    for _ in range(60):
        table = scored(verdict.difference, seeds)
        noise = rng.normal(0, 0.1, len(table))
        table = table.assign(score=noise + verdict.difference * table["model"].eq("factor_vae"))
        settled += weigh(CLAIM, table)[0].word == "supported"
    assert 0.3 < settled / 60 < 0.7


def test_a_difference_that_no_number_of_seeds_would_settle_is_said_to_need_more_than_ten_thousand() -> None:
    table = scored(0.0, 5)
    alike = table[table["model"] == "beta_vae"]
    other = alike.assign(model="factor_vae", run="other-" + alike["run"], score=alike["score"] + 1e-6)
    (verdict,) = weigh(CLAIM, pd.concat([alike, other]))
    assert verdict.seeds_needed is None
    assert "would be settled by more than 10,000 seeds of each setting" in sentence(CLAIM, verdict)


def test_a_setting_with_few_seeds_does_not_make_few_seeds_enough() -> None:
    alike, one_is_small = (scored(0.02, 50) for _ in range(2))
    one_is_small = one_is_small[one_is_small["value"].ne(0) | one_is_small["seed"].lt(5)]
    (every,), (uneven,) = weigh(CLAIM, alike), weigh(CLAIM, one_is_small)
    assert every.seeds_needed is not None and uneven.seeds_needed is not None  # noqa: PT018
    foretold = every.seeds_needed * (every.difference / uneven.difference) ** 2
    assert uneven.seeds_needed == pytest.approx(foretold, rel=0.3)


def test_a_setting_without_runs_on_a_data_set_is_told_so() -> None:
    table = scored(0.1, 5)
    other = table[table["model"] == "factor_vae"].assign(dataset="mnist", run=lambda t: t["run"] + "-mnist")
    claim = read_claim("beta_vae beta=1 > factor_vae on mig, mnist")
    with pytest.raises(ConfigError, match=r"no runs on mnist of both sides .* β-VAE, beta 1: no run;"):
        weigh(claim, pd.concat([table, other]))


def test_below_five_seeds_nothing_is_judged() -> None:
    (verdict,) = weigh(CLAIM, scored(0.3, 4))
    assert verdict.word == "unknown"
    assert np.isnan([verdict.low, verdict.probability_low]).all()
    assert "an interval needs 5 seeds of each setting" in sentence(CLAIM, verdict)


@pytest.mark.parametrize("side", ["factor_vae", "beta_vae"])
def test_four_seeds_of_one_side_are_too_few_whatever_the_other_has(side: str) -> None:
    table = scored(0.3, 8)
    (verdict,) = weigh(CLAIM, table[table["model"].ne(side) | table["seed"].lt(4)])
    assert (verdict.seeds, verdict.word, verdict.seeds_needed) == (4, "unknown", None)
    assert np.isnan([verdict.low, verdict.high, verdict.probability_low, verdict.probability_high]).all()
    assert "4 seeds a setting" in sentence(CLAIM, verdict)


def test_a_score_that_is_the_same_for_all_runs_leaves_a_claim_open_and_says_so() -> None:
    (verdict,) = weigh(CLAIM, scored(0.0, 5).assign(score=0.25))
    assert verdict.word == "open"
    assert sentence(CLAIM, verdict).endswith(
        "is open: all runs have the same score (20 and 20 runs, 5 seeds a setting, quick)."
    )


def test_runs_of_two_precisions_are_told_apart() -> None:
    table = scored(0.3, 10)
    labels = ["published: 300,000 steps, 64x64 px", "published: 300,000 steps, 64x64 px, tf32"]
    verdicts = weigh(CLAIM, table.assign(schedule=np.where(table["seed"] < 5, *labels)))
    assert [verdict.schedule for verdict in verdicts] == labels
    assert [verdict.runs for verdict in verdicts] == [(20, 20)] * 2


def test_a_setting_is_compared_with_a_setting() -> None:
    (verdict,) = weigh(read_claim("factor_vae beta=2 > beta_vae beta=1 on mig, dsprites"), scored(0.3, 8))
    assert verdict.runs == (8, 8)
    with pytest.raises(ConfigError, match="runs of beta_vae differ in beta, not in gamma"):
        weigh(read_claim("factor_vae > beta_vae gamma=1 on mig"), scored(0.3, 8))


def test_runs_of_different_schedules_are_not_compared() -> None:
    table = scored(0.3, 8)
    table["schedule"] = np.where(table["model"] == "beta_vae", "long", "quick")
    with pytest.raises(
        ConfigError, match=r"FactorVAE: quick; β-VAE: long\. Runs of different schedules are not compared"
    ):
        weigh(CLAIM, table)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("factor_va > beta_vae on mig", "unknown model with scores 'factor_va'. Did you mean 'factor_vae'"),
        ("factor_vae > beta_vae on migg", "unknown score 'migg'. Did you mean 'mig'"),
        ("factor_vae > beta_vae on mig, dsprite", "unknown data set with scores 'dsprite'. Did you mean 'dsprites'"),
    ],
)
def test_names_that_have_no_scores_are_named(words: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        weigh(read_claim(words), scored(0.3, 8))


def test_dead_runs_are_counted() -> None:
    table = scored(0.3, 8)
    dead = table[table["run"] == "beta_vae-0-0"].assign(name="active_dims", metric="active_dims", score=0.0)
    (verdict,) = weigh(CLAIM, pd.concat([table, dead]))
    assert verdict.dead == (0, 1)
    assert "0 and 1 of them encode nothing" in sentence(CLAIM, verdict)


def test_what_papers_print_of_both_sides_stands_beside() -> None:
    (of_settings,) = printed(("factor_vae", None), ("beta_vae", 1.0), "mig", "dsprites")
    assert (of_settings.more, of_settings.less) == (pytest.approx(0.41, abs=0.01), pytest.approx(0.10))
    of_models, *_ = printed(("dip_vae_i", None), ("beta_vae", None), "factor_vae_test", "cars3d")
    assert 0 < of_models.less < 1
    assert printed(("pca", None), ("beta_vae", None), "mig", "dsprites") == []


def test_numbers_of_mean_and_of_sampled_codes_are_told_apart() -> None:
    sides, score, dataset = (("beta_vae", None), ("factor_vae", None)), "gaussian_total_correlation", "color_dsprites"
    (of_mean,) = printed(*sides, score, dataset)
    (of_sampled,) = printed(*sides, score, dataset, "sampled")
    assert of_mean.more > 0.3 > 0.1 > of_sampled.more


def test_a_metric_stands_for_its_headline_in_printed_numbers_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = []
    for score in ("factor_vae_score", "factor_vae_test"):
        judge(f"factor_vae > beta_vae on {score}, dsprites", None, Store(tmp_path))
        told.append([line for line in capsys.readouterr().out.splitlines() if "printed:" in line])
    assert told[0] == told[1] != []


def test_a_file_of_claims_is_judged_as_a_whole_by_the_reference_study(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "claims.yaml").write_text(
        "- beta_tcvae > beta_vae on dci, dsprites\n- beta_vae beta=4 > beta_vae beta=1 on mig\n"
    )
    assert judge(str(tmp_path / "claims.yaml"), None, Store(tmp_path)) == 1
    assert "is supported" in (told := capsys.readouterr().out)
    assert "is open" in told
    assert judge("beta_tcvae > beta_vae on dci, dsprites", "reference", Store(tmp_path)) == 0


@pytest.mark.parametrize("content", ["a: 1\n", "[]\n", "- [1]\n"])
def test_a_file_without_claims_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "claims.yaml").write_text(content)
    with pytest.raises(ConfigError, match="must hold a yaml list of claims"):
        read_claims(str(tmp_path / "claims.yaml"))
    with pytest.raises(StoreError, match="cannot read"):
        read_claims(str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="claim takes one"):
        read_claims(None)


SAMPLED = "beta_vae on x-y correlated, sigma 0.1"


@pytest.mark.parametrize(
    ("words", "more", "less", "dataset"),
    [
        (f"beta_vae > {SAMPLED} on mig, dsprites", Side("beta_vae"), Side(SAMPLED), "dsprites"),
        (f"{SAMPLED} < pca on mig", Side("pca"), Side(SAMPLED), None),
        (f"{SAMPLED} beta=4 > beta_vae beta=4 on mig", Side(SAMPLED, "beta", 4.0), Side("beta_vae", "beta", 4.0), None),
    ],
)
def test_a_side_may_be_a_model_with_its_sampling(words: str, more: Side, less: Side, dataset: str | None) -> None:
    assert read_claim(words) == Claim(more, less, "mig", dataset)


def test_models_of_two_samplings_are_compared_and_are_not_mixed() -> None:
    table = scored(0.3, 8)
    correlated = table["model"].eq("factor_vae")
    trained_on = table["schedule"] + "; trained on x-y correlated, sigma 0.1"
    sampled = table.assign(model="beta_vae", schedule=table["schedule"].mask(correlated, trained_on))
    (verdict,) = weigh(read_claim(f"{SAMPLED} > beta_vae on mig"), sampled)
    assert (verdict.word, verdict.runs, verdict.schedule) == ("supported", (32, 32), "quick")
    assert verdict.difference == pytest.approx(0.3, abs=0.05)
    with pytest.raises(UnknownNameError, match=r"Did you mean 'beta_vae on x-y correlated, sigma 0\.1'"):
        weigh(read_claim("beta_vae on x-z correlated, sigma 0.1 > beta_vae on mig"), sampled)
