"""How far each choice moves a score: steps from this suite's own sum to the difference."""

from dataclasses import replace

import numpy as np
import pytest

from bench.analysis.representations.conventions import scores_by_convention
from bench.conventions import CONVENTIONS, path_to

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=600) for n in (3, 12)], axis=1)
CODES = FACTORS @ np.array([[1.0, 0.2], [-0.3, 1.0]]) + RNG.normal(0, 0.3, (600, 2))
CHEAP = [c for c in CONVENTIONS if c.metric in ("mig", "mig_sup")]


def test_the_steps_to_a_convention_sum_to_its_difference_from_this_suites_own() -> None:
    split = CODES[:400], FACTORS[:400], CODES[400:], FACTORS[400:]
    found = scores_by_convention({"mine": split}, conventions=CHEAP).set_index(["metric", "convention"])
    for convention in CHEAP:
        key, own = (convention.metric, convention.name), (convention.metric, "bench")
        steps = [found.loc[(c.metric, c.name), "step"] for c in path_to(convention)]
        assert found.loc[key, "difference"] == pytest.approx(sum(steps), abs=1e-12)
        assert found.loc[key, "difference"] == pytest.approx(found.loc[key, "score"] - found.loc[own, "score"])
        assert found.loc[key, "score"] == convention.scores(*split)[found.loc[key, "name"]]
    ubisoft = found.loc[("mig", "ubisoft")]
    assert (ubisoft["repository"], ubisoft["commit"]) == ("ubisoft/ubisoft-laforge-disentanglement-metrics", "05d5667")


def test_what_a_repository_gives_no_number_for_has_the_reason_and_no_score() -> None:
    codes = np.column_stack([CODES, np.ones(600)])
    split = codes[:400], FACTORS[:400], codes[400:], FACTORS[400:]
    found = scores_by_convention({"mine": split}, conventions=CHEAP).set_index(["metric", "convention"])
    assert np.isnan(found.loc[("mig", "ubisoft"), "score"])
    assert found.loc[("mig", "ubisoft"), "reason"] == "its code gives NaN where a dimension is constant, here 2"
    assert found.loc[("mig", "dcf"), "reason"] == ""


def test_conventions_that_take_minutes_are_left_out_unless_they_are_asked_for() -> None:
    split = CODES[:40], FACTORS[:40], CODES[40:80], FACTORS[40:80]
    quick = [c for c in CONVENTIONS if c.metric == "mig"]
    with_a_slow_one = [*quick, replace(quick[-1], name="slow", slow=True)]
    assert "slow" not in set(scores_by_convention({"mine": split}, conventions=with_a_slow_one)["convention"])
    assert "slow" in set(scores_by_convention({"mine": split}, slow=True, conventions=with_a_slow_one)["convention"])
