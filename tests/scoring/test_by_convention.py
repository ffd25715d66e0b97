"""`bench.score(..., convention=...)`: the number that another repository's code would print for the same rows."""

import dataclasses

import numpy as np
import pytest

import bench
from bench.conventions import CONVENTIONS, dci, find, mig
from bench.metrics.base import SkippedError
from bench.registry import UnknownNameError
from bench.scoring.runs import declaration

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=600) for n in (3, 12)], axis=1)
CODES = FACTORS @ np.array([[1.0, 0.2], [-0.3, 1.0]]) + RNG.normal(0, 0.3, (600, 2))


def test_a_metric_is_scored_as_the_repository_does() -> None:
    expected = mig.over_entropy_of_code(CODES, FACTORS, num_bins=10, bin_factors=True)
    assert bench.score(CODES.tolist(), FACTORS, "mig", convention="ubisoft") == pytest.approx(expected)
    assert bench.score(CODES, FACTORS, "mig", convention="disent") == bench.score(CODES, FACTORS, "mig")


def test_a_split_is_of_the_rows_that_the_metric_itself_reads() -> None:
    for metrics in ("sap", "dci"):
        ours = bench.score(CODES, FACTORS, metrics)
        assert bench.score(CODES, FACTORS, metrics, convention="disent").items() <= ours.items()


def test_without_metrics_all_that_the_repository_has_are_scored_and_what_gives_no_number_has_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dci, "PENALTIES", (1e-3, 0.1))
    scores = bench.score(CODES, FACTORS, convention="ubisoft")
    assert set(scores) == {
        "mig", "modularity", "sap", "dci_disentanglement", "dci_completeness", "factor_vae_test", "explicitness_train",
        "mig_sup", "jemmig", "dcimig", "irs",
    }  # fmt: skip
    assert scores.skipped == {}
    constant = np.column_stack([CODES, np.ones(600)])
    reason = "mig by the convention ubisoft: its code gives NaN where a dimension is constant, here 2"
    assert bench.score(constant, FACTORS, convention="ubisoft").skipped["mig"] == reason
    with pytest.raises(SkippedError, match="mig by the convention ubisoft"):
        bench.score(constant, FACTORS, "mig", convention="ubisoft")


def test_several_representations_are_scored_by_one_convention() -> None:
    both = bench.score({"mine": CODES, "theirs": 2 * CODES[:, ::-1]}, FACTORS, "mig", convention="ubisoft.classes")
    assert both["mine"] == pytest.approx(both["theirs"])
    assert both["mine"] == bench.score(CODES, FACTORS, "mig", convention="ubisoft.classes")


def test_codes_that_are_too_wide_for_a_metric_are_so_for_its_conventions(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = dataclasses.replace(declaration("mig"), widest=1)
    monkeypatch.setattr("bench.scoring.by_convention.declaration", lambda _: narrow)
    with pytest.raises(SkippedError, match="mig takes codes of 1 dims at most, got 2"):
        bench.score(CODES, FACTORS, "mig", convention="ubisoft")


def test_the_seed_of_a_draw_is_that_of_the_repositorys_own() -> None:
    (found,) = find("ubisoft", ["factor_vae_score"])
    assert bench.score(CODES, FACTORS, "factor_vae_score", 3, "ubisoft") == found.scores(CODES, FACTORS, seed=3)


def test_an_unknown_convention_is_answered_with_those_that_the_metric_has() -> None:
    known = ", ".join(sorted(c.name for c in CONVENTIONS if c.metric == "sap"))
    with pytest.raises(UnknownNameError, match=f"unknown convention of sap 'med'.*Known: {known}"):
        bench.score(CODES, FACTORS, "sap", convention="med")
    with pytest.raises(UnknownNameError, match="Did you mean 'ubisoft'"):
        bench.score(CODES, FACTORS, convention="ubisof")
    with pytest.raises(SkippedError, match="mig needs factors"):
        bench.score(CODES, None, "mig", convention="disent")
