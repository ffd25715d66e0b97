"""Does what holds on one data set hold on another: order of settings, and settings that were picked."""

from itertools import combinations

import pandas as pd

from bench.analysis.agreement import MIN_SEEDS, TooFewRunsError, wide
from bench.analysis.datasets import agreement_across_datasets, setting_medians
from bench.analysis.names import title
from bench.analysis.significance import benjamini_hochberg
from bench.analysis.transfer import complete_grid, transfer
from bench.report.figures.heatmaps import CORRELATION, Scale, heatmaps, reading
from bench.report.figures.panels import (
    PAGE,
    POINTS,
    Drawn,
    metrics_of,
    model_keys,
    palette_of,
    rng,
    scatter,
    standing_of,
    titled,
)
from bench.report.style import dataset_title, new_figure

PERCENT = Scale("share", 0, 100, "Blues")
PAIRS = 7  # rows of the scatter: pairs of data sets


def dataset_agreement(table: pd.DataFrame, budget: str) -> Drawn:
    """Figures 4 (right) and 17: rank correlation of a metric between data sets, over medians of settings."""
    scores = wide(table)
    cells = agreement_across_datasets(scores, metrics_of(table, scores), rng())
    pairs = cells["row"] < cells["column"]
    q = cells[pairs].assign(q=benjamini_hochberg(cells.loc[pairs, "p"]))
    back = q.rename(columns={"row": "column", "column": "row"})
    cells = cells.merge(pd.concat([q, back])[["name", "row", "column", "q"]], on=["name", "row", "column"])
    cells = _with_diagonal(cells)
    words = (
        "Rank correlation between data sets of each setting's median\n"
        f"Spearman x 100, {cells['settings'].min():.0f} settings; {reading(cells, '0')}"
    )
    figure = heatmaps(cells, "name", CORRELATION, (title, dataset_title, dataset_title), words, budget)
    return figure, cells


def _with_diagonal(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells ordered as the data sets are, each data set's agreement with itself left missing."""
    order = list(dict.fromkeys([*cells["row"], *cells["column"]]))
    own = [{"name": n, "row": d, "column": d} for n in dict.fromkeys(cells["name"]) for d in order]
    both = pd.concat([cells, pd.DataFrame(own)], ignore_index=True)
    rank = {d: k for k, d in enumerate(order)}
    name = {n: k for k, n in enumerate(dict.fromkeys(cells["name"]))}
    key = both["name"].map(name) * len(order) ** 2 + both["row"].map(rank) * len(order) + both["column"].map(rank)
    return both.iloc[key.argsort(kind="stable")].reset_index(drop=True)


def dataset_scatter(table: pd.DataFrame, budget: str) -> Drawn:
    """Figure 18: medians of settings on one data set against another, a column a metric, a row a pair of data sets."""
    scores = wide(table)
    names = metrics_of(table, scores)
    parts = []
    for name in names:
        medians = setting_medians(scores, name)
        for x, y in combinations(medians.columns, 2):
            both = medians[[x, y]].dropna().set_axis(["x", "y"], axis="columns").reset_index()
            parts.append(both.assign(name=name, x_dataset=x, y_dataset=y))
    points = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if points.empty:
        raise TooFewRunsError("one data set has settings of these scores; two are needed")
    pairs = list(dict.fromkeys(zip(points["x_dataset"], points["y_dataset"], strict=True)))
    shown = pairs[:PAIRS]
    names = [n for n in names if n in set(points["name"])]
    figure = new_figure(max(4.2, min(PAGE * 1.25, 0.8 + 1.4 * len(names))), 1.3 + 1.35 * len(shown))
    axes = figure.subplots(len(shown), len(names), squeeze=False)
    palette = palette_of(table)
    for row, (x, y) in zip(axes, shown, strict=True):
        for ax, name in zip(row, names, strict=True):
            part = points[points["name"].eq(name) & points["x_dataset"].eq(x) & points["y_dataset"].eq(y)]
            if part.empty:  # one of the two has no such score
                ax.set_axis_off()
                continue
            scatter(ax, part["x"], part["y"], part["model"], palette)
            ax.set_xlabel(dataset_title(x), fontsize=7)
            ax.locator_params(axis="x", nbins=2, steps=[1, 2, 4, 5, 10])
            ax.locator_params(axis="y", nbins=4)
        next(ax for ax in row if ax.axison).set_ylabel(dataset_title(y), fontsize=7)
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(title(name), fontsize=8)
    keys = model_keys(sorted(points["model"].unique()), palette, **POINTS)
    note = f"{len(pairs) - PAIRS} more pairs are in the csv" if len(pairs) > PAIRS else ""
    titled(figure, "Medians of settings on two data sets", standing_of(scores), budget, note, keys)
    return figure, points


def transfer_of_settings(table: pd.DataFrame, budget: str) -> Drawn:
    """Tables 1 and 6: how often a setting picked by one score and seed is no worse than a random one elsewhere."""
    scores = wide(table)
    found = transfer(complete_grid(scores, metrics_of(table, scores)))
    cells = found.assign(row=found["metric"], column=found["dataset"], share=found["percent"] / 100, panel="")
    first = found.iloc[0]
    enough = first["seeds"] >= MIN_SEEDS
    spread = "; [95% interval: jackknife over seeds]" if enough else ": too few to be sure of anything"
    words = (
        f"A picked setting is no worse than a random one, % of trials\n"
        f"{first['settings']} settings, {first['seeds']} seeds{spread}"
    )
    labels = {"same": "same", "random": "another"}
    titles = (str, lambda m: f"{labels[m]} metric", lambda d: f"{labels[d]} data set")
    figure = heatmaps(cells, "panel", PERCENT, titles, words, budget)
    for text, cell in zip(figure.axes[0].texts, found.itertuples(), strict=True):
        interval = f"\n[{cell.low:.1f}, {cell.high:.1f}]" if enough else ""
        text.set_text(f"{cell.percent:.1f}{interval}")
        text.set_fontsize(7)
    return figure, found
