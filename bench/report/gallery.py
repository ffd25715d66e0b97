"""Pictures on the leaderboard page: in the paper's order, embedded, each with its caption and links to its files."""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from bench import data, registry
from bench.analysis.names import dataset_title, model_title, title
from bench.analysis.published.numbers import items
from bench.pool import Pool
from bench.report.drawings import Drawing, Outcome, code, draw_changed
from bench.report.markup import Html, tag
from bench.report.reproduction_page import name
from bench.scoring.runs import declaration
from bench.store.files import digest, sha256_of, writing

WIDEST = 1600  # pixels of a picture within the page
FOLDER = "page"  # in a study's folder: the copies that its page embeds
ORDER = ("fig", "table", "reproduction_")  # of file names; others come last
FILES = {".pdf": "pdf", ".csv": "numbers (csv)", ".gif": "moving (gif)"}


@dataclass(frozen=True)
class Picture:
    """A picture of a study and the copy that the page embeds."""

    file: Path
    copy: Path


def in_order(files: Iterable[Path]) -> list[Path]:
    """Files of pictures in the paper's order: figure 2 before figure 10."""

    def place(file: Path) -> tuple[int, list[str | int]]:
        kind = next((k for k, start in enumerate(ORDER) if file.stem.startswith(start)), len(ORDER))
        return kind, [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", file.stem)]

    return sorted(files, key=place)


def embed(folder: Path, pool: Pool) -> Iterator[Outcome]:
    """Make the page's copies of a study's pictures that have changed."""
    files = [file for kind in ("figures", "models") for file in sorted((folder / kind).glob("*.png"))]
    drawings = [
        Drawing(
            f"{file.parent.name}/{file.name}",
            digest([sha256_of(file), code("report/gallery.py"), WIDEST]),
            (file, folder),
        )
        for file in files
    ]
    return draw_changed("page", drawings, _copy, folder, pool)


def _copy(file: Path, folder: Path) -> list[Path]:
    copy = folder / FOLDER / file.parent.name / f"{file.stem}.webp"
    with Image.open(file) as picture, writing(copy) as packed:
        picture.thumbnail((WIDEST, WIDEST * 4))
        picture.convert("RGB").save(packed, "webp", lossless=True)
    return [copy]


def pictures(folder: Path, kind: str) -> list[Picture]:
    """The pictures of a kind, "figures" or "models", that have a copy, in the paper's order."""
    files = in_order((folder / kind).glob("*.png"))
    both = [Picture(file, folder / FOLDER / kind / f"{file.stem}.webp") for file in files]
    return [picture for picture in both if picture.copy.exists()]


def gallery(heading: str, anchor: str, shown: Sequence[Picture]) -> Html:
    """A section of pictures."""
    return tag("section", tag("h2", heading), tag("div", *map(_figure, shown), class_="figures"), id=anchor)


def _figure(picture: Picture) -> Html:
    file = picture.file
    heading, caption_file = title_of(file.stem), file.with_suffix(".txt")
    with Image.open(file) as original:
        command = original.info.get("Description")
    with Image.open(picture.copy) as copy:
        width, height = copy.size
    source = "data:image/webp;base64," + base64.b64encode(picture.copy.read_bytes()).decode()
    return tag(
        "figure",
        tag("img", src=source, alt=heading, width=width, height=height),
        tag(
            "figcaption",
            tag("b", heading),
            tag("p", caption_file.read_text(encoding="utf-8").strip()) if caption_file.exists() else None,
            tag("p", tag("code", command)) if command else None,
            _links(file),
        ),
    )


def _links(file: Path) -> Html:
    """Links to the files of a picture, relative to the parent of its folder."""
    existing = {s: word for s, word in {file.suffix: "png", **FILES}.items() if file.with_suffix(s).exists()}
    links = [tag("a", word, href=quote(f"{file.parent.name}/{file.stem}{s}")) for s, word in existing.items()]
    return tag("p", *(part for link in links for part in (link, " ")), class_="files")


def title_of(stem: str) -> str:
    """The title of a picture from its file name: fig2_metric_agreement, selected_runs_dsprites, dsprites_beta_vae."""
    suffix = ""
    for dataset in sorted(data.names(), key=len, reverse=True):
        if stem.startswith(f"{dataset}_"):
            return f"{dataset_title(dataset)}: {model_title(stem.removeprefix(f'{dataset}_'))}"
        if stem.endswith(f"_{dataset}"):
            stem, suffix = stem.removesuffix(f"_{dataset}"), f", {dataset_title(dataset)}"
    if stem.endswith("_all"):
        stem, suffix = stem.removesuffix("_all"), f", all metrics{suffix}"
    kinds = {"fig": "Figure", "table": "Table"}
    if match := re.fullmatch(r"(fig|table)(\d+)_(.+)", stem):
        return f"{kinds[match[1]]} {match[2]} of the paper: {_words(match[3])}{suffix}"
    if match := re.fullmatch(r"reproduction_(fig|table)(\d+)(.*)", stem):
        return f"{kinds[match[1]]} {match[2]}{_words(match[3])} of the paper beside ours"
    for item in items() if stem.startswith("reproduction_") else ():
        if stem == f"reproduction_{item.name}":
            return f"{name(item)}, beside ours"
    return f"{_words(stem)[:1].upper()}{_words(stem)[1:]}{suffix}"


def _words(stem: str) -> str:
    """The words of a file name; a metric's name is its title."""
    return " ".join(_metric(word) if word in registry.names("metrics") else word for word in stem.split("_"))


def _metric(metric: str) -> str:
    try:
        return title(declaration(metric).headline or metric)
    except registry.PluginError:
        return metric
