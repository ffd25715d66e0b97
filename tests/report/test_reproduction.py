"""The reproduction report holds every published number, draws what ours has, and says what stands behind ours."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.pool import Here
from bench.report.reproduction import draw_reproduction
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
