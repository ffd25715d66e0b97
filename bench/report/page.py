"""The leaderboard as one self-contained HTML page: boards, figures, pictures, definitions, commands."""

import base64
import hashlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pandas as pd

from bench import registry
from bench.analysis.board.board import Column
from bench.analysis.names import model_title, title
from bench.analysis.scores.agreement import MIN_SEEDS
from bench.metrics.base import Metric, Score
from bench.report.board_table import board_table, board_title
from bench.report.gallery import Picture, gallery
from bench.report.markup import Html, join, tag


@dataclass(frozen=True)
class Page:
    """What the page shows."""

    title: str
    facts: Mapping[str, str]  # what was run, at what budget
    boards: Mapping[str, pd.DataFrame]  # level -> boards, as `leaderboard` gives them
    columns: Sequence[Column]
    metrics: Sequence[str]
    figures: Sequence[Picture]
    pictures: Sequence[Picture]  # of models
    commands: Sequence[str]
    files: Mapping[str, str]  # name -> what it is; beside the page


def render(page: Page) -> str:
    """The page as HTML. It asks for nothing from anywhere; its policy forbids what is not its own script and style."""
    here = Path(__file__)
    style, script = (here.with_suffix(s).read_text(encoding="utf-8") for s in (".css", ".js"))
    body = join(_header(page), tag("main", *_sections(page)))
    return Template(here.with_suffix(".html").read_text(encoding="utf-8")).substitute(
        title=join(page.title),
        style=style,
        style_hash=_fingerprint(style),
        script=script,
        script_hash=_fingerprint(script),
        body=body,
    )


def _fingerprint(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _header(page: Page) -> Html:
    facts = [tag("div", tag("dt", k), tag("dd", v)) for k, v in page.facts.items()]
    links = [tag("li", tag("a", name, href=f"#{anchor}")) for name, anchor in _contents(page)]
    return tag(
        "header",
        tag("p", "Leaderboard of learned representations", class_="kicker"),
        tag("h1", page.title),
        tag("dl", *facts, class_="facts"),
        tag("nav", tag("ul", *links), aria_label="Contents"),
    )


def _contents(page: Page) -> Iterator[tuple[str, str]]:
    yield "Boards", "boards"
    if page.figures:
        yield "Figures", "figures"
    if page.pictures:
        yield "Pictures of models", "models"
    yield "Metrics", "metrics"
    yield "Commands", "commands"


def _sections(page: Page) -> Iterator[Html]:
    yield tag("section", tag("h2", "Boards"), *_boards(page), id="boards", tabindex="-1")
    if page.figures:
        yield gallery("Figures", "figures", page.figures)
    if page.pictures:
        yield gallery("Pictures of models", "models", page.pictures)
    yield _definitions(page.metrics)
    commands = tag("pre", tag("code", "\n".join(page.commands)), tabindex="0", role="region", aria_label="Commands")
    yield tag("section", tag("h2", "Commands"), tag("p", "What made this page, in order:"), commands, id="commands")


def _boards(page: Page) -> Iterator[Html]:
    tables = [
        (board, level)
        for level, boards in page.boards.items()
        for _, board in boards.groupby(["representation", "dataset"], sort=False)
    ]
    if not tables:
        yield tag("p", "There are no scores yet.")
        return
    yield _controls(page.boards)
    yield from (board_table(board, page.columns, level, i) for i, (board, level) in enumerate(tables))
    yield from _reading()
    links = [tag("li", tag("a", name, href=name), f": {what}") for name, what in page.files.items()]
    yield tag("ul", *links, class_="files") if links else join()


def _controls(boards: Mapping[str, pd.DataFrame]) -> Html:
    every = pd.concat(boards.values())
    datasets = {d: board_title(d) for d in every["dataset"].unique()}
    levels = {"model": "models", "setting": "models at each strength"}
    models = {"": "all"} | {m: model_title(m) for m in sorted(every["model"].unique())}
    return tag(
        "form",
        _choice("Data set", "dataset", datasets),
        _choice("Representation", "representation", {r: r for r in every["representation"].unique()}),
        _choice("Rows", "level", {k: v for k, v in levels.items() if k in boards}),
        _choice("Model", "model", models),
        tag("label", "Find in names", tag("input", type="search", name="text", autocomplete="off"), class_="wide"),
        tag("button", "Reset", type="reset"),
        tag("output", id="shown", class_="wide", aria_live="polite"),
        id="controls",
        hidden=True,
        autocomplete="off",
        aria_label="Which board, which rows",
    )


def _choice(label: str, name: str, options: Mapping[str, str]) -> Html:
    if len(options) == 1:
        return tag("input", type="hidden", name=name, value=next(iter(options)))
    return tag("label", label, tag("select", *(tag("option", v, value=k) for k, v in options.items()), name=name))


def _reading() -> Iterator[Html]:
    yield tag(
        "p",
        "A score is the interquartile mean (IQM) over a model's strengths and seeds, over all data sets the mean of "
        "theirs. Small numbers are 95% intervals, from the variance of seeds within each setting; ranks are taken anew "
        f"in 1,000 draws. A model with fewer than {MIN_SEEDS} seeds of a setting has none.",
    )
    yield tag(
        "p",
        "Rank is by Borda count over the scores marked ranked: how many other rows a row beats, ties being half. By "
        "mean is the rank of the mean score: the scores as shares of their ranges. Coverage is the share of the wanted "
        "scores that is there; a row that lacks any is listed, not ranked.",
    )
    yield tag(
        "p",
        tag("b", "Bold"),
        ": the best of the ranked rows, if its interval overlaps no other row's.",
    )


def _definitions(metrics: Sequence[str]) -> Html:
    return tag("section", tag("h2", "Metrics"), tag("dl", *map(_definition, metrics), class_="metrics"), id="metrics")


def _definition(name: str) -> Html:
    function = registry.load("metrics", name)
    declared: Metric = function.metric
    heading = title(declared.headline or name)
    summary = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
    scores = [tag("li", tag("code", n), f" {_declared(s)}") for n, s in declared.scores.items()]
    return tag(
        "div",
        tag("dt", heading[0].upper() + heading[1:], tag("code", f"{name}, version {declared.version}")),
        tag("dd", summary, " ", _paper(declared.paper), tag("ul", *scores)),
    )


def _declared(score: Score) -> str:
    reading = {True: "higher is better", False: "lower is better", None: "neither is better"}[score.higher_is_better]
    return f"{score.low:g} to {score.high:g}, {reading}".replace("inf", "∞")


def _paper(paper: str) -> Html:
    """The paper, linked where it names its arXiv number."""
    match = re.search(r"arXiv:(\d{4}\.\d{4,5})", paper)
    return tag("a", paper, href=f"https://arxiv.org/abs/{match[1]}", rel="noreferrer") if match else join(paper)
