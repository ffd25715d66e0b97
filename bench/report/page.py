"""The leaderboard as one self-contained HTML page: boards, figures, pictures, definitions, commands."""

import base64
import hashlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from string import Template

import pandas as pd

from bench import registry
from bench.analysis.board.board import Column
from bench.analysis.board.leaderboard import OVERALL
from bench.analysis.names import model_title, title
from bench.analysis.scores.agreement import MIN_SEEDS
from bench.metrics.base import RANK_SETS, Metric, Score
from bench.metrics.parts.active import LEAST_DEVIATION
from bench.report.board_table import board_table, board_title
from bench.report.gallery import Picture, gallery
from bench.report.markup import Html, join, tag
from bench.scoring.floor_codes import KINDS
from bench.scoring.floors import Floors
from bench.scoring.runs import HELD_OUT

Section = tuple[str, str, Html]  # its name in the contents, its anchor, itself


@dataclass(frozen=True)
class Page:
    """The content of the page."""

    title: str
    facts: Mapping[str, str]  # runs, schedules, versions
    boards: Mapping[str, pd.DataFrame]  # level -> boards, as `leaderboards` gives them; the first is shown first
    levels: Mapping[str, str]  # level -> what its rows are
    columns: Sequence[Column]
    metrics: Sequence[str]
    figures: Sequence[Picture]
    pictures: Sequence[Picture]  # of models
    commands: Sequence[str]
    files: Mapping[str, str]  # name -> description, of files beside the page
    floors: Mapping[str, Floors] = field(default_factory=dict)  # of each data set


def render(page: Page) -> str:
    """The page as HTML. It loads nothing; its content policy allows only its own script and style."""
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    sections = list(_sections(page))
    body = join(_header(page, sections), tag("main", *(section for _, _, section in sections)))
    return document(page.title, body, script)


def document(title: str, body: Html, script: str = "") -> str:
    """A whole page of HTML, with the style of the leaderboard."""
    module = Path(__file__)
    style = module.with_suffix(".css").read_text(encoding="utf-8")
    return Template(module.with_suffix(".html").read_text(encoding="utf-8")).substitute(
        title=join(title),
        style=style,
        style_hash=_fingerprint(style),
        script=script,
        script_hash=_fingerprint(script),
        body=body,
    )


