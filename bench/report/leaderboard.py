"""Writes a study's leaderboard: a csv with all numbers, a Markdown page, and an interactive HTML page."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bench.analysis.board.leaderboard import MODEL, SETTING, columns, leaderboards, levels
from bench.analysis.names import setting_title, title
from bench.analysis.scores.dead import counted
from bench.escaping import as_cells, markdown
from bench.metrics.base import DEFAULT_SET, RANK_SETS
from bench.report.board_table import board_title
from bench.report.gallery import pictures
from bench.report.page import Page, floors_below, render
from bench.report.summary import run_counts, training_seconds
from bench.scoring.floor_codes import KINDS
from bench.scoring.floors import Floors, floors_of
from bench.scoring.groups import cells_of
from bench.scoring.runs import cell_records, state
from bench.store.files import writing
from bench.store.folders import Store
from bench.study.plan import Plan

STAGES = ("train", "score", "floors", "analyze", "report")
FILES = {
    "scores.csv": "every score of every run",
    "leaderboard.csv": "the boards, with every interval",
    "floors.csv": "what codes score that hold nothing",
    "reproduction.md": "what papers print, and ours beside it",
}


def write_leaderboard(
    table: pd.DataFrame,
    plan: Plan,
    store: Store,
    overrides: Sequence[str],
    rank_set: str = DEFAULT_SET,
    level: str = MODEL,
) -> Path:
    """Write leaderboard.csv, .md and .html, and floors.csv, into the study's folder; return the page.

    Args:
        table: the study's scores.
        plan: the study.
        store: of its runs.
        overrides: the command line's words after the stage.
        rank_set: of the ranks in the Markdown page, and of those that the HTML page shows first.
        level: of the rows, likewise; models, if this table has no such rows.
    """
    folder = store.study(plan.name)
    chosen, wanted, possible = columns(table), wanted_of(plan, store), levels(table)
    first = level if level in possible else MODEL
    order = [first, *(other for other in possible if other != first)]
    sets = [rank_set, *(other for other in RANK_SETS if other != rank_set)]
    boards = leaderboards(table, chosen, wanted, order, sets)
    floors = floors_of(plan, store)
    with writing(folder / "floors.csv") as file:
        file.write(_floor_rows(floors).to_csv(index=False).encode())
    page = Page(
        title=plan.title,
        facts=_facts(table, plan, store),
        boards=boards,
        levels=possible,
        columns=chosen,
        metrics=[m for m in plan.metrics if m in set(table["metric"])],
        figures=pictures(folder, "figures"),
        pictures=pictures(folder, "models"),
        commands=[shlex.join(["python", "-m", "bench", stage, *overrides]) for stage in STAGES],
        files={name: what for name, what in FILES.items() if (folder / name).exists()},
        floors=floors,
    )
    every = pd.concat([b.assign(level=level) for level, b in boards.items()], ignore_index=True)
    rows = as_cells(every).to_csv(index=False)
    texts = {"csv": rows, "md": _markdown(page, plan, first, rank_set), "html": render(page)}
    for suffix, text in texts.items():
        with writing(folder / f"leaderboard.{suffix}") as file:
            file.write(text.encode())
    return folder / "leaderboard.html"


def wanted_of(plan: Plan, store: Store) -> pd.DataFrame:
    """The cells of a study's runs that apply to them, in the form of `leaderboard.wanted_cells`."""
    rows = []
    wanted = cells_of(plan, lambda member: store.run(member.id).state() == "done")
    for run in plan.members:
        records = cell_records(store.run(run.id))
        for cell in wanted[run.id]:
            if state(records.get(cell.key)) != "skipped":
                rows.append((run.id, run.model, run.value, run.dataset, cell.representation, cell.metric))
    named = ["run", "model", "value", "dataset", "representation", "metric"]
    return pd.DataFrame(rows, columns=named).astype({"value": float})


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
    rows = [(dataset, kind, name, value, "") for dataset, of in floors.items()
            for kind, values in of.values.items() for name, value in values.items()]  # fmt: skip
    rows += [(d, "", metric, np.nan, why) for d, of in floors.items() for metric, why in of.without.items()]
    return as_cells(pd.DataFrame(rows, columns=["dataset", "codes", "score", "floor", "reason"]))


def _markdown(page: Page, plan: Plan, level: str, rank_set: str) -> str:
    """The boards of one level and rank set as tables: IQM, with the 95 % interval in brackets; floors below."""
    parts = [
        f"# {markdown(plan.title)}: leaderboard",
        f"Schedule: **{markdown(plan.schedules)}**. IQM [95% interval] of {page.levels[level]}; rank by Borda count "
        f"over {RANK_SETS[rank_set]} ({rank_set}). Dead runs, whose codes have no active dimension, are not ranked.",
    ]
    every = page.boards[level]
    every = every[every["rank_set"] == rank_set]
    for (representation, dataset), board in every.groupby(["representation", "dataset"], sort=False):
        shown = [c for c in page.columns if c.name in board and board[c.name].notna().any()]
        heads = ["setting" if level == SETTING else "model", "rank", "coverage", "dead runs"]
        heads += [markdown(title(c.name)) + ("" if c.declared.counts_in(rank_set) else " (not ranked)") for c in shown]
        lines = [_line(heads), _line(["---"] + ["---:"] * (len(heads) - 1))]
        for _, row in board.iterrows():
            of_setting = (row["hyperparameter"], row["value"]) if level == SETTING else (None, None)
            values = [markdown(setting_title(row["model"], *of_setting)), _number(row, "rank", "{:.0f}")]
            values += [f"{np.floor(100 * row['coverage'] + 1e-9):.0f}%"]
            values += [str(row["dead"]), *(_number(row, c.name, "{:.3f}") for c in shown)]
            lines.append(_line(values))
        for kind, floors in floors_below(board, page.floors).items():
            floor_cells = [f"{floors[c.name]:.3f}" if c.name in floors else "–" for c in shown]
            lines.append(_line([f"*floor: {KINDS[kind]}*", *[""] * 3, *floor_cells]))
        text = f"## {markdown(board_title(dataset))}, {representation} representation\n\n" + "\n".join(lines)
        if level != SETTING and (dead := "; ".join(filter(None, board["dead_runs"]))):
            text += f"\n\n{counted(board['dead'].sum())}: {markdown(dead)}."
        parts.append(text)
    return "\n\n".join(parts) + "\n"


def _number(row: pd.Series, name: str, written: str) -> str:
    if pd.isna(row[name]):
        return "–"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = "" if pd.isna(low) else f" [{written.format(low)}, {written.format(high)}]"
    return written.format(row[name]) + interval


def _line(parts: Sequence[str]) -> str:
    return "| " + " | ".join(parts) + " |"
