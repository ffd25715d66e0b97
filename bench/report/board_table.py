"""One board as an HTML table: sortable headers, a number with its interval in each cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench import registry
from bench.analysis.board.board import Column, sure_best
from bench.analysis.board.leaderboard import OVERALL, SETTING
from bench.analysis.names import dataset_title, model_title, setting_title, title
from bench.report.markup import Html, tag
from bench.scoring.floor_codes import KINDS
from bench.scoring.runs import HELD_OUT
from bench.values import counted

SHORT = {"DCI disentanglement": "DCI"}
STANDING = (  # columns of a rank set
    ("rank", "Rank", "ascending"), ("rank_by_mean", "By mean", "ascending"),
    ("mean_score", "Mean score", "descending"), ("coverage", "Coverage", "descending"),
)  # fmt: skip
Floor = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class _ScoreColumn:
    """A score column of one board: the key of the row that is significantly the best, and the range of all rows."""

    column: Column
    best: Any
    low: float
    high: float


def board_table(
    board: pd.DataFrame, chosen: Sequence[Column], level: str, by: str, number: int, floors: Floor | None = None
) -> Html:
    """The board of one (representation, data set), with columns for each rank set; the page shows those of one set.

    Args:
        board: its rows for each rank set, as `leaderboard` returns them, in the order of the first set.
        chosen: score columns; those that the board lacks are left out.
        level: the kind of its rows.
        by: the same in words.
        number: of the board on its page.
        floors: kind of codes -> score name -> floor, shown below the rows.
    """
    sets = {str(name): rows for name, rows in board.groupby("rank_set", sort=False)}
    rows = next(iter(sets.values()))
    first_row = rows.iloc[0]
    present = [c for c in chosen if c.name in board and board[c.name].notna().any()]
    present = sorted(present, key=lambda c: not c.disentanglement)
    columns = [_ScoreColumn(c, sure_best(rows, c), *_ends(rows, c.name)) for c in present]
    heading = f"{board_title(first_row['dataset'])}, {representation_title(first_row['representation'])}"
    standing = {name: {_key(row): row for _, row in part.iterrows()} for name, part in sets.items()}
    lines = [
        _row(row, {n: rows[_key(row)] for n, rows in standing.items()}, columns, level) for _, row in rows.iterrows()
    ]
    floor_rows = [_floor(kind, values, present, list(sets), level) for kind, values in (floors or {}).items()]
    table = tag(
        "table",
        tag("caption", f"{heading}, {by}", class_="unseen"),
        _head(present, level, list(sets)),
        tag("tbody", *lines),
        tag("tfoot", *floor_rows) if floor_rows else None,
    )
    return tag(
        "section",
        tag("h3", heading, tag("small", by)),
        tag("p", class_="more"),
        tag("div", table, class_="scroll", tabindex="0", role="region", aria_label=f"Board: {heading}, {by}"),
        _dead(rows) if level != SETTING else None,
        class_="board",
        id=f"board-{number}",
        data_dataset=first_row["dataset"],
        data_representation=first_row["representation"],
        data_level=level,
    )


def _key(row: pd.Series) -> tuple[str, str]:
    return str(row["model"]), str(row.get("value"))


def _dead(rows: pd.DataFrame) -> Html | None:
    """A paragraph with the names of the dead runs of a board; None if there are none."""
    names = [name for name in rows["dead_runs"] if name]
    return tag("p", tag("b", counted(rows["dead"].sum(), "dead run")), f": {'; '.join(names)}.") if names else None


def _ends(board: pd.DataFrame, name: str) -> tuple[float, float]:
    numbers = board[[name, f"{name}_low", f"{name}_high"]].to_numpy()
    return float(np.nanmin(numbers)), float(np.nanmax(numbers))


def board_title(dataset: str) -> str:
    """The title of a board's data set."""
    return "All data sets" if dataset == OVERALL else dataset_title(dataset)


def representation_title(kind: str) -> str:
    """The representation that a board's scores are of, in words."""
    return "images held out of training" if kind == HELD_OUT else f"{kind} representation"


def _head(present: Sequence[Column], level: str, sets: Sequence[str]) -> Html:
    of_codes = [c for c in present if c.disentanglement]
    others = [c for c in present if not c.disentanglement]
    fixed = [("model", "Model", "text")] + [("value", "Value", "ascending")] * (level == SETTING)
    groups: list[Html | None] = [tag("td", colspan=len(fixed))]
    groups += [tag("th", tag("small", name), colspan=len(STANDING), scope="colgroup", data_ranks=name) for name in sets]
    groups += [_group("Disentanglement", of_codes), _group("Downstream and others", others)]
    heads = [_header(*f) for f in fixed]
    heads += [_header(*column, ranks=name) for name in sets for column in STANDING]
    for column in present:
        higher = column.declared.higher_is_better
        heading = title(column.name)
        first = "ascending" if higher is False else "descending"
        ranked_in = [name for name in sets if column.declared.counts_in(name)]
        heads.append(_header(column.name, SHORT.get(heading, heading), first, _arrow(higher), ranked_in))
    return tag("thead", tag("tr", *groups, class_="groups"), tag("tr", *heads))


