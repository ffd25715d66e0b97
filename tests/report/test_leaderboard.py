"""The files of a leaderboard: ranks and rows that are asked for come first, all are there, floors stand below."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from bench.metrics.base import RANK_SETS
from bench.report.leaderboard import write_leaderboard
from bench.scoring.floors import Floors
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol

pytestmark = pytest.mark.long  # left out of `make check`

PLAN = Plan("few", "Few runs", (), ("mig",), Protocol("quick", None, None, None, None, ("mean",), (), {}))
FLOORS = {
    "dsprites": Floors({"gaussian": {"mig": 0.0123}, "t3": {"mig": 0.2}}, {"sap": "it <failed>"}),
    "noisy_dsprites": Floors({"gaussian": {"mig": 0.0323}}, {}),
}


@pytest.fixture(scope="module")
def table(study_table: pd.DataFrame) -> pd.DataFrame:
    whole = study_table.assign(device=None, versions=None, train_seconds=0.0)
    dims = whole[whole["name"] == "mig"].assign(name="active_dims", metric="active_dims")
    dead = dims["run"].isin(["dsprites-beta_vae-5-0", "dsprites-beta_vae-5-3"]) & dims["representation"].eq("mean")
    return pd.concat([whole, dims.assign(score=(~dead).astype(float))], ignore_index=True)


@pytest.fixture(scope="module", autouse=True)
def floors() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.report.leaderboard.floors_of", lambda plan, store: FLOORS)
        yield


@pytest.fixture(scope="module")
def files(table: pd.DataFrame, floors: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is written where nothing else is asked for."""
    return written(table, tmp_path_factory.mktemp("results"))


def written(table: pd.DataFrame, path: Path, **asked: str) -> dict[str, str]:
    page = write_leaderboard(table, PLAN, Store(path), [], **asked)
    return {suffix: page.with_suffix(suffix).read_text() for suffix in (".md", ".html", ".csv")} | {
        "floors": (page.parent / "floors.csv").read_text()
    }


def section(text: str, heading: str) -> str:
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_without_a_word_models_over_the_sweep_are_ranked_by_the_papers_scores(files: dict[str, str]) -> None:
    assert "of models, over the sweep; rank by Borda count over the six scores of Locatello et al. 2019" in files[".md"]
    assert "| MIG |" in section(files[".md"], "dSprites, mean representation")
    assert files[".html"].index('value="study"') < files[".html"].index('value="information"')
    board = pd.read_csv(StringIO(files[".csv"]))
    assert set(board["rank_set"]) == set(RANK_SETS)
    assert {"model", "setting", "best"} <= set(board["level"])


def test_the_set_and_the_rows_that_are_asked_for_come_first(table: pd.DataFrame, tmp_path: Path) -> None:
    files = written(table, tmp_path, rank_set="information", level="best")
    assert "of models, best setting by each score; rank by Borda count over mutual information" in files[".md"]
    assert "BetaVAE score (not ranked)" in files[".md"]
    assert "MIG (not ranked)" not in files[".md"]
    assert files[".html"].index('value="information"') < files[".html"].index('value="study"')
    assert files[".html"].index('value="best"') < files[".html"].index('value="model"')


def test_rows_that_a_table_cannot_have_are_models(table: pd.DataFrame, tmp_path: Path) -> None:
    one = table[table["strength_index"] == 5]
    assert "IQM [95% interval] of models;" in written(one, tmp_path, level="udr_lasso")[".md"]


def test_settings_can_be_the_rows(table: pd.DataFrame, tmp_path: Path) -> None:
    files = written(table, tmp_path, level="setting")
    text = section(files[".md"], "dSprites, mean representation")
    assert text.lstrip().startswith("| setting | rank |")
    assert "| β-VAE, beta 32 |" in text
    assert ">AnnealedVAE, c_max 4<" in files[".html"]


def test_dead_runs_are_counted_and_named(files: dict[str, str]) -> None:
    text = section(files[".md"], "dSprites, mean representation")
    assert "2 dead runs: β-VAE, beta 32: seeds 0, 3." in text
    assert "dead runs:" not in section(files[".md"], "Noisy-dSprites, mean representation")
    assert '<small title="β-VAE, beta 32: seeds 0, 3">2 dead runs</small>' in files[".html"]


def test_floors_stand_below_the_rows_and_over_all_data_sets_as_a_mean(files: dict[str, str]) -> None:
    rows = {h: section(files[".md"], f"{h}, mean representation") for h in ("All data sets", "dSprites")}
    assert "0.012" in next(line for line in rows["dSprites"].splitlines() if "*floor: Gaussian noise*" in line)
    assert "0.022" in next(line for line in rows["All data sets"].splitlines() if "*floor: Gaussian noise*" in line)
    assert "t(3)" in rows["dSprites"]
    assert "t(3)" not in rows["All data sets"]
    assert "dsprites,gaussian,mig,0.0123," in files["floors"]
    assert "dsprites,,sap,,it <failed>" in files["floors"]
    assert "A floor is what codes of 10 dimensions score that hold nothing" in files[".md"]
    assert "A floor is what codes of 10 dimensions score that hold nothing" in files[".html"]
