"""Metrics of the years after the study: values of their own public code, and what they do where definitions end."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from bench.metrics.base import SkippedError
from bench.metrics.dcimig import dcimig
from bench.metrics.jemmig import jemmig
from bench.metrics.linear_r2 import linear_r2
from bench.metrics.mcc import _ranks, mcc
from bench.metrics.med import med
from bench.metrics.mig import mig
from bench.metrics.mig_sup import mig_sup
from bench.metrics.mutual_coverage import mutual_coverage
from bench.metrics.omes import omes

GOLDEN = Path(__file__).parents[1] / "golden"
VALUES = json.loads((GOLDEN / "modern.json").read_text())
NAMES = ("identity", "noisy", "tanh10")
RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=2000) for n in (3, 4)], axis=1)
CODES = FACTORS.astype(float)
DEAD = np.full((2000, 2), 0.1)
OF_POINTS = (mig_sup, jemmig, dcimig, med, mutual_coverage, omes)
OF_SPLITS = (mcc, linear_r2)


def split(name: str) -> list[np.ndarray]:
    with np.load(GOLDEN / f"arrays_{name}.npz") as file:
        return [file[f"{part}_{what}"] for part in ("train", "test") for what in ("codes", "factors")]


def published(entry: str, name: str, *keys: str) -> list[float]:
    values = VALUES[entry]["values"][name]
    return [values[key] for key in keys] or [values]


@pytest.mark.parametrize("name", NAMES)
def test_values_of_public_code(name: str) -> None:
    codes, factors, *held_out = split(name)
    top1 = ("top1_disentanglement", "top1_completeness")
    expected = {
        "mig_sup": published("jboilard.mig_sup.bins20", name, "MIG_sup_score"),
        "jemmig": published("ubisoft.jemmig.cf0.bins20", name),
        "dcimig": published("ubisoft.dcimig.cf0.bins20", name),
        "med": published("med.top1", name, "disentanglement", "completeness", *top1),
        "mcc": [published(f"icebeem.mcc_out_of_sample.{kind}", name)[0] for kind in ("pearson", "spearman")],
    }
    for metric in (mig_sup, jemmig, dcimig, med, mcc):
        scores = metric(codes, factors, *(held_out if metric is mcc else []))
        assert [*scores.values()] == pytest.approx(expected[metric.__name__], rel=1e-6), metric.__name__
    halves = codes[:5000], factors[:5000], codes[5000:], factors[5000:]
    assert linear_r2(codes, factors, codes, factors)["r2"] == pytest.approx(VALUES["clica.linear_r2"]["values"][name])
    assert linear_r2(*halves)["r2"] == pytest.approx(VALUES["clica.linear_r2.split"]["values"][name])
    ten_bins = published("jboilard.jemmig.bins10", name, "NORM_JEMMIG_score")[0]
    assert jemmig(codes, factors, num_bins=10)["jemmig"] == pytest.approx(ten_bins, rel=1e-6)
    # one draw of random pairs: 20 of them deviate by .003, .002 and .0008 from their mean
    assert omes(codes, factors)["omes"] == pytest.approx(published("omes", name, "avg_alpha0.5")[0], abs=0.005)


def test_omes_is_that_of_all_pairs_as_often_as_they_are_drawn() -> None:
    rng = np.random.default_rng(1)
    grid = np.array([(a, b, c) for a in range(3) for b in range(4) for c in range(2) if rng.random() < 0.8])
    codes = grid @ rng.normal(size=(3, 4)) + 0.3 * rng.normal(size=(len(grid), 4))
    moved = np.empty((4, 3))
    for k in range(3):
        pairs, weights = [], []
        others = np.delete(grid, k, axis=1)
        for i, j in permutations(range(len(grid)), 2):
            if (others[i] == others[j]).all():
                members = (others == others[i]).all(axis=1).sum()
                pairs.append((i, j))
                weights.append(members // 2 / (members - 1))  # members visits, half a pair each, evenly among all
        first, second = np.array(pairs).T
        for d in range(4):
            covariance = np.cov(codes[first, d], codes[second, d], aweights=weights, bias=True)
            moved[d, k] = 1 - abs(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
    scores = []
    for k in range(3):
        overlap = [1 - np.mean([abs((j == k) - moved[d, j]) for j in range(3)]) for d in range(4)]
        multiple = [1 - np.mean([abs((e == d) - moved[e, k]) for e in range(4)]) for d in range(4)]
        scores.append(
            np.average((0.3 * np.array(overlap) + 0.7 * np.array(multiple)) * moved[:, k], weights=moved[:, k])
        )
    assert omes(codes, grid, alpha=0.3)["omes"] == pytest.approx(np.mean(scores), abs=1e-12)
    shuffled = np.concatenate([rng.permutation(len(grid)), np.arange(len(grid))])  # every row twice
    assert omes(codes[shuffled], grid[shuffled], alpha=0.3)["omes"] == pytest.approx(np.mean(scores), abs=1e-12)


def test_omes_of_blocks_of_dimensions_is_that_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = np.stack(np.unravel_index(np.arange(24), (2, 3, 4)), axis=1)
    codes = np.random.default_rng(0).normal(size=(24, 30))
    at_once = omes(codes, grid)["omes"]
    monkeypatch.setattr("bench.metrics.omes.BLOCK", 7)
    assert omes(codes, grid)["omes"] == pytest.approx(at_once)


def test_omes_reads_active_dimensions_and_rows_that_differ_in_one_factor() -> None:
    nearly_dead = 0.01 * np.random.default_rng(0).normal(size=(2000, 3))
    assert omes(np.hstack([CODES, nearly_dead]), FACTORS) == omes(CODES, FACTORS)
    assert omes(nearly_dead, FACTORS)["omes"] == 0
    diagonal = np.arange(20).repeat(2).reshape(20, 2)
    with pytest.raises(SkippedError, match="no two rows of factors differ in one column alone"):
        omes(diagonal, diagonal)
    with pytest.raises(ValueError, match="alpha must be between 0 and 1, got 2"):
        omes(CODES, FACTORS, alpha=2)


def test_scores_that_compare_factors_do_not_apply_to_one() -> None:
    one_varies = np.hstack([FACTORS[:, :1], np.zeros((2000, 1), int)])
    for metric in (mig_sup, dcimig, med, omes):
        for factors in (FACTORS[:, :1], one_varies):
            with pytest.raises(SkippedError, match="with two values or more: 1"):
                metric(CODES, factors)
    for metric in (jemmig, mutual_coverage):
        assert metric(CODES, one_varies) == metric(CODES, FACTORS[:, :1])
        with pytest.raises(SkippedError, match="with two values or more: 0"):
            metric(CODES, FACTORS * 0)


def test_factors_with_one_value_are_left_out() -> None:
    dull, seen_later = np.zeros((2000, 1), int), np.arange(2000)[:, None]
    for metric in OF_POINTS:
        assert metric(CODES, np.hstack([dull, FACTORS])) == metric(CODES, FACTORS)
    for metric in OF_SPLITS:
        expected = metric(CODES, FACTORS, CODES, FACTORS)
        for train, test in ((dull, seen_later), (seen_later, dull)):
            assert metric(CODES, np.hstack([FACTORS, train]), CODES, np.hstack([FACTORS, test])) == expected
            with pytest.raises(SkippedError, match="with two values or more: 0"):
                metric(CODES, train, CODES, test)


@pytest.mark.parametrize("score", ["mcc_pearson", "mcc_spearman", "r2"])
def test_a_factor_of_two_values_counts_as_any_other(score: str) -> None:
    factors = np.random.default_rng(0).integers(2, size=(200, 1))
    parts = (3.0 * factors[:100] - 1, factors[:100], 3.0 * factors[100:] - 1, factors[100:])
    assert (mcc(*parts) | linear_r2(*parts))[score] == pytest.approx(1)


def test_a_single_row_is_refused() -> None:
    for metric in OF_POINTS:
        with pytest.raises(ValueError, match="codes has 1 row, at least 2 are needed"):
            metric(CODES[:1], FACTORS[:1])
    for metric in OF_SPLITS:
        with pytest.raises(ValueError, match="train_codes has 1 row, at least 2 are needed"):
            metric(CODES[:1], FACTORS[:1], CODES, FACTORS)


def test_a_constant_code_has_the_least_scores_but_for_jemmig_which_credits_it_with_nothing_lost() -> None:
    assert mig_sup(DEAD, FACTORS) == {"mig_sup": 0}
    assert dcimig(DEAD, FACTORS) == {"dcimig": 0}
    assert set(med(DEAD, FACTORS).values()) == {0}
    assert mutual_coverage(DEAD, FACTORS) == {"minimality": 0, "sufficiency": 0, "constant_dims": 2}
    assert mcc(DEAD, FACTORS, DEAD, FACTORS) == {"mcc_pearson": 0, "mcc_spearman": 0}
    assert linear_r2(DEAD, FACTORS, DEAD, FACTORS)["r2"] == pytest.approx(0, abs=1e-12)
    assert omes(DEAD, FACTORS) == {"omes": 0}
    even = np.stack([np.arange(2000) % 4, np.arange(2000) // 4 % 5], axis=1)
    expected = np.mean([np.log(20) / (np.log(n) + np.log(20)) for n in (4, 5)])
    assert jemmig(DEAD, even)["jemmig"] == pytest.approx(expected)


def test_constant_dimensions_beside_others_change_what_counts_dimensions_alone() -> None:
    noisy = CODES + RNG.normal(size=CODES.shape)
    beside = np.hstack([noisy, DEAD])
    for metric in (jemmig, dcimig, med, omes):
        assert metric(beside, FACTORS) == metric(noisy, FACTORS)
    assert mig_sup(beside, FACTORS)["mig_sup"] == pytest.approx(mig_sup(noisy, FACTORS)["mig_sup"] / 2)
    assert mutual_coverage(beside, FACTORS) == mutual_coverage(noisy, FACTORS) | {"constant_dims": 2}
    for metric in OF_SPLITS:
        assert metric(beside, FACTORS, beside, FACTORS) == pytest.approx(metric(noisy, FACTORS, noisy, FACTORS))


def test_dimensions_that_repeat_cost_what_asks_for_one_dimension_a_factor() -> None:
    noisy = CODES + RNG.normal(size=CODES.shape)
    twice, once = np.hstack([noisy, noisy]), med(noisy, FACTORS)
    for metric in (mig_sup, dcimig):
        assert metric(twice, FACTORS) == pytest.approx(metric(noisy, FACTORS))
    assert jemmig(twice, FACTORS)["jemmig"] < jemmig(noisy, FACTORS)["jemmig"]
    assert med(twice, FACTORS)["med_disentanglement"] == pytest.approx(once["med_disentanglement"])
    assert med(twice, FACTORS)["med_completeness"] < once["med_completeness"] / 1.5
    assert med(twice, FACTORS)["med_top1_completeness"] == pytest.approx(once["med_top1_completeness"])
    for metric in OF_SPLITS:
        assert metric(twice, FACTORS, twice, FACTORS) == pytest.approx(metric(noisy, FACTORS, noisy, FACTORS))


def test_mig_sup_falls_below_zero_where_the_second_factor_is_told_in_full() -> None:
    grid = np.stack(np.meshgrid(np.arange(16), np.arange(2)), axis=-1).reshape(-1, 2)
    code = 2 * (grid[:, :1] // 4) + grid[:, 1:]  # 2 bits of the 4 of the first factor, the 1 bit of the second
    assert mig_sup(code, grid)["mig_sup"] == pytest.approx(0.5 - 1)


def test_dcimig_credits_each_factor_with_its_best_dimension_once() -> None:
    grid = np.stack(np.meshgrid(np.arange(16), np.arange(2)), axis=-1).reshape(-1, 2)
    half, quarter = grid[:, 0] // 4, grid[:, 0] // 8
    assert dcimig(np.stack([half, quarter], axis=1), grid)["dcimig"] == pytest.approx(2 / 5)  # 2 bits of 4 + 1
    assert dcimig(np.stack([half, grid[:, 1]], axis=1), grid)["dcimig"] == pytest.approx(3 / 5)


def test_a_code_of_one_dimension_is_complete_in_med_and_has_no_second_in_jemmig() -> None:
    assert med(CODES[:, :1], FACTORS)["med_completeness"] == 1
    assert med(CODES[:, :1], FACTORS)["med_top1_completeness"] == 1
    assert jemmig(CODES[:, :1], FACTORS[:, :1])["jemmig"] == pytest.approx(1)


def test_minimality_and_sufficiency_do_not_fall_where_factors_depend_on_each_other() -> None:
    same = FACTORS[:, [0, 0]]
    scores = mutual_coverage(same.astype(float), same)
    assert [scores["minimality"], scores["sufficiency"]] == pytest.approx([1, 1])
    assert mig(same.astype(float), same)["mig"] == 0
    merged = (FACTORS[:, :1] + 3 * FACTORS[:, 1:]).astype(float)  # both factors in one dimension
    scores = mutual_coverage(merged, FACTORS)
    assert scores["minimality"] == pytest.approx(np.log(4) / np.log(12), abs=0.01)
    assert scores["sufficiency"] == pytest.approx(1)


def test_mcc_matches_on_training_rows_one_to_one_and_averages_over_test_rows() -> None:
    x = RNG.normal(size=(600, 2))
    ordered = np.stack([rankdata(column, method="ordinal").astype(int) - 1 for column in x.T], axis=1)
    straight, crossed = mcc(x, ordered, x, ordered), mcc(x, ordered, x[:, ::-1], ordered)
    assert straight["mcc_spearman"] == pytest.approx(1)
    cross = [abs(spearmanr(x[:, d], x[:, 1 - d])[0]) for d in range(2)]
    assert crossed["mcc_spearman"] == pytest.approx(np.mean(cross))
    both = np.stack([x[:, 0], x[:, 0] + 0.1 * x[:, 1]], axis=1)  # both follow factor 0; only one can be its match
    assert mcc(both, ordered, both, ordered)["mcc_spearman"] < 0.6


def test_mcc_has_as_many_pairs_as_dimensions_and_a_constant_one_is_correlated_with_nothing() -> None:
    assert mcc(CODES[:, :1], FACTORS, CODES[:, :1], FACTORS)["mcc_pearson"] == pytest.approx(1)
    half_dead = CODES * [1, 0]
    assert mcc(half_dead, FACTORS, half_dead, FACTORS)["mcc_pearson"] == pytest.approx(0.5)
    assert mcc(CODES, FACTORS, half_dead, FACTORS)["mcc_spearman"] == pytest.approx(0.5)


def test_equal_values_have_the_mean_of_their_ranks() -> None:
    table = np.random.default_rng(0).integers(0, 5, (40, 3))
    np.testing.assert_array_equal(_ranks(table), rankdata(table, axis=0))


def test_linear_r2_is_that_of_rows_it_was_not_fitted_to() -> None:
    codes = RNG.normal(size=(2000, 3)) + FACTORS[:, :1]
    train, test = slice(0, 1000), slice(1000, 2000)
    found = linear_r2(codes[train], FACTORS[train], codes[test], FACTORS[test])["r2"]
    fit, given = (np.column_stack([codes[part], np.ones(1000)]) for part in (train, test))
    left = FACTORS[test] - given @ np.linalg.solve(fit.T @ fit, fit.T @ FACTORS[train])
    assert found == pytest.approx(1 - (left.var(axis=0) + left.mean(axis=0) ** 2) @ (1 / FACTORS[test].var(axis=0)) / 2)
    mixed = codes @ RNG.normal(size=(3, 3))
    assert linear_r2(mixed[train], FACTORS[train], mixed[test], FACTORS[test])["r2"] == pytest.approx(found)


def test_linear_r2_of_more_dimensions_than_rows_and_of_codes_far_off_is_finite() -> None:
    codes = RNG.normal(size=(60, 100))
    assert linear_r2(codes[:30], FACTORS[:30], codes[30:], FACTORS[30:60])["r2"] < 0.5
    far = linear_r2(codes[:, :2] * 1e-60, FACTORS[:60], np.full((60, 2), 1e38), FACTORS[:60])["r2"]
    assert -np.inf < far < -1e30


def test_linear_r2_of_collapsed_codes_does_not_rest_on_how_their_means_are_rounded() -> None:
    rng, rows = np.random.default_rng(0), 2000
    moved = (rng.random(2 * rows) < 0.2).astype(np.float32)
    size = np.float32([1.5, -0.7, 2.3])
    codes = size + np.spacing(size) * np.float32([3000, 1700, 2100]) * moved[:, None]  # copies, of tiny deviations
    codes[-1, 0] += 1e-4  # one test row tells the first of them apart
    factors = rng.integers(40, size=(2 * rows, 2))
    found = linear_r2(codes[:rows], factors[:rows], codes[rows:], factors[rows:])["r2"]
    assert found == pytest.approx(0, abs=0.01)


def test_the_order_of_equally_informative_dimensions_and_factors_does_not_matter() -> None:
    four = np.arange(400)[:, None] % 4
    factors, codes = np.hstack([four // 2, four, four % 2]), np.hstack([four // 2, four, four]).astype(float)
    for columns in permutations(range(3)):
        assert jemmig(codes[:, columns], factors)["jemmig"] == pytest.approx(jemmig(codes, factors)["jemmig"])
        assert mig_sup(codes, factors[:, columns])["mig_sup"] == pytest.approx(mig_sup(codes, factors)["mig_sup"])
    assert mig_sup(codes[:, :1], factors)["mig_sup"] == pytest.approx(0.5)  # all of four // 2, half of four
