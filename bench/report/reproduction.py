"""The reproduction report: what papers print and ours beside it, as a table, a page, and a figure an item."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.agreement import TooFewRunsError
from bench.analysis.published import Item, items
from bench.analysis.reproduction import reproduce
from bench.grid import Plan
from bench.pool import Pool
from bench.report.drawings import Drawing, Outcome, code, draw_changed
from bench.report.reproduction_page import label, name, reasons, verdicts, write_page
from bench.report.style import dataset_title, footnote, new_figure, remove, save
from bench.store import digest, writing

OURS, PUBLISHED = "#0173b2", "#de8f05"  # blue and orange of the colour-blind safe palette


def draw_reproduction(table: pd.DataFrame, plan: Plan, folder: Path, pool: Pool) -> Iterator[Outcome]:
    """Write `reproduction.csv` and `reproduction.md` and draw every item that ours has numbers for.

    Yields:
        What became of the figure of each item.
    """
    compared = [(item, reproduce(item, table, plan.runs, plan.protocol)) for item in items()]
    with writing(folder / "reproduction.csv") as file:
        file.write(pd.concat([numbers for _, numbers in compared]).to_csv(index=False).encode())
    command = f"python -m bench analyze study={plan.name}"
    source = code("analysis", "metrics", "report")
    drawings = [
        Drawing(_stem(item), digest([source, repr(item), numbers.to_csv(), plan.budget, command]), (item, numbers))
        for item, numbers in compared
    ]
    draw = partial(_draw, plan.budget, folder / "figures", command)
    drawn = set()
    for outcome in draw_changed("reproduction", drawings, draw, folder, pool):
        drawn |= {outcome.name} if outcome.files else set()
        yield outcome
    with writing(folder / "reproduction.md") as file:
        file.write(write_page(table, plan, compared, [i.name for i, _ in compared if _stem(i) in drawn]).encode())


def _stem(item: Item) -> str:
    return f"reproduction_{item.name}"


def _draw(budget: str, folder: Path, command: str, item: Item, numbers: pd.DataFrame) -> list[Path]:
    """Draw one item; its files.

    Raises:
        TooFewRunsError: ours has no numbers for it.
    """
    stem = folder / _stem(item)
    there = numbers.dropna(subset="ours")
    if there.empty:
        remove(stem)
        raise TooFewRunsError(reasons(numbers))
    return save(_forest(item, there, budget), there, stem, command)


def _forest(item: Item, numbers: pd.DataFrame, budget: str) -> Figure:
    """A panel a row, a line a column: the published number and ours with its interval. One column is one panel."""
    panel, line = ("column", "row") if len(item.columns) == 1 else ("row", "column")
    shown = _whole(numbers) if item.rows == item.columns else numbers
    lines = [k for k in getattr(item, f"{line}s") if k in set(shown[line])]
    parts = list(shown.groupby(["dataset", panel], sort=False))
    figure, panels = _panels(len(parts), len(lines))
    for ax, ((dataset, key), part) in zip(panels, parts, strict=True):
        _panel(ax, part, [lines.index(k) for k in part[line]])
        place = f"{dataset_title(str(dataset))}\n" if shown["dataset"].nunique() > 1 else ""
        ax.set_title(place + label(item, str(key)) if len(parts) > 1 else "", fontsize=8.5)
    panels[0].set_yticks(range(len(lines)), [label(item, k) for k in lines])
    panels[0].set_ylim(len(lines) - 0.5, -0.5)
    letters = round(12 * (figure.get_figwidth() - 1.3))  # beside the legend
    where = ", ".join(map(dataset_title, shown["dataset"].unique())).replace("all", "all data sets")
    figure.suptitle(
        "\n".join([*wrap(f"{name(item)}, {where}", letters), *wrap(verdicts(numbers), letters)]), fontsize=9
    )
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    behind = wrap(f"ours: {_behind(numbers)}; {budget}", round(1.6 * letters))
    footnote(figure, "\n".join([item.quantity, *behind]))
    return figure


def _whole(numbers: pd.DataFrame) -> pd.DataFrame:
    """Both halves of a symmetric matrix, of which numbers hold one."""
    mirrored = numbers.rename(columns={"row": "column", "column": "row"})
    return pd.concat([numbers, mirrored])


def _panels(count: int, lines: int) -> tuple[Figure, list[Axes]]:
    """Panels with common axes, up to three abreast; the lowest of each column shows the numbers of its axis."""
    across = min(3, count)
    down = -(-count // across)
    figure = new_figure(2.9 + 1.7 * max(2, across), 1.9 + down * (0.5 + 0.19 * lines))
    axes = list(figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).flat)
    for ax in axes[count:]:
        ax.set_visible(False)
    for ax in axes[count - across : count]:
        ax.tick_params(labelbottom=True)
    return figure, axes[:count]


def _panel(ax: Axes, part: pd.DataFrame, places: list[int]) -> None:
    spread = np.stack([part["ours"] - part["low"], part["high"] - part["ours"]]).clip(min=0)
    ax.errorbar(part["ours"], places, xerr=spread, fmt="o", ms=4, lw=1.4, color=OURS, label="ours\n[95% interval]")
    ax.plot(part["published"], places, "D", ms=5, mfc="none", mec=PUBLISHED, mew=1.4, label="published")
    ax.grid(axis="y", lw=0.4, color="0.88")
    ax.set_axisbelow(True)
    if part[["ours", "published", "low"]].min(axis=None) < 0:
        ax.axvline(0, lw=0.6, color="0.5", zorder=0)


def _behind(numbers: pd.DataFrame) -> str:
    runs, seeds = numbers["runs"].astype(int), numbers["seeds"].astype(int)
    most = f"{runs.min()}" if runs.min() == runs.max() else f"{runs.min()} to {runs.max()}"
    return f"{most} runs, {seeds.min()} seeds a setting"
