"""What `bench.score` returns: of one representation or of several, with reasons, as a table and as text."""

import re
from typing import Any

import numpy as np
import pytest

import bench
from bench.metrics.base import SkippedError
from bench.metrics.infomec_continuous import infomec_continuous
from bench.registry import UnknownNameError
from bench.scoring.score import Scores, ScoresOfSeveral
from bench.study.grid import metric_names

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=600) for n in (3, 4)], axis=1)
CODES = FACTORS + 0.3 * RNG.normal(size=FACTORS.shape)
NOISE = RNG.normal(size=(600, 5))
METRICS = ["mig", "irs"]


def test_several_representations_are_scored_as_each_alone() -> None:
    both = bench.score({"mine": CODES, "<noise>": NOISE}, FACTORS, METRICS)
    assert list(both) == ["mine", "<noise>"]
    assert both["mine"] == bench.score(CODES, FACTORS, METRICS)
    assert both["<noise>"] == bench.score(NOISE, FACTORS, METRICS)


def test_the_reasons_of_each_representation_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import registry

    monkeypatch.setattr(registry, "names", lambda kind: ["mig", "udr", "modularity"])
    both = bench.score({"mine": CODES, "wide": np.zeros((600, 17_000))}, FACTORS)
    assert set(both.skipped["mine"]) == {"udr"}
    wide = "mig takes codes of 16,384 dims at most, got 17,000: reduce them, such as to their principal components"
    assert both.skipped["wide"]["mig"] == wide
    text = repr(both)
    assert "left out: udr compares the codes of runs" in text
    assert f"left out of wide: {wide}" in text


def test_faults_name_the_representation() -> None:
    with pytest.raises(ValueError, match=r"codes of mine must be a non-empty \(N, D\) array"):
        bench.score({"mine": CODES[:, 0]}, FACTORS)
    with pytest.raises(ValueError, match="codes must be of the same rows, got mine 600, theirs 599"):
        bench.score({"mine": CODES, "theirs": NOISE[1:]}, FACTORS)
    with pytest.raises(ValueError, match="codes names no representation"):
        bench.score({}, FACTORS)
    with pytest.raises(SkippedError, match=r"^mine: elbo needs a trained model"):
        bench.score({"mine": CODES}, FACTORS, "elbo")


@pytest.mark.parametrize("seed", ["a", None, 1.0, -1, True, [0]])
def test_a_seed_that_is_no_whole_number_is_refused(seed: Any) -> None:
    with pytest.raises(ValueError, match=f"seed must be an integer from 0, got {re.escape(repr(seed))}"):
        bench.score(CODES, FACTORS, "mig", seed=seed)


def test_a_seed_may_be_of_any_integer_type() -> None:
    drawn = [bench.score(CODES, FACTORS, "factor_vae_score", seed=seed) for seed in (3, np.int64(3), np.uint8(3))]
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize(("metrics", "got"), [(3, "3"), (np.mean, "'mean'")])
def test_metrics_that_are_no_names_are_refused(metrics: Any, got: str) -> None:
    with pytest.raises(ValueError, match=rf"metrics must be names .* such as 'mig' or \['mig', 'dci'\], got {got}"):
        bench.score(CODES, FACTORS, metrics)


@pytest.mark.parametrize(
    ("name", "metric"),
    [("dci_disentanglement", "dci"), ("lr_100", "downstream"), ("sap/2", "sap"), ("UDR_lasso", "udr")],
)
def test_the_name_of_a_score_is_answered_with_its_metric(name: str, metric: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown metric '{name}'. Did you mean '{metric}'"):
        bench.score(CODES, FACTORS, name)
    with pytest.raises(UnknownNameError, match=f"unknown metric '{name}'. Did you mean '{metric}'"):
        metric_names([name])


def test_what_factors_are_worth_reaches_metrics_of_measured_values() -> None:
    measured = FACTORS + RNG.random(FACTORS.shape)
    scores = bench.score(measured, FACTORS, "infomec_continuous", values=measured)
    assert scores == pytest.approx(infomec_continuous(measured, FACTORS, values=measured), abs=0.01)
    with pytest.raises(SkippedError, match="values= gives others"):
        bench.score(measured, FACTORS, "infomec_continuous")
    for wrong in (measured[:, :1], np.where(measured > 3, np.nan, measured)):
        with pytest.raises(ValueError, match=r"values must be finite, of the shape of factors \(600, 2\)"):
            bench.score(measured, FACTORS, "infomec_continuous", values=wrong)
    with pytest.raises(ValueError, match="values needs factors"):
        bench.score(measured, values=measured)


@pytest.mark.parametrize("fault", [ZeroDivisionError("by nothing"), SystemExit(3)])
def test_a_metric_that_breaks_costs_its_own_score_and_is_named(
    monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    from bench import registry
    from bench.scoring import score

    computed = score._score

    def broken(metric: str, *rest: Any, **seed: int) -> dict[str, float]:
        if metric == "modularity":
            raise fault
        return computed(metric, *rest, **seed)

    monkeypatch.setattr(score, "_score", broken)
    monkeypatch.setattr(registry, "names", lambda kind: ["modularity", "mig"])
    found = bench.score(CODES, FACTORS)
    assert set(found.metrics.values()) == {"mig"}
    assert found.skipped == {"modularity": f"failed: {type(fault).__name__}: {fault}"}
    with pytest.raises(type(fault)) as raised:
        bench.score(CODES, FACTORS, "modularity")
    assert "while scoring modularity" in raised.value.__notes__


def made_up() -> ScoresOfSeveral:
    several = ScoresOfSeveral()
    for name, value in (("mine", 0.51239), ("<b>", 12345.0)):
        several[name] = Scores()
        several[name].update({"mig": value, "lr_10/0": 0.5})
        several[name].metrics = {"mig": "mig", "lr_10/0": "downstream"}
        several[name].skipped["udr"] = "one run"
    return several


def test_a_frame_has_a_row_for_each_score() -> None:
    frame = made_up()["mine"].frame()
    assert list(frame.columns) == ["metric", "name", "factor", "score"]
    assert frame.iloc[1].tolist() == ["downstream", "lr_10", 0, 0.5]
    assert frame["factor"].isna().tolist() == [True, False]
    both = made_up().frame()
    assert both[["codes", "name"]].to_numpy().tolist() == [
        ["mine", "mig"], ["mine", "lr_10"], ["<b>", "mig"], ["<b>", "lr_10"],
    ]  # fmt: skip


def test_scores_are_read_at_a_glance() -> None:
    assert repr(made_up()["mine"]).splitlines() == [
        "      score",
        "mig  0.5124",
        "values of single factors as well, such as ['lr_10/0']",
        "left out: udr: one run",
    ]
    assert repr(made_up()).splitlines()[:2] == ["       mine        <b>", "mig  0.5124  1.234e+04"]


def test_a_notebook_shows_names_as_they_are_written() -> None:
    html = made_up()._repr_html_()
    assert "<th>&lt;b&gt;</th>" in html
    assert "<b>" not in html
    assert "<tr><th>mig</th><td>0.5124</td>" in made_up()["mine"]._repr_html_()


def test_scores_are_a_dict() -> None:
    scores = bench.score(CODES, FACTORS, "mig")
    assert dict(scores) == {"mig": scores["mig"]}
    assert scores.metrics == {"mig": "mig"}
