"""Numbers that pages quote are those of the committed tables, and of the commands beside them that take seconds."""

import re
from pathlib import Path

import numpy as np
import pytest

from bench.analysis.published.box_plots import box_plots, placed, shares
from bench.analysis.scores.agreement import rank_correlations
from bench.report.figures.metric_clusters import SAME
from bench.report.figures.panels import dataset_scores, metrics_of
from bench.table.reference import read_study
from benchmarks.rounding import over_training
from benchmarks.study_cost import P100_HOURS, job_seconds, makespan, planned, scoring_seconds

ROOT = Path(__file__).resolve().parents[1]


def page(name: str) -> str:
    """A page as one line."""
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


def cells(name: str, start: str) -> dict[str, list[str]]:
    """The first table of a page after some words: the cells of each row by the first of them."""
    text = (ROOT / name).read_text(encoding="utf-8").partition(start)[2]
    lines = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert lines is not None
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[0].splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def test_scores_of_the_models_that_ship_lie_where_pages_say_among_the_published_ones() -> None:
    boxes = box_plots().boxes.query("dataset == 'dsprites'")
    counts = shares(placed(dataset_scores(read_study("full"), "dsprites"), boxes))
    assert counts["in_whiskers"] == counts["scores"] == 30
    expected = f"{counts['in_box']} between the quartiles, where 15 are expected"
    whiskers = "Of their 30 scores all lie between the whiskers of the official models' [box plots](docs/figures.md)"
    assert f"{whiskers}, {expected}" in page("README.md")
    assert f"30 of 30 lie between the whiskers, {expected}" in page("docs/figures.md")


def test_as_many_metrics_are_the_same_as_the_page_of_figures_says() -> None:
    table = read_study("reference")
    scores = dataset_scores(table, "dsprites")
    names = metrics_of(table, scores)
    pairs = rank_correlations(scores, names, names).query("row < column")
    sure = int((pairs["low"] > SAME).sum())
    models = f"{len(scores)} models of the reference study on dSprites"
    assert f"{models}. Of {len(pairs)} pairs, {sure} have an interval above .8" in page("docs/figures.md")


def test_what_rounding_does_is_set_beside_the_reference_study_s_training_seeds() -> None:
    deviations, compared = over_training(), 0
    for score, (largest, _, training, _, part) in cells("results/trained/README.md", "## What rounding does").items():
        if training:
            assert float(training) == pytest.approx(deviations[score], rel=0.05)
            assert float(part) == pytest.approx(float(largest) / deviations[score], rel=0.07, abs=0.006)
            compared += 1
    assert compared >= 15


def test_intervals_hold_the_truth_as_often_as_the_fine_print_says() -> None:
    table = cells("benchmarks/README.md", "## How often intervals hold the truth")
    said = re.search(r"holds the truth: (\d+) to (\d+) % at 5 and 10 seeds", page("docs/fine_print.md"))
    assert said is not None
    shares = np.array([[float(cell) for cell in row] for row in table.values()])
    assert (np.round(shares.min()), np.round(shares.max())) == (float(said[1]), float(said[2]))


def test_a_perfect_code_scores_what_the_page_of_metrics_says() -> None:
    for metric, number in (("mig", "0.896"), ("sap", "0.244")):
        identity = cells("docs/conventions.md", f"### `{metric}`: {metric}\n")["bench"][2]
        assert f"{float(identity):.3f}" == number
        assert number in page("docs/metrics.md")


@pytest.mark.long
def test_the_study_costs_what_the_page_says() -> None:
    plan = planned(["study=locatello2019"])
    jobs = job_seconds(plan, start=45)
    said = cells("docs/cost.md", "## The study of 12,600 models")
    assert {gpus: f"{makespan(jobs, int(gpus)) / 3600:.1f}" for gpus in said} == {g: row[0] for g, row in said.items()}
    text = page("docs/cost.md")
    assert f"the jobs that `run study=locatello2019` has on GPUs, {len(jobs)} fleets" in text
    assert f"The GPUs draw {sum(jobs) / 3600 * 0.344:.0f} kWh in all" in text
    assert f"The same models are {len(plan.runs) * P100_HOURS / 24:.0f} days of a P100" in text
    assert f"takes {scoring_seconds(plan) / 3600:.0f} core-hours besides" in text
