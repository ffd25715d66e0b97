"""A page like a real one: six models, a representation from elsewhere with a hostile name, a hole, a figure."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.analysis.board.leaderboard import columns, leaderboards, levels, wanted_cells
from bench.pool import Here
from bench.report.gallery import embed, pictures
from bench.report.page import Page, render
from bench.report.style import new_figure, save
from bench.scoring.floors import Floors

HOSTILE = "<script>alert(1)</script> \"a\" 'b' </th> & {{x}} ${title}"


@pytest.fixture(scope="session")
def hostile_table(study_table: pd.DataFrame) -> pd.DataFrame:
    """The study's table with one more entrant and a hole in dip_vae_ii."""
    theirs = study_table.query("run == 'dsprites-beta_vae-0-0'").assign(model=HOSTILE, run="theirs", value=np.nan)
    hole = study_table.eval("run == 'dsprites-dip_vae_ii-2-3' and name == 'mig'")
    return pd.concat([study_table[~hole], theirs.assign(strength_index=pd.NA)], ignore_index=True)


@pytest.fixture(scope="session")
def page_file(hostile_table: pd.DataFrame, study_table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    figure = new_figure(3, 2)
    figure.subplots().plot([0, 1], [0, 1])
    command = "python -m bench analyze study=quick"
    for name in ("fig10_total_correlation_scatter", "fig2_metric_agreement", "fig3_scores_by_model_dsprites"):
        save(figure, pd.DataFrame({"x": [0, 1]}), folder / "figures" / name, command)
    (folder / "figures" / "fig2_metric_agreement.txt").write_text("Rank correlation of <scores>.", encoding="utf-8")
    list(embed(folder, Here()))
    chosen, wanted = columns(hostile_table), wanted_cells(study_table)
    boards = leaderboards(hostile_table, chosen, wanted, ["model", "setting", "best"])
    floors = {d: Floors({"gaussian": {"mig": 0.0123, "lr_10000": 0.1}}, {"factor_vae_score": "it <failed>"})
              for d in ("dsprites", "noisy_dsprites")}  # fmt: skip
    metrics = ["beta_vae_score", "factor_vae_score", "mig", "downstream"]
    page = Page(
        title="A <b>study</b> & more", facts={"Schedule": "quick: 700 steps"}, boards=boards, columns=chosen,
        levels=levels(hostile_table), floors=floors,
        metrics=metrics, figures=pictures(folder, "figures"), pictures=[], commands=[command],
        files={"scores.csv": "every score of every run"},
    )  # fmt: skip
    file = folder / "leaderboard.html"
    file.write_text(render(page), encoding="utf-8")
    return file
