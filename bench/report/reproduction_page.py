"""The page of the reproduction report, in Markdown."""

import re
from collections import Counter
from math import isfinite

import pandas as pd

from bench.analysis.names import dataset_title, model_title, title
from bench.analysis.published.numbers import Item
from bench.escaping import markdown, markdown_code
from bench.study.plan import Plan


def write_page(
    table: pd.DataFrame, plan: Plan, compared: list[tuple[Item, pd.DataFrame]], with_figure: list[str]
) -> str:
    """The page with every item: its source, its verdict, its figure if it has one, its numbers.

    `compared` has each item with its numbers, as `bench.analysis.published.reproduction.reproduce` gives them.
    """
    runs = table.drop_duplicates("run")
    labels = ", ".join(f"{n} of {label}" for label, n in Counter(runs["schedule"]).most_common())
    head = (
        f"# {markdown(plan.title)} beside published numbers\n\n"
        f"Behind ours: {len(runs)} runs ({markdown(labels or 'none')}), scored under the "
        f"**{markdown(plan.protocol.name)}** protocol. "
        "Ours and theirs are both estimates: a number is *covered* where our 95 % interval, widened by "
        "sqrt(1 + n / 50) for n seeds a setting of ours and 50 of theirs, and by the precision of print, has it. Of "
        "two studies of one population 5 % of the numbers are not covered. It is *not comparable* where ours or its "
        "interval is missing or rests on another schedule; both are shown all the same.\n\n"
        "Every number, also of what is not here: [reproduction.csv](reproduction.csv). "
        f"Remake it with {markdown_code(f'python -m bench analyze study={plan.name}')}."
    )
    return "\n\n".join([head, *(_section(item, numbers, with_figure) for item, numbers in compared)]) + "\n"


def _section(item: Item, numbers: pd.DataFrame, with_figure: list[str]) -> str:
    source = item.source.get("url", "")
    lines = [
        f"## {name(item)}",
        f"{item.source['title']}{f' ({source})' if source else ''}, {item.where}; {item.exactness}. {item.quantity}.",
        f"**{markdown(verdicts(numbers))}**",
    ]
    comparable = numbers.dropna(subset="ours")
    if comparable.empty:
        return "\n\n".join(lines)
    if item.name in with_figure:
        lines.append(f"![{item.title}](figures/reproduction_{item.name}.png)")
    if len(comparable) < len(numbers):
        lines.append(f"{len(numbers) - len(comparable)} of {len(numbers)} numbers have none of ours beside them.")
    lines.append(_rows(item, comparable))
    return "\n\n".join(lines)


def _rows(item: Item, comparable: pd.DataFrame) -> str:
    digits = 0 if item.tolerance >= 0.5 else 1 if item.scale < 1 else 3
    lines = [
        "| data set | row | column | published | ours [95 %] | difference | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for n in comparable.itertuples():
        ends = f" [{n.low:z.{digits}f}, {n.high:z.{digits}f}]" if isfinite(n.low) else ""
        ours = f"{n.ours:z.{digits}f}{ends}"
        names = " | ".join(map(markdown, (dataset_title(n.dataset), label(item, n.row), label(item, n.column))))
        lines.append(f"| {names} | {n.published:g} | {ours} | {n.difference:+z.{digits}f} | {n.verdict} |")
    return "\n".join(lines)


def label(item: Item, key: str) -> str:
    """The title of a row or a column of an item."""
    if key in item.source.get("study", {}).get("models", ()):
        return model_title(key)
    return f"strength {key}" if key.isdigit() else title(key).replace("dataset", "data set")


def name(item: Item) -> str:
    """The title of an item and its place in the paper, which is named unless it is that of the study."""
    place = item.where.partition(";")[0]
    paper = "" if "study" in item.source else f"{re.split('[,:]', item.source['title'])[0]}, "
    return f"{item.title} ({paper}{place})"


def verdicts(numbers: pd.DataFrame) -> str:
    """How many numbers are covered, or why none can be compared."""
    counts = numbers["verdict"].value_counts()
    judged = counts.get("covered", 0) + counts.get("not covered", 0)
    if not judged:
        return f"not comparable: {reasons(numbers)}"
    expected = f"{0.05 * judged:.2g} expected of two studies of one population"
    return (
        f"{counts.get('covered', 0)} of {len(numbers)} covered; {counts.get('not covered', 0)} not covered, {expected}"
    )


def reasons(numbers: pd.DataFrame) -> str:
    """Why numbers cannot be compared; if we have some of them, the reasons of those alone."""
    comparable = numbers.dropna(subset="ours")
    return "; ".join(dict.fromkeys(r for r in (numbers if comparable.empty else comparable)["reason"] if r))
