"""The public board as static pages: an index, and a leaderboard for each budget and protocol with its downloads."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.analysis.board.leaderboard import MODEL, columns, leaderboards, levels
from bench.analysis.names import model_title
from bench.analysis.published.numbers import Item, items
from bench.metrics.base import RANK_SETS
from bench.report.markup import Html, join, tag
from bench.report.page import Page, document, render
from bench.store.files import StoreError, write_json, write_text
from bench.table.public import PublicBoard
from bench.table.stored import export
from bench.table.submission import Submission
from bench.values import ConfigError

MADE = "board.json"
DOWNLOADS = {
    "scores.csv": "every score of every run",
    "scores.parquet": "the same",
    "runs.csv": "a row a run, a column a score",
    "runs.parquet": "the same",
}
OF_SCORES = ("score", "FactorVAE score")  # published quantities that are scores of models
LINKS = ("https://", "http://")


def write_board(boards: Sequence[PublicBoard], folder: Path) -> Path:
    """Write the pages into a folder that is new, empty or already holds a board; return the index.

    Raises:
        ConfigError: the folder holds other files.
        StoreError: a file cannot be written, or there is nothing to show.
    """
    if not boards:
        raise StoreError("there is no table and no submission to make a board of")
    if folder.exists() and (not folder.is_dir() or (os.listdir(folder) and not (folder / MADE).exists())):
        raise ConfigError(f"{folder} is there and holds no board: give folder=DIR, one that is new")
    write_json(folder / MADE, {"boards": [_record_of(board) for board in boards]})
    for board in boards:
        write_text(folder / board.key / "index.html", render(_page(board)))
        export(board.table, folder / board.key)
    write_text(folder / "index.html", document("Public board", join(*_index(boards))))
    return folder / "index.html"


def _record_of(board: PublicBoard) -> dict[str, object]:
    return {
        "board": board.key,
        "schedule": dict(board.schedule),
        "protocol": board.protocol.name,
        "runs": int(board.table["run"].nunique()),
        "submissions": [submission.name for submission in board.submissions],
    }


def _title(board: PublicBoard) -> str:
    return f"{board.label}, scored by the {board.protocol.name} protocol"


def _page(board: PublicBoard) -> Page:
    """The leaderboard of one budget and protocol; its columns are those of the reference table, if it has such rows."""
    table = board.table
    score_columns = columns(table if board.reference.empty else board.reference)
    row_levels = levels(table)
    order = [MODEL, *(level for level in row_levels if level != MODEL)]
    facts = {
        "Schedule": ", ".join(f"{key} {value}" for key, value in board.schedule.items()) or board.label,
        "Protocol": board.protocol.name,
        "Runs": f"{table['run'].nunique():,}",
        "Submissions": ", ".join(submission.name for submission in board.submissions) or "none",
    }
    return Page(
        title=_title(board),
        facts=facts,
        boards=leaderboards(table, score_columns, None, order, list(RANK_SETS)),
        levels=row_levels,
        columns=score_columns,
        metrics=sorted({column.metric for column in score_columns}),
        figures=(),
        pictures=(),
        commands=[*(submission.record["command"] for submission in board.submissions), "python -m bench board"],
        files=DOWNLOADS,
    )


def _index(boards: Sequence[PublicBoard]) -> Iterator[Html]:
    yield tag(
        "header",
        tag("p", "Leaderboards of learned representations", class_="kicker"),
        tag("h1", "Public board"),
        tag("p", "Rows of different budget or protocol are never ranked together: each has a board of its own."),
    )
    yield tag("main", *_sections(boards))


def _sections(boards: Sequence[PublicBoard]) -> Iterator[Html]:
    rows = [
        [tag("a", _title(b), href=f"{b.key}/index.html"), f"{b.table['model'].nunique():,}",
         f"{b.table['run'].nunique():,}", f"{len(b.submissions):,}"]
        for b in boards
    ]  # fmt: skip
    heads = ("budget and protocol", "rows", "runs", "submissions")
    yield tag("section", tag("h2", "Boards"), _table(heads, rows), id="boards", tabindex="-1")
    submissions = {s.name: s for board in boards for s in board.submissions}
    if submissions:
        yield tag("section", tag("h2", "Submissions"), *map(_submission, submissions.values()), id="submissions")
    yield tag("section", tag("h2", "Published elsewhere"), *_published(items()), id="published")


def _submission(submission: Submission) -> Html:
    record = submission.record
    links = {key: record[key] for key in ("contact", "paper", "code")}
    facts = [tag("div", tag("dt", key), tag("dd", _link(value))) for key, value in links.items() if value]
    codes_note = "with its codes" if submission.codes.exists() else "without codes"
    facts.append(tag("div", tag("dt", "made"), tag("dd", f"{record['made']}, {codes_note}")))
    if "codes" in record:
        part = record["codes"]
        facts.append(tag("div", tag("dt", f"sha256 of {part['file']}"), tag("dd", tag("code", part["sha256"]))))
    command = tag("pre", tag("code", record["command"]), tabindex="0")
    return tag("article", tag("h3", submission.name), tag("dl", *facts, class_="facts"), command)


def _link(text: str) -> Html:
    return tag("a", text, href=text, rel="nofollow noreferrer") if text.startswith(LINKS) else join(text)


def _published(published_items: Sequence[Item]) -> Iterator[Html]:
    """Scores that papers print; not ranked, because protocols and budgets differ from paper to paper."""
    yield tag(
        "p",
        "Scores that papers print of models that they trained and scored by themselves: another protocol, often "
        "another budget. They are not ranked, and stand beside no row of the boards above.",
    )
    for item in published_items:
        if item.quantity in OF_SCORES:
            for dataset, matrix in item.values.items():
                rows = [
                    [model_title(name), *("–" if v is None else f"{v * item.scale:.3f}" for v in values)]
                    for name, values in zip(item.rows, matrix, strict=True)
                ]
                source = item.source
                link = tag("a", source["title"], href=source["url"]) if "url" in source else join(source["title"])
                yield tag("h3", f"{item.title}, {dataset}")
                yield tag("p", link, f", {item.where} ({item.exactness})")
                if "defect" in source:
                    yield tag("p", tag("b", "Known defect. "), source["defect"])
                yield _table(("model", *item.columns), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Html:
    first = tag("th", heads[0], scope="col", class_="name")
    head = tag("thead", tag("tr", first, *(tag("th", name, scope="col") for name in heads[1:])))
    body = [
        tag("tr", tag("th", row[0], scope="row", class_="name"), *(tag("td", cell) for cell in row[1:])) for row in rows
    ]
    return tag("div", tag("table", head, tag("tbody", *body)), class_="scroll")
