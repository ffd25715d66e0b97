"""Transfer between data sets: the order of settings, and settings that were picked on one of them."""

from itertools import combinations, product, zip_longest

import pandas as pd

from bench.analysis.names import dataset_title, title
from bench.analysis.scores.agreement import MIN_SEEDS, TooFewRunsError, adjusted, wide
from bench.analysis.scores.datasets import agreement_across_datasets, setting_medians
from bench.analysis.scores.transfer import complete_grid, transfer
from bench.report.figures.heatmaps import CORRELATION, Scale, heatmaps, reading
from bench.report.figures.panels import (
    Drawn,
    broken,
    in_rows,
    looks_of,
    metrics_of,
    model_keys,
    rng,
    scatter,
    shown_of,
    standing,
    standing_of,
)
from bench.report.style import PAGE, new_figure, titled

PERCENT = Scale("share", 0, 100, "Blues")
PAIRS = 7  # rows of the scatter: pairs of data sets


def dataset_agreement(table: pd.DataFrame, schedules: str, every: bool = False) -> Drawn:
    """Figures 4 (right) and 17: rank correlation of a metric between data sets, over medians of settings."""
    scores = wide(table)
    cells = agreement_across_datasets(scores, shown_of(metrics_of(table, scores), every), rng())
    cells = _with_diagonal(adjusted(cells, "name"))
    figure = heatmaps(cells, "name", CORRELATION, (title, dataset_title, dataset_title))
    note = (
        f"Spearman x 100 of the medians of {cells['settings'].min():.0f} settings or more on two data sets. "
        f"{reading(cells, '0')}"
    )
    titled(figure, "Rank correlation of a metric between data sets", standing_of(scores), schedules, note)
    return figure, cells


def _with_diagonal(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells in the order of the data sets, with missing cells on the diagonal."""
    order = list(dict.fromkeys([*cells["row"], *cells["column"]]))
    by_place = cells.set_index(["name", "row", "column"])
    places = product(dict.fromkeys(cells["name"]), order, order)
    return by_place.reindex([p for p in places if p[1] == p[2] or p in by_place.index]).reset_index()


def dataset_scatter(table: pd.DataFrame, schedules: str, every: bool = False) -> Drawn:
    """Figure 18: medians of settings on one data set against another, a column a metric, a row a pair of data sets."""
    scores = wide(table)
    parts = []
    for name in shown_of(metrics_of(table, scores), every):
        medians = setting_medians(scores, name)
        for x, y in combinations(medians.columns, 2):
            both = medians[[x, y]].dropna().set_axis(["x", "y"], axis="columns").reset_index()
            parts.append(both.assign(name=name, x_dataset=x, y_dataset=y))
    points = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if points.empty:
        raise TooFewRunsError("one data set has settings of these scores; two are needed")
    pairs = list(dict.fromkeys(zip(points["x_dataset"], points["y_dataset"], strict=True)))
    parts_of_names = in_rows(list(dict.fromkeys(points["name"])))
    shown = pairs[: max(1, PAIRS // len(parts_of_names))]
    rows = [(names, pair) for names in parts_of_names for pair in shown]
    figure = new_figure(PAGE, 0.2 * len(parts_of_names) + 1.25 * len(rows))
    axes = figure.subplots(len(rows), len(rows[0][0]), squeeze=False)
    styles = looks_of(table)
    for row, (names, (x, y)) in zip(axes, rows, strict=True):
        for ax, name in zip_longest(row, names):
            if name is not None and (x, y) == shown[0]:
                ax.set_title(broken(title(name)))
            part = points[points["name"].eq(name) & points["x_dataset"].eq(x) & points["y_dataset"].eq(y)]
            if part.empty:  # one of the two data sets lacks the score
                ax.set_axis_off()
                continue
            scatter(ax, part["x"], part["y"], part["model"], styles)
            ax.set_xlabel(dataset_title(x))
            ax.locator_params(axis="x", nbins=2, steps=[1, 2, 4, 5, 10])
            ax.locator_params(axis="y", nbins=4)
        for ax in [ax for ax in row if ax.axison][:1]:
            ax.set_ylabel(dataset_title(y))
    keys = model_keys(sorted(points["model"].unique()), styles, line=False)
    more = f" {len(pairs) - len(shown)} more pairs are in the csv." if len(pairs) > len(shown) else ""
    note = f"A point is the median over the seeds of a setting.{more}"
    titled(figure, "Medians of settings on two data sets", standing_of(scores), schedules, note, keys)
    return figure, points


def transfer_of_settings(table: pd.DataFrame, schedules: str, every: bool = False) -> Drawn:
    """Tables 1 and 6: how often a setting picked by one score and seed is no worse than a random one elsewhere."""
    scores = wide(table)
    grid = complete_grid(scores, shown_of(metrics_of(table, scores), every))
    percents = transfer(grid)
    first = percents.iloc[0]
    enough = first["seeds"] >= MIN_SEEDS
    interval = "\n[" + percents["low"].map("{:.1f}".format) + ", " + percents["high"].map("{:.1f}".format) + "]"
    text = percents["percent"].map("{:.1f}".format) + (interval if enough else "")
    cells = percents.assign(
        row=percents["metric"], column=percents["dataset"], share=percents["percent"] / 100, panel="", text=text
    )
    labels = {"same": "same", "random": "another"}
    titles = (str, lambda m: f"{labels[m]} metric", lambda d: f"{labels[d]} data set")
    figure = heatmaps(cells, "panel", PERCENT, titles)
    note = (
        f"A setting is picked by one of {len(grid.names)} scores and a seed and compared with a random one by another: "
        "every trial there is."
    )
    spread = " In brackets: 95% interval, by the jackknife over seeds." if enough else ""
    behind = standing(first["settings"], first["seeds"], "settings")
    heading = "A picked setting is no worse than a random one, %"
    titled(figure, heading, behind, schedules, f"{note}{spread}")
    return figure, percents
