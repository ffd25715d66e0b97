"""Runs are placed in the box plots that were published of their setting."""

import pandas as pd
import pytest

from bench.analysis.published.box_plots import ENDS, PLACES, box_plots, placed, shares

BOX = pd.DataFrame([("dsprites", "beta_vae", 4.0, "mig", 0.1, 0.2, 0.3, 0.4, 0.5)],
                   columns=["dataset", "model", "value", "name", *ENDS])  # fmt: skip


def wide(*migs: float, value: float = 4.0) -> pd.DataFrame:
    keys = [("dsprites", "beta_vae", value, seed, f"run {seed}") for seed in range(len(migs))]
    index = pd.MultiIndex.from_tuples(keys, names=["dataset", "model", "value", "seed", "run"])
    return pd.DataFrame({"mig": migs, "sap": 0.5}, index=index)


def test_a_score_is_in_one_of_six_places() -> None:
    placement = placed(wide(0.05, 0.1, 0.15, 0.25, 0.35, 0.4, 0.45, 0.55), BOX)
    first, second, third, fourth = PLACES[1:5]
    assert placement["place"].tolist() == [PLACES[0], PLACES[0], first, second, third, third, fourth, PLACES[5]]


@pytest.mark.parametrize(("scores", "found"), [((0.3,), (1, 1, 1)), ((0.05, 0.15, 0.25, 0.6), (4, 1, 2))])
def test_shares_count_boxes_and_whiskers(scores: tuple[float, ...], found: tuple[int, ...]) -> None:
    assert tuple(shares(placed(wide(*scores), BOX)).values()) == found


def test_a_run_of_another_setting_or_without_the_score_is_in_no_box() -> None:
    assert placed(wide(0.3, value=2.0), BOX).empty
    assert len(placed(wide(0.3, float("nan")), BOX)) == 1


def test_the_shipped_box_plots_are_whole() -> None:
    published = box_plots()
    assert len(published.boxes) == 7 * 6 * 5
    assert not published.boxes.duplicated(["dataset", "model", "value", "name"]).any()
    assert (published.boxes[ENDS].diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert published.source["seeds"] == 50
    assert published.is_of("published: 300,000 steps, 64x64 px, tf32")
    assert not published.is_of("quick: 2,000 steps, 32x32 px")
