"""Scores against regularisation strength, a line a model."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.analysis.names import dataset_title, model_title, swept, title
from bench.analysis.scores.agreement import MIN_SEEDS
from bench.analysis.scores.strengths import against_strength, of_runs
from bench.report.figures.panels import (
    MOST_KEYS,
    Drawn,
    Looks,
    bottom_of,
    dataset_scores,
    looks_of,
    metrics_of,
    model_keys,
    panel_grid,
    shown_of,
    sizes_of,
)
from bench.report.style import titled

STRENGTH = "strength (index of its value)"
MEDIANS = "Lines: median over seeds; bands: 95% interval."


def medians_against_strength(table: pd.DataFrame, dataset: str, budget: str, every: bool = False) -> Drawn:
    """Figures 4 (left) and 15: the median of each score over seeds against strength, on one data set."""
    own = table[table["dataset"] == dataset]
    names = metrics_of(table, dataset_scores(table, dataset))
    lines = against_strength(own, names)
    names = shown_of(names, every)
    lines = lines[lines["name"].isin(names)]
    styles = looks_of(table)
    figure, axes, hole = panel_grid(len(names), 1.4, sharex=True)
    for ax, name in zip(axes, names, strict=True):
        strength_lines(ax, lines[lines["name"] == name], styles)
        ax.set_title(title(name))
        ax.locator_params(axis="y", nbins=5)
    for ax in bottom_of(axes):
        ax.set_xlabel(STRENGTH)
    keys = line_keys(lines, styles)
    rows = of_runs(own, names)
    heading = f"{dataset_title(dataset)}: scores against regularisation strength"
    note = f"{MEDIANS} {values_of(rows)}"
    said = sizes_of(rows[rows["strength"].notna()])
    titled(figure, heading, said, budget, note, keys, hole if len(keys[0]) <= MOST_KEYS else None)
    return figure, lines


def values_of(rows: pd.DataFrame) -> str:
    """Which values the strengths of each model stand for, as a sentence."""
    values = rows.dropna(subset=["strength", "value"]).drop_duplicates(["model", "strength"])
    told = []
    for model, own in values.sort_values(["model", "strength"]).groupby("model", observed=True):
        index = ", ".join(map(str, own["strength"]))
        listed = ", ".join(f"{v:g}" for v in own["value"])
        told.append(f"{model_title(str(model))} {swept(str(model)) or 'value'} {listed} ({index})")
    return f"Values (their indices): {'; '.join(told)}."


def line_keys(lines: pd.DataFrame, styles: Looks) -> tuple[list[Line2D], list[str]]:
    """The legend of `strength_lines`."""
    return model_keys(sorted(lines["model"].unique()), styles)


def strength_lines(ax: Axes, lines: pd.DataFrame, styles: Looks) -> None:
    """Medians with bands, of the rows that `analysis.strengths.against_strength` gives for one score and data set."""
    for model in sorted(lines["model"].unique()):
        line = lines[lines["model"] == model].sort_values("strength")
        ax.plot(line["strength"], line["median"], **styles[model], clip_on=False)  # marks at an edge are whole
        sure = line[line["seeds"] >= MIN_SEEDS]  # the ends of an interval of fewer are the seeds themselves
        ax.fill_between(sure["strength"], sure["low"], sure["high"], color=styles[model]["color"], alpha=0.15,
                        linewidth=0)  # fmt: skip
    ax.set_xticks(sorted(lines["strength"].unique()))
