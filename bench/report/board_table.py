"""One board as an HTML table: sortable headers, a number with its interval in each cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench import registry
from bench.analysis.board.board import Column, sure_best
from bench.analysis.board.leaderboard import OVERALL
from bench.analysis.names import dataset_title, model_title, title
from bench.report.markup import Html, tag

SHORT = {"DCI disentanglement": "DCI"}


@dataclass(frozen=True)
class _Shown:
    """A score column of one board: which row is sure to be the best, and between which ends all rows lie."""

    column: Column
    best: Any
    low: float
    high: float


def board_table(board: pd.DataFrame, chosen: Sequence[Column], level: str, number: int) -> Html:
    """The board of one (representation, data set).

    Args:
        board: its rows, as `leaderboard` gives them.
        chosen: score columns; those the board lacks are left out.
        level: what a row is, "model" or "setting".
        number: of the board on its page.
    """
    first = board.iloc[0]
    present = sorted(
        (c for c in chosen if c.name in board and board[c.name].notna().any()), key=lambda c: not c.counted
    )
    shown = [_Shown(c, sure_best(board, c), *_ends(board, c.name)) for c in present]
    heading = f"{board_title(first['dataset'])}, {first['representation']} representation"
    by = "by model" if level == "model" else "by model and strength"
    table = tag(
        "table",
        tag("caption", f"{heading}, {by}", class_="unseen"),
        _head(present, level),
        tag("tbody", *(_row(row, shown, level) for _, row in board.iterrows())),
    )
    return tag(
        "section",
        tag("h3", heading, tag("small", by)),
        tag("p", class_="more"),
        tag("div", table, class_="scroll", tabindex="0", role="region", aria_label=f"Board: {heading}, {by}"),
        class_="board",
        id=f"board-{number}",
        data_dataset=first["dataset"],
        data_representation=first["representation"],
        data_level=level,
    )


def _ends(board: pd.DataFrame, name: str) -> tuple[float, float]:
    held = board[[name, f"{name}_low", f"{name}_high"]].to_numpy()
    return float(np.nanmin(held)), float(np.nanmax(held))


def board_title(dataset: str) -> str:
    """How a board's data set is written."""
    return "All data sets" if dataset == OVERALL else dataset_title(dataset)


def _head(present: Sequence[Column], level: str) -> Html:
    counted = [c for c in present if c.counted]
    others = [c for c in present if not c.counted]
    fixed = [("model", "Model", "text")] + [("value", "Strength", "ascending")] * (level == "setting")
    fixed += [("rank", "Rank", "ascending"), ("rank_by_mean", "By mean", "ascending")]
    fixed += [("mean_score", "Mean score", "descending"), ("coverage", "Coverage", "descending")]
    groups = [tag("td", colspan=len(fixed)), _group("Disentanglement", "ranked", counted)]
    groups.append(_group("Downstream and others", "not ranked", others))
    heads = [_header(*f) for f in fixed]
    for column in present:
        up = column.declared.higher_is_better
        written = title(column.name)
        first = "ascending" if up is False else "descending"
        heads.append(_header(column.name, SHORT.get(written, written), first, _arrow(up)))
    return tag("thead", tag("tr", *groups, class_="groups"), tag("tr", *heads))


def _group(written: str, note: str, members: Sequence[Column]) -> Html | None:
    return tag("th", written, tag("small", note), colspan=len(members), scope="colgroup") if members else None


def _arrow(higher: bool | None) -> str:
    return {True: "higher is better", False: "lower is better", None: "neither is better"}[higher]


def _header(name: str, written: str, first: str, direction: str = "") -> Html:
    """A header that is a button; `first` is the order of its first click: the best first."""
    mark = {"higher is better": "↑", "lower is better": "↓"}.get(direction)
    return tag(
        "th",
        tag("button", written, tag("span", mark, aria_hidden="true", class_="way") if mark else None, type="button",
            title=direction or None),
        scope="col",
        data_name=name,
        data_first=first,
        aria_sort="ascending" if name == "rank" else None,
        class_="name" if first == "text" else None,
    )  # fmt: skip


def _row(row: pd.Series, shown: Sequence[_Shown], level: str) -> Html:
    name = str(row["model"])
    ranked = pd.notna(row["rank"])
    notes = [] if name in registry.names("models") else ["representation"]
    notes += [] if ranked else ["not ranked"]
    small = tag("small", ", ".join(notes)) if notes else None
    cells = [tag("th", model_title(name), small, scope="row", class_="name")]
    if level == "setting":
        cells.append(_cell(row["value"], "{:g}"))
    cells.append(_cell(row["rank"], "{:.0f}", _interval(row, "rank", "{:.0f}")))
    cells.append(_cell(row["rank_by_mean"], "{:.0f}", _interval(row, "rank_by_mean", "{:.0f}")))
    cells.append(_cell(row["mean_score"], "{:.3f}"))
    covered = np.floor(100 * row["coverage"] + 1e-9)  # what lacks a run is not 100 %
    cells.append(_cell(covered, "{:.0f}%", f"{row['runs']:,} run{'' if row['runs'] == 1 else 's'}"))
    for score in shown:
        name_, bold = score.column.name, row.name == score.best
        whisker = _whisker(row, score) if level == "model" else None
        cells.append(_cell(row[name_], "{:.3f}", _interval(row, name_, "{:.3f}"), bold, whisker))
    return tag("tr", *cells, data_model=name, class_=None if ranked else "unranked")


def _interval(row: pd.Series, name: str, written: str) -> str:
    """The interval in words; a dash where one seed gives none."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{written.format(low)}–{written.format(high)}" if pd.notna(low) else "–"


def _cell(value: float, written: str, small: str | None = None, bold: bool = False, drawn: Html | None = None) -> Html:
    if pd.isna(value):
        return tag("td", tag("span", "–", title="missing"), class_="none")
    shown = tag("b", written.format(value)) if bold else written.format(value)
    return tag("td", shown, tag("small", small) if small else None, drawn, data_value=f"{value:.6g}")


def _whisker(row: pd.Series, score: _Shown) -> Html | None:
    """The score and its interval as a mark on a line, on the scale of the board's lowest and highest."""
    ends = [row[score.column.name + end] for end in ("_low", "", "_high")]
    if pd.isna(ends).any() or score.high <= score.low:
        return None
    low, point, high = (100 * (e - score.low) / (score.high - score.low) for e in ends)
    line = tag("path", d=f"M{low:.1f} 3H{high:.1f}")
    mark = tag("path", d=f"M{point:.1f} 0V6", class_="tick")
    return tag("svg", line, mark, viewBox="0 0 100 6", preserveAspectRatio="none", aria_hidden="true", class_="span")
