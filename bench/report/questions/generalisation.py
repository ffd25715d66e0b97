"""Do disentangled codes hold what training never showed? (Montero et al. 2021, Schott et al. 2022)"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import accuracies, dataset_title, model_title, title
from bench.analysis.scores.agreement import TooFewRunsError, rank_correlations, wide
from bench.report.figures.panels import Looks, looks_of, model_keys, panel_grid, standing
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import Picture, titled
from bench.scoring.runs import HELD_OUT
from bench.study.run import ON

DISENTANGLEMENT = ("dci_disentanglement", "mig")  # the first that runs have, of all images
NOTE = (
    "Spearman's rank correlation over runs of a model trained on a split: of its {across} on images of the whole grid "
    "with its score on those that training never drew, by predictors that saw none of them. Above 0 disentangled codes "
    "hold more; of reconstruction, where lower is better, below 0. Lines: 95% interval over seeds, none below five."
)


def draw_generalisation(study: Asked) -> Iterator[NamedDrawing]:
    """A picture a data set: a panel a score of what is held out, a row a split, a mark a model.

    Raises:
        TooFewRunsError: no model has enough runs with scores of images held out and a disentanglement score.
    """
    table = study.table
    all_images, held_out = wide(table), wide(table, HELD_OUT)
    held_out = held_out[[c for c in ("reconstruction", "r2", *accuracies(held_out.columns)[-1:]) if c in held_out]]
    reference = next((name for name in DISENTANGLEMENT if name in all_images), None)
    if reference is None or held_out.dropna(how="all").empty:
        raise TooFewRunsError(
            f"runs with {' or '.join(DISENTANGLEMENT)}, and scores of images held out, are needed: study=generalise"
        )
    scores = held_out.assign(**{reference: all_images[reference]}).dropna(how="all", subset=list(held_out.columns))
    numbers, reasons = _correlations(scores, list(held_out.columns), reference)
    note = NOTE.format(across=title(reference)) + (f" Left out: {'; '.join(reasons)}." if reasons else "")
    for dataset, part in numbers.groupby("dataset", sort=False):
        yield f"generalisation_{dataset}", _drawn(part, reference, study.plan.schedules, note), part


def _correlations(scores: pd.DataFrame, names: Sequence[str], reference: str) -> tuple[pd.DataFrame, list[str]]:
    """Those of the runs of each model and split: a row a score, with the median of it on what was held out.

    Returns:
        The rows, and why models are left out.

    Raises:
        TooFewRunsError: every model is; the message has the reason of each.
    """
    parts, reasons = [], []
    for (dataset, named), runs in scores.groupby(level=["dataset", "model"], sort=False):
        known = [name for name in names if runs[name].notna().any()]
        model, _, split = named.partition(ON)
        try:
            cells = rank_correlations(runs, known, [reference])
        except TooFewRunsError as reason:
            reasons.append(f"{model_title(named)}, {dataset_title(dataset)}: {reason}")
            continue
        split = split.removeprefix("the ").removesuffix(" split") or "all images"
        medians = cells["row"].map(runs[known].median())
        parts.append(cells.assign(held_out=medians, model=model, split=split, dataset=dataset))
    if not parts:
        raise TooFewRunsError("; ".join(reasons))
    return pd.concat(parts, ignore_index=True), reasons


def _drawn(numbers: pd.DataFrame, reference: str, schedules: str, note: str) -> Picture:
    names, splits, models = (list(dict.fromkeys(numbers[c])) for c in ("row", "split", "model"))
    styles = looks_of(numbers)
    figure, axes, _ = panel_grid(len(names), 0.5 + (0.08 + 0.08 * len(models)) * len(splits), sharey=True)
    for ax, name in zip(axes, names, strict=True):
        _panel(ax, numbers[numbers["row"] == name], splits, models, styles)
        ax.set_title(f"{title(name)}, held out")
        ax.set_xlabel(f"Spearman with\n{title(reference)}")
    groups = numbers.drop_duplicates(["model", "split"])
    dataset = dataset_title(str(numbers["dataset"].iloc[0]))
    heading = f"{dataset}: combinations that training never showed, against disentanglement"
    behind = standing(int(groups["runs"].sum()), int(groups["seeds"].min()))
    titled(figure, heading, behind, schedules, note, model_keys(models, styles, line=False))
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, splits: list[str], models: list[str], styles: Looks) -> None:
    offsets = np.linspace(-0.2, 0.2, len(models)) if len(models) > 1 else [0.0]
    for model, offset in zip(models, offsets, strict=True):
        of_model, style = rows[rows["model"] == model], styles[model]
        places = [splits.index(split) + offset for split in of_model["split"]]
        ax.hlines(places, of_model["low"], of_model["high"], color=style["color"], linewidth=1)
        ax.scatter(of_model["spearman"], places, s=12, color=style["color"], marker=style["marker"], zorder=2)
    ax.axvline(0, color="0.6", linewidth=0.7, zorder=0)
    ax.set_yticks(range(len(splits)), splits)
    ax.set(xlim=(-1.05, 1.05), ylim=(len(splits) - 0.5, -0.5), xticks=[-1, -0.5, 0, 0.5, 1])
    ax.grid(axis="x", color="0.92", linewidth=0.6)
    ax.set_axisbelow(True)
