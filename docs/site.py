"""What the site has beside the pages of this folder: pages made from declarations, and files from elsewhere.

mkdocs calls `on_files` and `on_page_markdown` (`hooks:` in mkdocs.yml). A metric, a model, a data set and a study each
have a page that is made from its declaration, its docstring and its configuration. A page of the repository that lies
outside this folder stands on the site under the name that `ELSEWHERE` gives it.
"""

import inspect
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bench import data, registry
from bench.metrics.base import RANK_SETS

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {  # file of the repository -> page of the site
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "datasets/README.md": "data.md",
    "results/README.md": "results.md",
    "results/trained/README.md": "trained.md",
    "results/reference/README.md": "reference_table.md",
    "benchmarks/README.md": "benchmarks.md",
}
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^)#\s]+)((?:#[^)]*)?)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add what does not lie in this folder."""
    from mkdocs.structure.files import File

    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for picture in sorted((ROOT / "results" / "pictures").glob("*.png")):
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    for page, text in pages():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to files of the repository into links of the site."""
    origin = {name: source for source, name in ELSEWHERE.items()}.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return relinked(markdown, origin, page.file.src_uri)


def relinked(markdown: str, source: str, page: str) -> str:
    """A page's text with its relative links as they have to be on the site; of a link that leaves it, the text is left.

    Args:
        markdown: the text.
        source: where the page lies in the repository.
        page: where it lies on the site.
    """

    def of_site(match: re.Match[str]) -> str:
        text, link, anchor = match.groups()
        if ":" in link:
            return match[0]
        there = _on_site(posixpath.normpath(posixpath.join(posixpath.dirname(source), link)))
        return (
            text if there is None else f"[{text}]({posixpath.relpath(there, posixpath.dirname(page) or '.')}{anchor})"
        )

    return _LINK.sub(of_site, markdown)


def _on_site(target: str) -> str | None:
    """Where a file or folder of the repository lies on the site; None: it is not there."""
    readme = f"{target}/README.md" if (ROOT / target).is_dir() else target
    if readme in ELSEWHERE:
        return ELSEWHERE[readme]
    if target.startswith("results/pictures/"):
        return target.removeprefix("results/")
    return target.removeprefix("docs/") if target.startswith("docs/") else None


def pages() -> Iterator[tuple[str, str]]:
    """Every page that is made from a declaration: where it lies, and its text; first a list of each kind."""
    for kind, names, page in (
        ("metrics", registry.names("metrics"), metric_page),
        ("models", registry.names("models"), model_page),
        ("datasets", data.packaged(), dataset_page),
        ("studies", sorted(p.stem for p in (ROOT / "conf" / "study").glob("*.yaml") if p.stem != "custom"), study_page),
    ):
        texts = {name: page(name) for name in names}
        heads = {name: text.partition("\n")[0].removeprefix("# ") for name, text in texts.items()}
        listed = [f"* [{head}]({kind}/{name}.md)" + f": `{name}`" * (head != name) for name, head in heads.items()]
        yield (
            f"pages/{kind}.md",
            f"# {'Data sets' if kind == 'datasets' else kind.capitalize()}\n\n" + "\n".join(listed) + "\n",
        )
        for name, text in texts.items():
            yield f"pages/{kind}/{name}.md", text


def metric_page(name: str) -> str:
    """What a metric declares, and what its function says."""
    function = registry.load("metrics", name)
    declared = function.metric
    ways = {True: "higher is better", False: "lower is better", None: "neither is better"}
    rows = [
        f"| `{score}` | {of.low:g} to {of.high:g} | {ways[of.higher_is_better]} | {', '.join(of.ranks) or 'none'} |"
        for score, of in declared.scores.items()
    ]
    facts = {
        "Paper": declared.paper,
        "Version": declared.version,
        "Reads": declared.reads,
        "Headline": f"`{declared.headline}`" if declared.headline else "none",
        "Invariant to": ", ".join(declared.invariant_to) or "nothing is claimed",
        "Falls under rotation": "yes" if declared.falls_under_rotation else "nothing is claimed",
    }
    sets = ", ".join(f"{key} ({what})" for key, what in RANK_SETS.items())
    table = ["| score | range | | rank sets |", "|---|---|---|---|", *rows]
    definition = f"{name}({_parameters(function)})\n\n{inspect.getdoc(function)}"
    head = [f"# {name}", "", *_about(inspect.getmodule(function)), "", *_facts(facts), ""]
    return "\n".join([*head, *table, "", f"Rank sets: {sets}.", "", *_fenced("Definition", "text", definition)])


def _parameters(function: Any) -> str:
    """A function's parameters with their defaults, without types."""
    bare = [p.replace(annotation=p.empty) for p in inspect.signature(function).parameters.values()]
    return str(inspect.Signature(bare))[1:-1]


def model_page(name: str) -> str:
    """What a model's class says, and its configuration."""
    learner = registry.load("models", name)
    file = ROOT / "conf" / "model" / f"{name}.yaml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    swept = settings.get("sweeps")
    facts = {
        "Name": f"`{name}`",
        "Version": settings.get("version", ""),
        "Trained by": "a method of its own" if settings.get("fitted") else "gradient steps",
        "Sweeps": f"`{swept}`: {', '.join(map(str, settings['values']))}" if swept else "nothing",
    }
    head = [f"# {settings.get('title', name)}", "", *_about(inspect.getmodule(learner)), "", *_facts(facts), ""]
    written = file.read_text(encoding="utf-8") if file.exists() else ""
    definition = _fenced("Definition", "text", inspect.getdoc(learner) or "")
    return "\n".join([*head, *definition, *_fenced(f"conf/model/{name}.yaml", "yaml", written)])


def dataset_page(name: str) -> str:
    """What a data set's card says."""
    card = data.card(name)
    factors = ", ".join(f"{f} ({n})" for f, n in zip(card.factor_names, card.factor_sizes, strict=True))
    facts = {
        "Name": f"`{name}`",
        "Images": f"{card.num_images:,} of {'x'.join(map(str, card.image_shape))}",
        "Factors": factors or "none",
        "Every combination once": "yes" if card.grid else "no",
        "Licence": card.licence,
        "Cite": card.citation,
        "Homepage": f"<{card.homepage}>" if card.homepage.startswith("http") else card.homepage,
        "Version": card.version,
    }
    return "\n".join([f"# {card.title}", "", card.description.strip(), "", *_facts(facts), ""])


def study_page(name: str) -> str:
    """What a study asks, which is the first sentence of its comments, and its configuration with all of them."""
    text = (ROOT / "conf" / "study" / f"{name}.yaml").read_text(encoding="utf-8")
    title = yaml.safe_load(text).get("study", {}).get("title", name)
    comments = " ".join(line[2:] for line in text.splitlines()[1:] if line.startswith("# "))
    about = re.split(r"(?<=[.?]) (?=[A-Z`])", comments)[0]
    command = f"python -m bench run study={name}"
    return "\n".join(
        [f"# {title}", "", about, "", "```", command, "```", "", *_fenced(f"conf/study/{name}.yaml", "yaml", text)]
    )


def _fenced(heading: str, language: str, text: str) -> list[str]:
    return [f"## {heading}", "", f"```{language}", text.rstrip(), "```", ""]


def _about(module: Any) -> list[str]:
    return [(inspect.getdoc(module) or "").partition("\n\n")[0].replace("\n", " ")]


def _facts(facts: dict[str, Any]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {key} | {' '.join(str(value).split())} |" for key, value in facts.items())]
