"""Scores against regularisation strength, a line a model."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import dataset_title, model_title, title
from bench.analysis.scores.agreement import MIN_SEEDS
from bench.analysis.scores.strengths import against_strength, of_runs
from bench.report.figures.fences import fence_note, fenced, fences
from bench.report.figures.panels import (
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

INDEX = "strength index"
MEDIANS = "Lines: median over seeds; bands: 95% interval, as far as a score's range."


def medians_against_strength(table: pd.DataFrame, dataset: str, schedules: str, every: bool = False) -> Drawn:
    """Figures 4 (left) and 15: the median of each score over seeds against strength, on one data set."""
    of_dataset = table[table["dataset"] == dataset]
    scores = dataset_scores(table, dataset)
    names = shown_of(metrics_of(table, scores), every)
    lines = against_strength(of_dataset, names)
    styles = looks_of(table)
    figure, axes, hole = panel_grid(len(names), 1.4, sharex=True)
    at = fences(scores, names)
    shown = lines.assign(**{c: fenced(lines[c], lines["name"], at) for c in ("median", "low", "high")})
    for ax, name in zip(axes, names, strict=True):
        strength_lines(ax, shown[shown["name"] == name], styles)
        ax.set_title(title(name))
        ax.locator_params(axis="y", nbins=5)
    values_note = strength_axis(axes, lines)
    keys = model_keys(sorted(lines["model"].unique()), styles)
    rows = of_runs(of_dataset, names)
    rows = rows[rows["strength_index"].notna()]
    heading = f"{dataset_title(dataset)}: scores against regularisation strength"
    titled(figure, heading, sizes_of(rows), schedules, f"{MEDIANS}{fence_note(scores, at)}{values_note}", keys, hole)
    return figure, lines


def strength_axis(axes: Sequence[Axes], lines: pd.DataFrame) -> str:
    """Label the axis that panels share: by the values of the hyper-parameter for one model, by indices for several.

    Args:
        axes: panels that share their x axis, on which strength indices lie.
        lines: as `analysis.strengths.against_strength` gives them, of all panels.

    Returns:
        A sentence for the caption with the values of the indices; "" if the axis has the values.
    """
    settings = lines.drop_duplicates(["model", "strength_index"]).sort_values(["model", "strength_index"])
    indices = sorted(settings["strength_index"].unique())
    if settings["model"].nunique() == 1 and settings[["hyperparameter", "value"]].notna().all(axis=None):
        name, labels, note = settings["hyperparameter"].iloc[0], [f"{v:g}" for v in settings["value"]], ""
    else:
        name, labels, note = INDEX, [str(i) for i in indices], f" {_values_of(settings)}"
    axes[0].set_xticks(indices, labels)
    for ax in bottom_of(axes):
        ax.set_xlabel(name)
    return note


def _values_of(settings: pd.DataFrame) -> str:
    """The values of each model's strength indices, as a sentence."""
    parts = []
    for model, of_model in settings.dropna(subset="value").groupby("model"):
        names = [*of_model["hyperparameter"].dropna(), "value"]
        listed, index = (", ".join(f"{v:g}" for v in of_model[c]) for c in ("value", "strength_index"))
        parts.append(f"{model_title(str(model))} {names[0]} {listed} ({index})")
    return f"Values (their indices): {'; '.join(parts)}."


def strength_lines(ax: Axes, lines: pd.DataFrame, styles: Looks) -> None:
    """Medians with bands, from the rows of `analysis.strengths.against_strength` for one score and data set."""
    for model in sorted(lines["model"].unique()):
        line = lines[lines["model"] == model].sort_values("strength_index")
        ax.plot(line["strength_index"], line["median"], **styles[model], clip_on=False)  # marks at an edge are not cut
        sure = line[line["seeds"] >= MIN_SEEDS]  # fewer have no interval
        colour = styles[model]["color"]
        if len(sure) == 1:  # its band has no width
            ax.vlines(sure["strength_index"], sure["low"], sure["high"], color=colour, alpha=0.4, linewidth=2)
        else:
            ax.fill_between(sure["strength_index"], sure["low"], sure["high"], color=colour, alpha=0.15, linewidth=0)
