"""Writes a study's leaderboard: csv with everything, Markdown to read, LaTeX for a paper, one HTML page to use."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bench.analysis.board.leaderboard import MODEL, columns, leaderboards, levels
from bench.analysis.names import apart
from bench.escaping import as_cells
from bench.metrics.base import DEFAULT_SET, RANK_SETS
from bench.report.board_text import Boards, as_latex, as_markdown
from bench.report.gallery import pictures
from bench.report.page import Page, render
from bench.report.summary import run_counts, training_seconds
from bench.scoring.floors import Floors, floors_of
from bench.scoring.groups import cells_of
from bench.scoring.runs import cell_records, state
from bench.store.files import write_text
from bench.store.folders import Store
from bench.study.plan import Plan

STAGES = ("train", "score", "floors", "analyze", "report")
FILES = {
    "scores.csv": "every score of every run",
    "leaderboard.csv": "the boards, with every interval",
    "leaderboard.tex": "the boards as LaTeX tables",
    "floors.csv": "the floors: scores of codes without information",
    "reproduction.md": "published numbers beside ours",
}


def write_leaderboard(
    table: pd.DataFrame,
    plan: Plan,
    store: Store,
    overrides: Sequence[str],
    rank_set: str = DEFAULT_SET,
    level: str = MODEL,
) -> Path:
    """Write leaderboard.csv, .md, .tex and .html, and floors.csv, into the study's folder; return the page.

    Args:
        table: the study's scores.
        plan: the study.
        store: of its runs.
        overrides: the command line's words after the stage.
        rank_set: the scores that ranks rest on in Markdown and LaTeX, and initially on the page.
        level: the kind of rows there; models if the table has no rows of this kind.
    """
    folder, table = store.study(plan.name), apart(table)
    chosen, cells, row_levels = columns(table), wanted_of(plan, store), levels(table)
    first = level if level in row_levels else MODEL
    order = [first, *(other for other in row_levels if other != first)]
    sets = [rank_set, *(other for other in RANK_SETS if other != rank_set)]
    boards = leaderboards(table, chosen, cells, order, sets)
    floors = floors_of(plan, store)
    write_text(folder / "floors.csv", _floor_rows(floors).to_csv(index=False))
    page = Page(
        title=plan.title,
        facts=_facts(table, plan, store),
        boards=boards,
        levels=row_levels,
        columns=chosen,
        metrics=[m for m in plan.metrics if m in set(table["metric"])],
        figures=pictures(folder, "figures"),
        pictures=pictures(folder, "models"),
        commands=[shlex.join(["python", "-m", "bench", stage, *overrides]) for stage in STAGES],
        files={name: description for name, description in FILES.items() if (folder / name).exists()},
        floors=floors,
    )
    all_boards = pd.concat([b.assign(level=level) for level, b in boards.items()], ignore_index=True)
    rows = as_cells(all_boards).to_csv(index=False)
    rows_of_set = boards[first][boards[first]["rank_set"] == rank_set]
    text = Boards(rows_of_set, chosen, (first, row_levels[first]), rank_set, (plan.title, plan.schedules), floors)
    texts = {"csv": rows, "md": as_markdown(text), "tex": as_latex(text), "html": render(page)}
    for suffix, text in texts.items():
        write_text(folder / f"leaderboard.{suffix}", text)
    return folder / "leaderboard.html"


def wanted_of(plan: Plan, store: Store) -> pd.DataFrame:
    """The cells of a study's runs that apply to them, in the form of `leaderboard.wanted_cells`."""
    rows = []
    cells_by_run = cells_of(plan, lambda member: store.run(member.id).state() == "done")
    for run in plan.members:
        records = cell_records(store.run(run.id))
        for cell in cells_by_run[run.id]:
            if state(records.get(cell.key)) != "skipped":
                rows.append((run.id, run.named, run.value, run.dataset, cell.representation, cell.metric))
    names = ["run", "model", "value", "dataset", "representation", "metric"]
    return pd.DataFrame(rows, columns=names).astype({"value": float})


def _facts(table: pd.DataFrame, plan: Plan, store: Store) -> dict[str, str]:
    """Facts about the runs: schedules, counts, device, versions."""
    facts = {
        "Schedule": plan.schedules,
        "Protocol": plan.protocol.name,
        "Runs": run_counts(table, plan, store),
        "Seeds": f"{len({member.seed for member in plan.members})}",
    }
    if seconds := training_seconds(table):
        facts["Training"] = f"{seconds / 60:,.1f} minutes"
    if devices := sorted(table["device"].dropna().unique()):
        facts["Device"] = ", ".join(devices)
    versions = [dict(p.rpartition(" ")[::2] for p in v.split(", ")) for v in table["versions"].dropna().unique()]
    if versions:
        shown = {", ".join(f"{name} {v[name]}" for name in ("bench", "torch") if name in v) for v in versions}
        facts["Versions"] = "; ".join(sorted(shown))
    return facts


def _floor_rows(floors: Mapping[str, Floors]) -> pd.DataFrame:
    """A row for each data set, kind of code and score; for a metric without floors one row with the reason."""
    rows = [(dataset, kind, name, value, "", entry.dims) for dataset, entry in floors.items()
            for kind, values in entry.values.items() for name, value in values.items()]  # fmt: skip
    rows += [(d, "", metric, np.nan, why, entry.dims) for d, entry in floors.items()
             for metric, why in entry.reasons.items()]  # fmt: skip
    return as_cells(pd.DataFrame(rows, columns=["dataset", "codes", "score", "floor", "reason", "dims"]))
