"""Writes a study's leaderboard: csv with everything, markdown to read, one HTML page to use."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bench.analysis.board.board import Column
from bench.analysis.board.leaderboard import LEVELS, columns, leaderboard
from bench.analysis.names import model_title, title
from bench.escaping import as_cells, markdown
from bench.report.board_table import board_title
from bench.report.gallery import pictures
from bench.report.page import Page, render
from bench.report.summary import run_counts, training_seconds
from bench.scoring.groups import cells_of
from bench.scoring.runs import cell_records, state
from bench.store.files import writing
from bench.store.folders import Store
from bench.study.plan import Plan

STAGES = ("train", "score", "analyze", "report")
FILES = {
    "scores.csv": "every score of every run",
    "leaderboard.csv": "the boards, with every interval",
    "reproduction.md": "what papers print, and ours beside it",
}


def write_leaderboard(table: pd.DataFrame, plan: Plan, store: Store, overrides: Sequence[str]) -> Path:
    """Write leaderboard.csv, .md and .html into the study's folder; return the page.

    Args:
        table: the study's scores.
        plan: the study.
        store: where its runs are.
        overrides: the command line's words after the stage.
    """
    folder = store.study(plan.name)
    chosen, wanted = columns(table), wanted_of(plan, store)
    boards = {level: leaderboard(table, chosen, wanted, level) for level in LEVELS}
    if len(boards["setting"]) == len(boards["model"]):  # one strength each: the same rows twice
        del boards["setting"]
    page = Page(
        title=plan.title,
        facts=_facts(table, plan, store),
        boards=boards,
        columns=chosen,
        metrics=[m for m in plan.metrics if m in set(table["metric"])],
        figures=pictures(folder, "figures"),
        pictures=pictures(folder, "models"),
        commands=[shlex.join(["python", "-m", "bench", stage, *overrides]) for stage in STAGES],
        files={name: what for name, what in FILES.items() if (folder / name).exists()},
    )
    every = pd.concat([b.assign(level=level) for level, b in boards.items()], ignore_index=True)
    rows = as_cells(every).to_csv(index=False)
    texts = {"csv": rows, "md": _markdown(plan, boards["model"], chosen), "html": render(page)}
    for suffix, text in texts.items():
        with writing(folder / f"leaderboard.{suffix}") as file:
            file.write(text.encode())
    return folder / "leaderboard.html"


def wanted_of(plan: Plan, store: Store) -> pd.DataFrame:
    """The cells that a study wants of its runs and that apply to them, as `leaderboard.wanted_cells` has them."""
    rows = []
    asked = cells_of(plan, lambda member: store.run(member.id).state() == "done")
    for run in plan.members:
        records = cell_records(store.run(run.id))
        for cell in asked[run.id]:
            if state(records.get(cell.key)) != "skipped":
                rows.append((run.id, run.model, run.value, run.dataset, cell.representation, cell.metric))
    named = ["run", "model", "value", "dataset", "representation", "metric"]
    return pd.DataFrame(rows, columns=named).astype({"value": float})


def _facts(table: pd.DataFrame, plan: Plan, store: Store) -> dict[str, str]:
    """What was run: budget, counts, device, versions."""
    facts = {
        "Budget": plan.budget,
        "Scoring protocol": plan.protocol.name,
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


def _markdown(plan: Plan, boards: pd.DataFrame, chosen: Sequence[Column]) -> str:
    """The boards of models as tables: IQM, with the 95 % interval in brackets."""
    parts = [
        f"# {markdown(plan.title)}: leaderboard",
        f"Budget: **{markdown(plan.budget)}**. IQM [95% interval]; rank by Borda count.",
    ]
    for (representation, dataset), board in boards.groupby(["representation", "dataset"], sort=False):
        shown = [c for c in chosen if c.name in board and board[c.name].notna().any()]
        heads = ["model", "rank", "coverage"]
        heads += [markdown(title(c.name)) + ("" if c.counted else " (not ranked)") for c in shown]
        lines = [_line(heads), _line(["---"] + ["---:"] * (len(heads) - 1))]
        for _, row in board.iterrows():
            values = [_number(row, "rank", "{:.0f}"), f"{np.floor(100 * row['coverage'] + 1e-9):.0f}%"]
            values += [_number(row, c.name, "{:.3f}") for c in shown]
            lines.append(_line([markdown(model_title(row["model"])), *values]))
        parts.append(f"## {markdown(board_title(dataset))}, {representation} representation\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _number(row: pd.Series, name: str, written: str) -> str:
    if pd.isna(row[name]):
        return "–"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = "" if pd.isna(low) else f" [{written.format(low)}, {written.format(high)}]"
    return written.format(row[name]) + interval


def _line(parts: Sequence[str]) -> str:
    return "| " + " | ".join(parts) + " |"
