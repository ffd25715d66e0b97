"""A run far from all others flattens no panel, and intervals are drawn as far as they hold, of one strength as well."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from bench.report.figures.distributions import scores_by_model, scores_by_strength
from bench.report.figures.fences import fence_note, fenced, fences
from bench.report.figures.panels import Drawn
from bench.report.figures.scatters import efficiency_scatter, metric_pairs
from bench.report.figures.selection import selected_runs
from bench.report.figures.strengths import medians_against_strength
from bench.testing.synthetic import SCORES, SyntheticScore, synthetic_table

R2 = {"r2": SyntheticScore("linear_r2", 0.4, 0.2, 0.6)}
SCHEDULES = "quick: 2,000 steps, 32x32 px"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    made = synthetic_table(np.random.default_rng(0), seeds=5, scores={**SCORES, **R2})
    far = made["name"].eq("r2") & made["run"].eq(made["run"].iloc[0])
    return made.assign(score=made["score"].where(~far, -1e13))


@pytest.mark.parametrize(
    "draw", [scores_by_model, scores_by_strength, medians_against_strength, efficiency_scatter, metric_pairs]
)
def test_no_axis_reaches_to_a_far_run_and_the_caption_has_it(draw: Callable[..., Drawn], table: pd.DataFrame) -> None:
    figure, numbers = draw(table, "dsprites", SCHEDULES, every=True)
    assert max(abs(end) for ax in figure.axes for end in (*ax.get_xlim(), *ax.get_ylim())) < 100
    assert "Linear R²: 1 run below " in figure.caption
    assert "as far as -1e+13, drawn at the edge." in figure.caption
    if "score" in numbers:
        assert numbers["score"].min() == -1e13, "its numbers are the scores"


def test_the_pick_of_a_far_run_is_drawn_at_the_edge(table: pd.DataFrame) -> None:
    figure, picks = selected_runs(table, "dsprites", SCHEDULES)
    assert picks["score"].min() == -1e13
    assert min(ax.get_xlim()[0] for ax in figure.axes) > -100
    assert "drawn at the edge" in figure.caption


def test_only_the_side_without_a_bound_is_fenced() -> None:
    near = np.linspace(0.4, 0.5, 20)
    scores = pd.DataFrame({"r2": [*near, -7.0], "mig": [*near, -7.0], "elbo": [*-near, -900.0], "mine": [*near, -7.0]})
    at = fences(scores, list(scores))
    assert at == {"r2": (0.4, 0.5), "elbo": (-0.5, -0.4)}
    names = pd.Series(["r2", "elbo", "mine"])
    assert fenced(pd.Series([-7.0, -900.0, -7.0]), names, at).tolist() == [0.4, -0.5, -7.0]
    assert fence_note(scores[["r2"]], {"r2": at["r2"]}) == (
        " Linear R²: 1 run below 0.4, as far as -7, drawn at the edge."
    )
    assert fences(scores.iloc[:20], list(scores)) == {}


def test_a_model_of_one_strength_shows_its_interval_too() -> None:
    table = synthetic_table(np.random.default_rng(0), seeds=5, models=("beta_vae", "dip_vae_i"))
    once = table[table["model"].eq("beta_vae") | table["strength_index"].eq(0)]
    figure, lines = medians_against_strength(once, "dsprites", SCHEDULES)
    mig = lines[lines["model"].eq("dip_vae_i") & lines["name"].eq("mig")].iloc[0]
    (panel,) = (ax for ax in figure.axes if ax.get_title() == "MIG")
    ends = [c.get_segments()[0][:, 1].tolist() for c in panel.collections if isinstance(c, LineCollection)]
    assert ends == [[mig["low"], mig["high"]]]
