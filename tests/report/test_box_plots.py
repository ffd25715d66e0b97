"""The figure of runs in published box plots: what it says, what it counts, and when it is not drawn."""

import numpy as np
import pandas as pd
import pytest

from bench.analysis.published.box_plots import box_plots
from bench.analysis.scores.agreement import TooFewRunsError
from bench.report.figures.box_plots import runs_in_box_plots
from bench.testing.synthetic import synthetic_table

SCHEDULES = "published: 300,000 steps, 64x64 px, tf32; 6 of 72 planned runs"


def at(quantile: str, models: tuple[str, ...] = ("beta_vae",), label: str = SCHEDULES) -> pd.DataFrame:
    """A run of each published setting on dSprites, all of whose scores are a quantile of the published ones."""
    boxes = box_plots().boxes.query("dataset == 'dsprites'").set_index(["name", "value"])
    table = synthetic_table(np.random.default_rng(0), models=models, seeds=1).assign(schedule=label)
    value = table["strength_index"].map(dict(enumerate((1.0, 2.0, 4.0, 6.0, 8.0, 16.0)))).astype(float)
    keys = pd.MultiIndex.from_arrays([table["name"].astype(str), value])
    published = boxes[quantile].reindex(keys).to_numpy()
    return table.assign(value=value, score=np.where(np.isnan(published), table["score"], published))


def test_what_lies_where_is_counted_beside_what_is_expected() -> None:
    figure, rows = runs_in_box_plots(at("median"), "dsprites", SCHEDULES)
    assert "30 of 30 scores lie between the published quartiles, where half of them, 15, are expected" in figure.caption
    assert "30 lie between the whiskers. Scores of one run are no independent draws, nor are these" in figure.caption
    assert "published by a third party" in figure.caption
    assert "6 of 72 planned runs" in figure.texts[-1].get_text() + figure.texts[0].get_text() + figure.caption
    assert len(rows) == 30
    assert rows[["q1", "score", "place"]].notna().all(axis=None)


def test_scores_at_the_ends_of_whiskers_are_in_no_box() -> None:
    figure, rows = runs_in_box_plots(at("whisker_high"), "dsprites", SCHEDULES)
    assert "0 of 30 scores lie between the published quartiles" in figure.caption
    assert {*rows["place"]} == {"fourth quarter"}


def test_boxes_of_settings_without_a_run_are_drawn_all_the_same() -> None:
    _, rows = runs_in_box_plots(at("median").query("value == 16"), "dsprites", SCHEDULES)
    assert (len(rows), int(rows["score"].notna().sum())) == (30, 5)


@pytest.mark.parametrize(
    ("table", "dataset", "reason"),
    [
        (at("median", label="quick: 2,000 steps, 32x32 px"), "dsprites", "300,000 steps, which no run has"),
        (at("median", models=("dip_vae_i",)), "dsprites", "has a setting of which box plots were published"),
        (at("median"), "mnist", "no box plots were published of mnist"),
    ],
)
def test_what_is_not_comparable_is_not_drawn(table: pd.DataFrame, dataset: str, reason: str) -> None:
    with pytest.raises(TooFewRunsError, match=reason):
        runs_in_box_plots(table, dataset, SCHEDULES)
