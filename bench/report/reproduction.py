"""The reproduction report: what papers print and ours beside it, as a table, a page, and a figure an item."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.names import title
from bench.analysis.published import Item, items
from bench.analysis.reproduction import reproduce
from bench.grid import Plan
from bench.report.reproduction_page import name, reasons, verdicts, write_page
from bench.report.style import dataset_title, footnote, new_figure, remove, save
from bench.store import writing

OURS, PUBLISHED = "#0173b2", "#de8f05"  # blue and orange of the colour-blind safe palette


def draw_reproduction(table: pd.DataFrame, plan: Plan, folder: Path) -> Iterator[str]:
    """Write `reproduction.csv` and `reproduction.md` and draw every item that ours has numbers for.

    Yields:
        A line an item: where its figure is, or why it was not drawn.
    """
    compared = [(item, reproduce(item, table, plan.runs, plan.protocol)) for item in items()]
    with writing(folder / "reproduction.csv") as file:
        file.write(pd.concat([numbers for _, numbers in compared]).to_csv(index=False).encode())
    drawn = []
    for item, numbers in compared:
        stem = folder / "figures" / f"reproduction_{item.name}"
        there = numbers.dropna(subset="ours")
        if there.empty:
            remove(stem)
            yield f"{stem.name}: not drawn: {reasons(numbers)}"
        else:
            figure = _forest(item, there, plan.budget)
            drawn.append(item.name)
            yield f"{stem.name}: {save(figure, there, stem, f'python -m bench analyze study={plan.name}')[1]}"
    page = folder / "reproduction.md"
    with writing(page) as file:
        file.write(write_page(table, plan, compared, drawn).encode())
    yield f"reproduction: {page}"


def _forest(item: Item, numbers: pd.DataFrame, budget: str) -> Figure:
    """A panel a row and data set, a line a column: the published number, ours with its interval."""
    panels = list(numbers.groupby(["dataset", "row"], sort=False))
    columns = [c for c in item.columns if c in set(numbers["column"])]
    across = min(3 if len(columns) > 3 else 4, len(panels))
    down = -(-len(panels) // across)
    figure = new_figure(1.5 + 1.75 * max(2, across), 1.35 + down * (0.55 + 0.19 * len(columns)))
    axes = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    for ax, ((dataset, row), part) in zip(axes.flat, panels, strict=False):
        _panel(ax, part, columns)
        place = "" if numbers["dataset"].nunique() == 1 else f"{dataset_title(str(dataset))}: "
        ax.set_title(f"{place}{title(str(row))}", fontsize=8.5)
    axes[0, 0].set_yticks(range(len(columns)), [title(c) for c in columns])
    axes[0, 0].set_ylim(len(columns) - 0.5, -0.5)
    for ax in axes[:, -1] if down == 1 else axes.flat[len(panels) - across : len(panels)]:
        ax.tick_params(labelbottom=True)
    figure.suptitle(f"{name(item)}\n{verdicts(numbers)}", fontsize=9)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    footnote(figure, f"{item.quantity}\nours: {_behind(numbers)}; {budget}")
    return figure


def _panel(ax: Axes, part: pd.DataFrame, columns: list[str]) -> None:
    places = [columns.index(c) for c in part["column"]]
    spread = np.stack([part["ours"] - part["low"], part["high"] - part["ours"]]).clip(min=0)
    ax.errorbar(part["ours"], places, xerr=spread, fmt="o", ms=4, lw=1.4, color=OURS, label="ours [95% interval]")
    ax.plot(part["published"], places, "D", ms=5, mfc="none", mec=PUBLISHED, mew=1.4, label="published")
    ax.grid(axis="y", lw=0.4, color="0.88")
    ax.set_axisbelow(True)
    if part[["ours", "published", "low"]].min(axis=None) < 0:
        ax.axvline(0, lw=0.6, color="0.5", zorder=0)


def _behind(numbers: pd.DataFrame) -> str:
    runs, seeds = numbers["runs"].astype(int), numbers["seeds"].astype(int)
    most = f"{runs.min()}" if runs.min() == runs.max() else f"{runs.min()} to {runs.max()}"
    return f"{most} runs, {seeds.min()} seeds a setting"
