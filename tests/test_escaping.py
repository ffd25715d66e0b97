"""Whatever a study, a model or a file is called: pages, tables and spreadsheets show it as text."""

import csv
import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from bench.columns import COLUMNS
from bench.escaping import as_cells, markdown, markdown_code
from bench.pool import Here
from bench.report.leaderboard import write_leaderboard
from bench.report.reproduction import draw_reproduction
from bench.report.style import new_figure, save
from bench.report.summary import write_summary
from bench.store.files import write_json
from bench.store.folders import Store
from bench.study.plan import Plan
from bench.study.protocol import Protocol
from bench.study.run import Run, Schedule
from bench.table.stored import a_row_a_run, export

HOSTILE = "=1+1 <img src=x onerror=alert(1)> [a](http://b) |x| `c` *d* $e$ _f_ ~g~"
SCHEDULE = Schedule(10, 8, 1e-3, 32, "small", 3, 1, "quick", 10, 10)  # its name is checked: `is_line`
RUN = Run("beta_vae", 1, False, {"beta": 1.0}, "beta", 0, 1.0, 0, "dsprites", 1, SCHEDULE)  # type: ignore[arg-type]
PROTOCOL = Protocol(HOSTILE, 300, None, None, None, ("mean",), (), {})


def plan_of(model: str) -> Plan:
    runs = tuple(dataclasses.replace(RUN, model=model, seed=seed) for seed in range(2))
    return Plan("tiny`", HOSTILE, runs, ("mig",), PROTOCOL)


def table_of(plan: Plan) -> pd.DataFrame:
    shared = {
        "hyperparameter": None,
        "strength_index": 0,
        "value": 1.0,
        "dataset": "dsprites",
        "schedule": SCHEDULE.label,
        "representation": "mean",
    }
    shared |= {"metric": "mig", "version": 1, "name": "mig", "num_train": 10, "num_test": 0, "cell": "0a" * 6}
    rows = [
        shared | {"run": r.id, "model": r.model, "seed": r.seed, "score": r.seed / 4, "factor": factor}
        for r in plan.runs
        for factor in (None, "scale")
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


@pytest.mark.parametrize("page", ["summary.md", "leaderboard.md", "reproduction.md"])
def test_a_page_in_markdown_shows_names_as_they_are(page: str, tmp_path: Path) -> None:
    store, plan = Store(tmp_path), plan_of(HOSTILE)
    folder, table = store.study(plan.name), table_of(plan)
    for run in plan.runs:
        write_json(store.run(run.id).scores("a"), {"cells": [{"key": "x", "skipped": HOSTILE}]})
    if page == "summary.md":
        write_summary(table, plan, store, HOSTILE)
    elif page == "leaderboard.md":
        write_leaderboard(table, plan, store, [HOSTILE])
    else:
        list(draw_reproduction(table, plan, folder, Here()))
    text = (folder / page).read_text()
    assert r"\<img src=x onerror=alert(1)\>" in text
    assert "<img" not in text.replace(r"\<img", "")
    assert "[a](http" not in text.replace(r"\[a\](http", "")
    assert "|x|" not in text.replace(r"\|x\|", "")


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_of_a_spreadsheet_is_a_formula(first: str, tmp_path: Path) -> None:
    model = f'{first}HYPERLINK("http://x")'
    store, plan = Store(tmp_path), plan_of(model)
    table = table_of(plan)
    files = export(table, store.study("tiny"))
    figure = new_figure(2, 2)
    figure.subplots().plot([0, 1])
    files += save(figure, table, tmp_path / "some", "command")
    write_leaderboard(table, plan, store, [])
    files.append(store.study(plan.name) / "leaderboard.csv")
    for path in [f for f in files if f.suffix == ".csv"]:
        with path.open(newline="", encoding="utf-8") as file:
            cells = {cell for row in csv.reader(file) for cell in row}
        assert f"'{model}" in cells
        assert model not in cells
    assert pd.read_parquet(files[0])["model"].unique().tolist() == [model]


def plain_table() -> pd.DataFrame:
    behind = {
        "device": "cpu (x86_64)",
        "versions": "torch 2.13.0+cpu",
        "revision": "0a1",
        "schedule": "quick: 10 steps",
        "hyperparameter": "beta",
    }
    return table_of(plan_of("beta_vae")).assign(**behind).astype(COLUMNS)


def test_an_export_of_plain_names_is_read_back_to_the_same_rows(tmp_path: Path) -> None:
    table = plain_table()
    parquet, text, *_ = export(table, tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), table, check_exact=True, check_categorical=False)
    back = pd.read_csv(text).astype(COLUMNS)
    pd.testing.assert_frame_equal(back, table, check_exact=True, check_categorical=False)


def test_a_row_a_run_holds_every_score_under_its_name() -> None:
    table = plain_table()
    wide = a_row_a_run(table)
    assert not wide.duplicated(["run", "representation"]).any()
    for row in table.to_dict("records"):
        of_run = wide[wide["run"] == row["run"]]
        name = row["name"] if pd.isna(row["factor"]) else f"{row['name']}/{row['factor']}"
        assert row["score"] in of_run[name].to_list()
        assert of_run["model"].eq(row["model"]).all()


def test_boards_as_latex_show_names_as_they_are_and_the_sure_best_in_bold(tmp_path: Path) -> None:
    store, plan = Store(tmp_path), plan_of("a_model & {50%}")
    write_leaderboard(table_of(plan), plan, store, [])
    text = (store.study(plan.name) / "leaderboard.tex").read_text()
    assert r"a\_model \& \{50\%\}" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") > 0
    columns = {line.count(" & ") for line in text.splitlines() if line.endswith(r"\\")}
    assert len(columns) == 1


def test_what_is_plain_stays_as_it_is() -> None:
    frame = plain_table()
    pd.testing.assert_frame_equal(as_cells(frame), frame)
    assert markdown("beta_vae, 2,000 steps: 0.5 (95 %)") == "beta_vae, 2,000 steps: 0.5 (95 %)"
    assert markdown_code("python -m bench") == "`python -m bench`"
    assert markdown_code("a``b") == "``` a``b ```"
