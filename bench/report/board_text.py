"""Boards as tables of text: Markdown to read, LaTeX (booktabs) for a paper; a significant best is bold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.board.board import Column, sure_best
from bench.analysis.board.leaderboard import SETTING
from bench.analysis.names import setting_title, title
from bench.escaping import latex, markdown
from bench.metrics.base import RANK_SETS
from bench.report.board_table import board_title, representation_title
from bench.report.page import floors_below, floors_in_words
from bench.scoring.floor_codes import KINDS
from bench.scoring.floors import Floors
from bench.values import counted

MISSING = "–"
FIXED = ("rank", "coverage", "dead runs")


@dataclass(frozen=True)
class Boards:
    """Boards of one level and rank set.

    Attributes:
        rows: as `leaderboard` returns them, of this level and rank set.
        columns: score columns; those that a board lacks are left out.
        level: the kind of rows, and the same in words.
        rank_set: the set of scores that ranks rest on.
        study: its title, and the schedules of its runs.
        floors: of each data set.
    """

    rows: pd.DataFrame
    columns: Sequence[Column]
    level: tuple[str, str]
    rank_set: str
    study: tuple[str, str]
    floors: Mapping[str, Floors]

    @property
    def facts(self) -> str:
        """A description of the numbers, in sentences."""
        return (
            f"IQM [95% interval] of {self.level[1]}; rank by Borda count over {RANK_SETS[self.rank_set]} "
            f"({self.rank_set}). Dead runs, whose codes have no active dimension, are not ranked. A score is bold "
            "where its interval overlaps no other."
        ) + (f" {floors_in_words(self.floors)}" if any(of.values for of in self.floors.values()) else "")


@dataclass(frozen=True)
class _Text:
    """One board as text: heads, rows of (cell, bold), floors, and a note of its dead runs."""

    heading: str
    heads: list[str]
    rows: list[list[tuple[str, bool]]]
    floors: list[list[str]]
    note: str


def as_markdown(boards: Boards) -> str:
    """All boards as one page."""
    parts = [
        f"# {markdown(boards.study[0])}: leaderboard",
        f"Schedule: **{markdown(boards.study[1])}**. {boards.facts}",
    ]
    for text in _texts(boards):
        heads = [markdown(head) for head in text.heads]
        lines = [_line(heads), _line(["---"] + ["---:"] * (len(heads) - 1))]
        lines += [_line([_bold(markdown(cell), bold, "**{}**") for cell, bold in row]) for row in text.rows]
        lines += [_line([f"*{markdown(row[0])}*", *row[1:]]) for row in text.floors]
        part = f"## {markdown(text.heading)}\n\n" + "\n".join(lines)
        parts.append(part + (f"\n\n{markdown(text.note)}" if text.note else ""))
    return "\n\n".join(parts) + "\n"


def as_latex(boards: Boards) -> str:
    """A table environment for each board, with rules of `booktabs`."""
    parts = [f"% {' '.join(boards.study[0].split())}: leaderboard; needs \\usepackage{{booktabs}}"]
    for text in _texts(boards):
        caption = f"{text.heading}. Schedule: {boards.study[1]}. {boards.facts} {text.note}".strip()
        lines = ["\\begin{table}", "\\centering", f"\\caption{{{latex(caption)}}}"]
        lines += [f"\\begin{{tabular}}{{l{'r' * (len(text.heads) - 1)}}}", "\\toprule"]
        lines += [_row(map(latex, text.heads)), "\\midrule"]
        lines += [_row(_bold(latex(cell), bold, "\\textbf{{{}}}") for cell, bold in row) for row in text.rows]
        lines += ["\\midrule"] if text.floors else []
        lines += [_row([f"\\emph{{{latex(row[0])}}}", *map(latex, row[1:])]) for row in text.floors]
        parts.append("\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table}"]))
    return "\n\n".join(parts) + "\n"


def _texts(boards: Boards) -> list[_Text]:
    groups = boards.rows.groupby(["representation", "dataset"], sort=False)
    return [_text(boards, board, f"{board_title(d)}, {representation_title(r)}") for (r, d), board in groups]


def _text(boards: Boards, board: pd.DataFrame, heading: str) -> _Text:
    of_settings = boards.level[0] == SETTING
    columns = [c for c in boards.columns if c.name in board and board[c.name].notna().any()]
    best = {c.name: sure_best(board, c) for c in columns}
    heads = ["setting" if of_settings else "model", *FIXED]
    heads += [title(c.name) + ("" if c.declared.counts_in(boards.rank_set) else " (not ranked)") for c in columns]
    rows = []
    for key, row in board.iterrows():
        hyperparameter = (row["hyperparameter"], row["value"]) if of_settings else (None, None)
        fixed = [setting_title(row["model"], *hyperparameter), _number(row, "rank", "{:.0f}")]
        fixed += [f"{np.floor(100 * row['coverage'] + 1e-9):.0f}%", str(row["dead"])]
        scores = [(_number(row, c.name, "{:.3f}"), best[c.name] is not None and key == best[c.name]) for c in columns]
        rows.append([*((cell, False) for cell in fixed), *scores])
    floor_rows = []
    for kind, floors in floors_below(board, boards.floors).items():
        values = [f"{floors[c.name]:.3f}" if c.name in floors else MISSING for c in columns]
        floor_rows.append([f"floor: {KINDS[kind]}", *[""] * len(FIXED), *values])
    dead = "" if of_settings else "; ".join(filter(None, board["dead_runs"]))
    note = f"{counted(board['dead'].sum(), 'dead run')}: {dead}." if dead else ""
    return _Text(heading, heads, rows, floor_rows, note)


def _number(row: pd.Series, name: str, form: str) -> str:
    if pd.isna(row[name]):
        return MISSING
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = "" if pd.isna(low) else f" [{form.format(low)}, {form.format(high)}]"
    return form.format(row[name]) + interval


def _bold(text: str, bold: bool, form: str) -> str:
    return form.format(text) if bold else text


def _line(parts: Sequence[str]) -> str:
    return "| " + " | ".join(parts) + " |"


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + " \\\\"
