"""The reproduction report holds every published number, draws what ours has, and says what stands behind ours."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.analysis.published.numbers import Item, items
from bench.pool import Here
from bench.report.reproduction import draw_reproduction, reproduction_figure
from bench.report.reproduction_page import label, write_page
from bench.scoring.runs import PUBLISHED
from bench.study.plan import Plan
from bench.study.run import Run, Schedule
from bench.table.stored import COLUMNS

NAMES = ("beta_vae_test", "mig", "dci_disentanglement", "lr_100", "gbt_10000")
QUICK = Schedule(2000, 32, 1e-3, 32, "small", 10, 1, "quick", 2000, 50)


@pytest.fixture(scope="module")
def plan() -> Plan:
    grid = [(m, s, seed) for m in ("beta_vae", "factor_vae") for s in range(3) for seed in range(4)]
    runs = tuple(Run(m, 1, False, {"x": s}, "x", s, s + 0.5, k, "dsprites", 1, QUICK) for m, s, k in grid)
    return Plan("made", "A made-up study", runs, ("mig",), dataclasses.replace(PUBLISHED, name="quick"))


@pytest.fixture(scope="module")
def table(plan: Plan) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    shared = {"representation": "mean", "metric": "x", "version": 1, "factor": None, "num_train": 1, "num_test": 1}
    rows = [
        shared
        | {
            "run": r.id,
            "model": r.model,
            "hyperparameter": r.sweeps,
            "strength_index": r.strength_index,
            "value": r.value,
            "seed": r.seed,
        }
        | {"dataset": "dsprites", "schedule": r.schedule.label, "name": n, "score": rng.random()}
        | {"cell": n, "seconds": 0.0}
        for r in plan.runs
        for n in NAMES
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


@pytest.fixture(scope="module")
def report(plan: Plan, table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("study")
    return folder, [str(outcome) for outcome in draw_reproduction(table, plan, folder, Here())]


def test_the_report_says_what_it_rests_on_and_draws_what_it_can(report: tuple[Path, list[str]]) -> None:
    folder, lines = report
    drawn = {p.stem for p in (folder / "figures").glob("*.png")}
    assert drawn == {"reproduction_fig5", "reproduction_table5", "reproduction_table1"}
    assert "reproduction_table5_mean: not drawn: the table lacks factor_vae_test, modularity, sap" in lines
    assert "reproduction_fig4_left: not drawn: there are no scores on cars3d" in lines
    page = (folder / "reproduction.md").read_text()
    assert "Behind ours: 24 runs (24 of quick: 2,000 steps, 32x32 px), scored under the **quick** protocol" in page
    assert (
        "![Rank correlation of metrics with downstream accuracy and efficiency](figures/reproduction_fig5.png)" in page
    )
    assert "54 of 60 numbers have none of ours beside them" in page
    assert "steps 2,000 for 300,000" in page
    assert "| dSprites | MIG | GBT 10,000 | 87 |" in page
    assert "https://arxiv.org/abs/1811.12359" in page


def test_every_published_number_is_in_the_csv_ours_beside_it(report: tuple[Path, list[str]]) -> None:
    numbers = pd.read_csv(report[0] / "reproduction.csv")
    assert numbers.groupby("item").size()["fig5"] == 60
    assert numbers["published"].notna().all()
    assert set(numbers["verdict"]) == {"not comparable"}
    assert numbers.dropna(subset="ours").groupby("item").size().to_dict() == {
        "fig5": 6,
        "table1": 2,
        "table5": 6,
    }


def test_a_figure_that_can_no_longer_be_drawn_goes_away(plan: Plan, table: pd.DataFrame, tmp_path: Path) -> None:
    stale = tmp_path / "figures" / "reproduction_fig5.png"
    stale.parent.mkdir()
    stale.touch()
    list(draw_reproduction(table[:0], plan, tmp_path, Here()))
    assert not stale.exists()
    assert "Behind ours: 0 runs (none)" in (tmp_path / "reproduction.md").read_text()


def single(item: str) -> tuple[Item, pd.DataFrame]:
    """The first row of a table, ours from one run: without intervals."""
    (found,) = (i for i in items() if i.name == item)
    numbers = found.numbers().query("row == row.iloc[0]")
    missing = dict.fromkeys(("low", "high", "low_of_difference", "high_of_difference"), np.nan)
    numbers = numbers.assign(ours=numbers["published"], difference=0.0, runs=1, seeds=1, reason="1 seed", **missing)
    return found, numbers.assign(verdict="not comparable")


def test_a_figure_beside_another_paper_names_the_paper_and_its_only_model() -> None:
    figure = reproduction_figure(*single("tc_gan_table1"), "a schedule")
    heading = figure.texts[0].get_text().replace("\n", " ")
    assert heading == "Scores of models, mean of 10 runs (TC-GAN, table 1), dSprites"
    assert [ax.get_title() for ax in figure.axes] == ["VAE"]


def test_what_has_no_interval_shows_none(plan: Plan, table: pd.DataFrame) -> None:
    item, numbers = single("tc_gan_table1")
    figure = reproduction_figure(item, numbers, "a schedule")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ours", "published"]
    assert figure.texts[1].get_text().startswith("1 run, 1 seed a setting: too few to be sure; ")
    assert "nan" not in write_page(table, plan, [(item, numbers)], [])


def test_pages_and_figures_write_data_set_in_two_words() -> None:
    (item,) = (i for i in items() if i.name == "table1")
    assert [label(item, key) for key in item.columns] == ["random data set", "same data set"]