def _group(heading: str, members: Sequence[Column]) -> Html | None:
    return tag("th", heading, colspan=len(members), scope="colgroup") if members else None


def _arrow(higher: bool | None) -> str:
    return {True: "higher is better", False: "lower is better", None: "neither is better"}[higher]


def _header(
    name: str, label: str, first: str, direction: str = "", ranked_in: Sequence[str] = (), ranks: str | None = None
) -> Html:
    """A column header with a button; `first` is the order after its first click, with the best on top.

    `ranked_in` names the rank sets that count the column; a column of ranks belongs to one set, `ranks`.
    """
    mark = {"higher is better": "↑", "lower is better": "↓"}.get(direction)
    return tag(
        "th",
        tag("button", label, tag("span", mark, aria_hidden="true", class_="way") if mark else None, type="button",
            title=direction or None),
        *(tag("small", "ranked", data_ranks=rank_set) for rank_set in ranked_in),
        scope="col",
        data_ranks=ranks,
        data_name=name,
        data_first=first,
        aria_sort="ascending" if name == "rank" else None,
        class_="name" if first == "text" else None,
    )  # fmt: skip


def _row(row: pd.Series, standing: Mapping[str, pd.Series], columns: Sequence[_ScoreColumn], level: str) -> Html:
    name = str(row["model"])
    notes = [] if name in registry.names("models") else [tag("small", "representation")]
    if row["dead"]:
        notes.append(tag("small", counted(row["dead"], "dead run"), title=row["dead_runs"]))
    notes += [tag("small", "not ranked", class_="no-rank", data_ranks=n)
              for n, ranks in standing.items() if pd.isna(ranks["rank"])]  # fmt: skip
    setting = setting_title(name, row["hyperparameter"], row["value"]) if level == SETTING else model_title(name)
    cells = [tag("th", setting, *notes, scope="row", class_="name")]
    if level == SETTING:
        cells.append(_cell(row["value"], "{:g}"))
    for rank_set, ranks in standing.items():
        cells.append(_cell(ranks["rank"], "{:.0f}", _interval(ranks, "rank", "{:.0f}"), ranks=rank_set))
        cells.append(_cell(ranks["rank_by_mean"], "{:.0f}", _interval(ranks, "rank_by_mean", "{:.0f}"), ranks=rank_set))
        cells.append(_cell(ranks["mean_score"], "{:.3f}", ranks=rank_set))
        coverage = np.floor(100 * ranks["coverage"] + 1e-9)  # never rounded up to 100 %
        runs = f"{row['runs']:,} run{'' if row['runs'] == 1 else 's'}"
        cells.append(_cell(coverage, "{:.0f}%", runs, ranks=rank_set))
    for score_column in columns:
        score_name, bold = score_column.column.name, row.name == score_column.best
        whisker = _whisker(row, score_column) if level != SETTING else None
        cells.append(_cell(row[score_name], "{:.3f}", _interval(row, score_name, "{:.3f}"), bold, whisker))
    return tag("tr", *cells, data_model=name, class_="unranked" if pd.isna(row["rank"]) else None)


def _floor(kind: str, values: Mapping[str, float], present: Sequence[Column], sets: Sequence[str], level: str) -> Html:
    """A row with the floors of one kind of codes."""
    name = tag("th", KINDS[kind], tag("small", "floor"), scope="row", class_="name")
    blank = [tag("td")] * (level == SETTING) + [tag("td", data_ranks=n) for n in sets for _ in STANDING]
    return tag("tr", name, *blank, *(_cell(values.get(c.name, np.nan), "{:.3f}") for c in present))


def _interval(row: pd.Series, name: str, form: str) -> str:
    """The interval in words; a dash if there is none."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{form.format(low)}–{form.format(high)}" if pd.notna(low) else "–"


def _cell(
    value: float,
    form: str,
    small: str | None = None,
    bold: bool = False,
    mark: Html | None = None,
    ranks: str | None = None,
) -> Html:
    if pd.isna(value):
        return tag("td", tag("span", "–", title="missing"), class_="none", data_ranks=ranks)
    content = tag("b", form.format(value)) if bold else form.format(value)
    small = tag("small", small) if small else None
    return tag("td", content, small, mark, data_value=f"{value:.6g}", data_ranks=ranks)


def _whisker(row: pd.Series, score: _ScoreColumn) -> Html | None:
    """The score and its interval as a mark on a line, scaled to the range of the board."""
    ends = [row[score.column.name + end] for end in ("_low", "", "_high")]
    if pd.isna(ends).any() or score.high <= score.low:
        return None
    low, point, high = (100 * (e - score.low) / (score.high - score.low) for e in ends)
    line = tag("path", d=f"M{low:.1f} 3H{high:.1f}")
    mark = tag("path", d=f"M{point:.1f} 0V6", class_="tick")
    return tag("svg", line, mark, viewBox="0 0 100 6", preserveAspectRatio="none", aria_hidden="true", class_="span")