def _fingerprint(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _header(page: Page, sections: Sequence[Section]) -> Html:
    facts = [tag("div", tag("dt", k), tag("dd", v)) for k, v in page.facts.items()]
    links = [tag("li", tag("a", name, href=f"#{anchor}")) for name, anchor, _ in sections]
    return tag(
        "header",
        tag("p", "Leaderboard of learned representations", class_="kicker"),
        tag("h1", page.title),
        tag("dl", *facts, class_="facts"),
        tag("nav", tag("ul", *links), aria_label="Contents"),
    )


def _sections(page: Page) -> Iterator[Section]:
    yield "Boards", "boards", tag("section", tag("h2", "Boards"), *_boards(page), id="boards", tabindex="-1")
    if page.figures:
        yield "Figures", "figures", gallery("Figures", "figures", page.figures)
    if page.pictures:
        yield "Pictures of models", "models", gallery("Pictures of models", "models", page.pictures)
    yield "Metrics", "metrics", _definitions(page.metrics, page.floors)
    words = tag("pre", tag("code", "\n".join(page.commands)), tabindex="0", role="region", aria_label="Commands")
    heading, order = tag("h2", "Commands"), tag("p", "Run in this order:")
    yield "Commands", "commands", tag("section", heading, order, words, id="commands")


def _boards(page: Page) -> Iterator[Html]:
    tables = [
        (board, level)
        for level, boards in page.boards.items()
        for _, board in boards.groupby(["representation", "dataset"], sort=False)
    ]
    if not tables:
        yield tag("p", "There are no scores yet.")
        return
    yield _controls(page.boards, page.levels)
    for i, (board, level) in enumerate(tables):
        floors = floors_below(board, page.floors)
        yield board_table(board, page.columns, level, page.levels[level], i, floors)
    yield from _reading(page)
    links = [tag("li", tag("a", name, href=name), f": {description}") for name, description in page.files.items()]
    yield tag("ul", *links, class_="files") if links else join()


def floors_below(board: pd.DataFrame, floors: Mapping[str, Floors]) -> dict[str, dict[str, float]]:
    """Kind of code -> score name -> floor on a board's data set; on the board over all data sets, the mean floor.

    A score has no mean floor if one data set lacks it; floors are of all images, not of those held out.
    """
    if board["representation"].iloc[0] == HELD_OUT:
        return {}
    dataset = board["dataset"].iloc[0]
    names = list(floors) if dataset == OVERALL else [dataset]
    shared_floors: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        parts = [floors[name].values.get(kind, {}) if name in floors else {} for name in names]
        shared = set.intersection(*map(set, parts)) if parts else set()
        if shared:
            shared_floors[kind] = {name: sum(part[name] for part in parts) / len(parts) for name in shared}
    return shared_floors


def floors_in_words(floors: Mapping[str, Floors]) -> str:
    """What a floor is, and of which codes."""
    dims = " or ".join(str(dims) for dims in sorted({of.dims for of in floors.values()}))
    of_codes = f"codes of {dims} dimensions" if dims else "codes"
    return (
        f"A floor is what {of_codes} score that hold nothing, under the same protocol and on the same factors; wider "
        "and narrower codes have others. Sampled codes of a model that encodes nothing are Gaussian noise."
    )


def _controls(boards: Mapping[str, pd.DataFrame], levels: Mapping[str, str]) -> Html:
    all_rows = pd.concat(boards.values())
    datasets = {d: board_title(d) for d in all_rows["dataset"].unique()}
    sets = {name: f"{name}: {RANK_SETS[name]}" for name in all_rows["rank_set"].unique()}
    models = {"": "all"} | {m: model_title(m) for m in sorted(all_rows["model"].unique())}
    return tag(
        "form",
        _choice("Data set", "dataset", datasets),
        _choice("Representation", "representation", {r: r for r in all_rows["representation"].unique()}),
        _choice("Rows", "level", {k: levels[k] for k in boards}),
        _choice("Ranks", "ranks", sets),
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


def _reading(page: Page) -> Iterator[Html]:
    yield tag(
        "p",
        "A score is the interquartile mean (IQM) over a model's strengths and seeds, over all data sets the mean of "
        "theirs. Small numbers are 95% intervals, from the variance of seeds within each setting; ranks are taken anew "
        f"in 1,000 draws. A model with fewer than {MIN_SEEDS} seeds of a setting has none.",
    )
    yield tag(
        "p",
        "Rank is by Borda count over the scores marked ranked, which a set of ranks chooses: how many other rows a row "
        "beats, ties being half. By "
        "mean is the rank of the mean score: the scores as shares of their ranges. Coverage is the share of the wanted "
        "scores that is there; a row that lacks any is listed, not ranked.",
    )
    yield tag(
        "p",
        f"A run is dead if no dimension of its mean codes has a standard deviation of {LEAST_DEVIATION:g} or more. "
        "Dead runs have no disentanglement score here: a row stands on its other runs, and has no interval where fewer "
        f"than {MIN_SEEDS} of a setting are left. Their accuracy counts.",
    )
    if len(page.boards) > 1:
        yield tag(
            "p",
            "At its best setting by each score, a model has every score from another setting, chosen and estimated on "
            "the same seeds: somewhat too good. A setting picked by an unsupervised score is that of its best IQM; all "
            "scores are of this setting. Intervals take the choice as given.",
        )
    floor_note = floors_in_words(page.floors)
    missing = [board_title(d) for d, floors in page.floors.items() if not floors.values]
    if missing:
        floor_note += f" Not computed yet: {', '.join(missing)}; python -m bench floors does it."
    yield tag("p", floor_note)
    yield tag(
        "p",
        tag("b", "Bold"),
        ": the best of the ranked rows, if its interval overlaps no other row's.",
    )


def _definitions(metrics: Sequence[str], floors: Mapping[str, Floors]) -> Html:
    defined = [_definition(name, floors) for name in metrics]
    return tag("section", tag("h2", "Metrics"), tag("dl", *defined, class_="metrics"), id="metrics")


def _definition(name: str, floors: Mapping[str, Floors]) -> Html:
    function = registry.load("metrics", name)
    declared: Metric = function.metric
    words = [title(n).partition(" ")[0] for n in declared.scores]  # UDR has UDR (Lasso) and no headline
    heading = title(declared.headline or next((word for word in words if word.lower() == name), name))
    summary = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
    scores = [tag("li", tag("code", n), f" {_declared(s)}") for n, s in declared.scores.items()]
    return tag(
        "div",
        tag("dt", heading[0].upper() + heading[1:], tag("code", f"{name}, version {declared.version}")),
        tag("dd", summary, " ", _paper(declared.paper), tag("ul", *scores, *_floors(declared, floors))),
    )


def _floors(declared: Metric, floors: Mapping[str, Floors]) -> Iterator[Html]:
    """The floors of a metric's headline score, or of all its scores, on each data set; or why it has none."""
    for dataset, entry in floors.items():
        if declared.name in entry.reasons:
            yield tag("li", f"No floor on {board_title(dataset)}: {entry.reasons[declared.name]}")
            continue
        names = [declared.headline] if declared.headline else _names_of(declared, entry)
        for name in names:
            values_text = ", ".join(
                f"{KINDS[kind]} {values[name]:.3f}" for kind, values in entry.values.items() if name in values
            )
            yield tag("li", "Floor of ", tag("code", name), f" on {board_title(dataset)}: {values_text}")


def _names_of(declared: Metric, floors: Floors) -> list[str]:
    names = dict.fromkeys(name for values in floors.values.values() for name in values)
    return [n for n in names if any(fnmatchcase(n, pattern) for pattern in declared.scores)]


def _declared(score: Score) -> str:
    reading = {True: "higher is better", False: "lower is better", None: "neither is better"}[score.higher_is_better]
    return f"{score.low:g} to {score.high:g}, {reading}".replace("inf", "∞")


def _paper(paper: str) -> Html:
    """The paper, with a link if it has an arXiv number."""
    match = re.search(r"arXiv:(\d{4}\.\d{4,5})", paper)
    return tag("a", paper, href=f"https://arxiv.org/abs/{match[1]}", rel="noreferrer") if match else join(paper)
