"""The reproduction report: our numbers beside printed ones, as a table, a page, and a figure an item."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from bench.analysis.names import dataset_title
from bench.analysis.published.numbers import Item, items
from bench.analysis.published.reproduction import reproduce
from bench.analysis.scores.agreement import TooFewRunsError
from bench.data.sampling import ALL
from bench.escaping import as_cells
from bench.pool import Pool
from bench.report.drawings import Drawing, Outcome, code, draw_changed
from bench.report.figures.heatmaps import SIGNED, Scale, heatmaps
from bench.report.figures.panels import bottom_of, left_of, panel_grid, standing
from bench.report.reproduction_page import label, name, reasons, verdicts, write_page
from bench.report.schedules import schedules_of
from bench.report.style import Picture, remove, save, titled
from bench.store.files import digest, write_text
from bench.study.plan import Plan

OURS, PUBLISHED = "#0173b2", "#de8f05"  # blue and orange of the colour-blind safe palette


def draw_reproduction(table: pd.DataFrame, plan: Plan, folder: Path, pool: Pool) -> Iterator[Outcome]:
    """Write `reproduction.csv` and `reproduction.md`, and draw every item for which we have numbers.

    Yields:
        The outcome of the figure of each item.
    """
    runs = [run for run in plan.runs if run.sampling == ALL]  # published numbers are of such
    table = table[~table["run"].isin({run.id for run in plan.runs} - {run.id for run in runs})]
    compared = [(item, reproduce(item, table, runs, plan.protocol)) for item in items()]
    every = pd.concat([numbers for _, numbers in compared])
    write_text(folder / "reproduction.csv", as_cells(every).to_csv(index=False))
    command = f"python -m bench analyze study={plan.name}"
    source, schedules = code("analysis", "metrics", "report"), schedules_of(plan, table)
    drawings = [
        Drawing(_stem(item), digest([source, repr(item), numbers.to_csv(), schedules, command]), (item, numbers))
        for item, numbers in compared
    ]
    draw = partial(_draw, schedules, folder / "figures", command)
    with_figure = set()
    for outcome in draw_changed("reproduction", drawings, draw, folder, pool):
        with_figure |= {outcome.name} if outcome.files else set()
        yield outcome
    page = write_page(table, plan, compared, [i.name for i, _ in compared if _stem(i) in with_figure])
    write_text(folder / "reproduction.md", page)


def _stem(item: Item) -> str:
    return f"reproduction_{item.name}"


def _draw(schedules: str, folder: Path, command: str, item: Item, numbers: pd.DataFrame) -> list[Path]:
    """Draw one item; return its files.

    Raises:
        TooFewRunsError: we have no numbers for it.
    """
    stem = folder / _stem(item)
    comparable = numbers.dropna(subset="ours")
    if comparable.empty:
        remove(stem)
        raise TooFewRunsError(reasons(numbers))
    return save(reproduction_figure(item, comparable, schedules), comparable, stem, command)


def reproduction_figure(item: Item, numbers: pd.DataFrame, schedules: str) -> Picture:
    """One item with our numbers: as matrices if its rows are its columns, else as points and intervals."""
    return _matrices(item, numbers, schedules) if item.rows == item.columns else _forest(item, numbers, schedules)


def _matrices(item: Item, numbers: pd.DataFrame, schedules: str) -> Picture:
    """A symmetric matrix a data set: below the diagonal our numbers, above it the published ones."""
    keys = [k for k in item.rows if k in {*numbers["row"], *numbers["column"]}]
    place = {k: i for i, k in enumerate(keys)}
    swapped = numbers["row"].map(place) < numbers["column"].map(place)
    first, second = (numbers[a].where(swapped, numbers[b]) for a, b in (("row", "column"), ("column", "row")))
    sides = [
        numbers.assign(row=second, column=first, number=numbers["ours"] * item.scale),
        numbers.assign(row=first, column=second, number=numbers["published"] * item.scale),
    ]
    every = list(product(sorted(numbers["dataset"].unique()), keys, keys))  # also the diagonal, which has no number
    cells = pd.concat(sides).set_index(["dataset", "row", "column"]).reindex(every).reset_index()
    figure = heatmaps(
        cells, "dataset", Scale("number", -100, 100, SIGNED),
        (dataset_title, lambda k: label(item, k), lambda k: label(item, k)),
    )  # fmt: skip
    low, high = numbers["low_of_difference"] - item.tolerance, numbers["high_of_difference"] + item.tolerance
    outside = ~numbers["published"].between(low, high) & low.notna()
    for ax, (_, part) in zip(figure.axes, numbers[outside].groupby("dataset"), strict=False):
        for a, b in zip(part["row"].map(place), part["column"].map(place), strict=True):
            low, high = sorted((a, b))
            ax.add_patch(Rectangle((high + 0.05, low + 0.07), 0.9, 0.86, fill=False, edgecolor="0.1", linewidth=0.9))
    heading = f"{name(item)}: below the diagonal ours, above it the published"
    framed = "Framed: the two differ by more than two studies of one population do."
    note = f"Shown: {item.quantity}. {framed} {_verdict(numbers)}"
    titled(figure, heading, _behind(numbers), schedules, note)
    return figure


def _forest(item: Item, numbers: pd.DataFrame, schedules: str) -> Picture:
    """A panel a row, a line a column: the published number and ours with its interval. A single column is one panel."""
    panel, line = ("column", "row") if len(item.columns) == 1 else ("row", "column")
    lines = [k for k in getattr(item, f"{line}s") if k in set(numbers[line])]
    parts = list(numbers.groupby(["dataset", panel], sort=False))
    figure, panels, _ = panel_grid(len(parts), 0.55 + 0.17 * len(lines), sharex=True, sharey=True)
    for ax, ((dataset, key), part) in zip(panels, parts, strict=True):
        _panel(ax, part, [lines.index(k) for k in part[line]])
        headings = [dataset_title(str(dataset))] if numbers["dataset"].nunique() > 1 else []
        headings += [label(item, str(key))] if len(getattr(item, f"{panel}s")) > 1 else []
        ax.set_title("\n".join(headings))
    for ax in bottom_of(panels):
        ax.set_xlabel(item.quantity)
    for ax in left_of(panels):
        ax.set_yticks(range(len(lines)), [label(item, k) for k in lines])
    panels[0].set_ylim(len(lines) - 0.5, -0.5)
    datasets = ", ".join(map(dataset_title, numbers["dataset"].unique())).replace("all", "all data sets")
    note = f"Shown: {item.quantity}. {_verdict(numbers)}"
    keys = max((ax.get_legend_handles_labels() for ax in panels), key=lambda found: len(found[1]))
    titled(figure, f"{name(item)}, {datasets}", _behind(numbers), schedules, note, keys)
    return figure


def _panel(ax: Axes, part: pd.DataFrame, places: list[int]) -> None:
    if part["low"].notna().any():
        ax.hlines(places, part["low"], part["high"], lw=1.4, color=OURS, label="ours: 95% interval")
    ax.plot(part["ours"], places, "o", ms=4, color=OURS, label="ours")
    ax.plot(part["published"], places, "D", ms=4.5, mfc="none", mec=PUBLISHED, mew=1.2, label="published")
    ax.grid(axis="y", lw=0.4, color="0.88")
    ax.set_axisbelow(True)
    if part[["ours", "published", "low"]].min(axis=None) < 0:
        ax.axvline(0, lw=0.6, color="0.5", zorder=0)


def _verdict(numbers: pd.DataFrame) -> str:
    """The verdict on an item as a sentence."""
    verdict = verdicts(numbers)
    return f"{verdict[:1].upper()}{verdict[1:]}."


def _behind(numbers: pd.DataFrame) -> str:
    runs, seeds = numbers["runs"].astype(int), numbers["seeds"].astype(int)
    behind = standing(runs.max(), seeds.min(), most=seeds.max())
    return behind if runs.min() == runs.max() else f"{runs.min():,} to {behind}"
