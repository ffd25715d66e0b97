"""Do disentangled codes hold what training never showed? (Montero et al. 2021, Schott et al. 2022)"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import accuracies, dataset_title, model_title, title
from bench.analysis.scores.agreement import TooFewRunsError, rank_correlations, wide
from bench.analysis.scores.dead import dead_runs, dead_sentence, living_settings
from bench.analysis.scores.partial import partial_correlations
from bench.report.figures.panels import Looks, looks_of, model_keys, panel_grid, standing
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import HOLLOW, Picture, key_of, titled
from bench.scoring.runs import HELD_OUT
from bench.study.run import ON

DISENTANGLEMENT = ("dci_disentanglement", "mig")  # the first that runs have, of all images
WHOLE = " of the whole grid"  # behind the name of a score, where it is held equal
NOTE = (
    "Spearman's rank correlation over runs of a model trained on a split: of its {across} on images of the whole grid "
    "with its score on those that training never drew, by predictors that saw none of them. Above 0 disentangled codes "
    "hold more; of reconstruction, where lower is better, below 0. Hollow marks: the same given the score on the whole "
    "grid, as better codes may be better everywhere. Lines: 95% interval over seeds, none below five."
)
ALIKE = "Where a hollow mark is missing, the score ranks runs on the whole grid as it does on what was held out."


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
    names = list(held_out.columns)
    of_grid = all_images[[reference, *(name for name in names if name in all_images)]]
    of_grid = of_grid.rename(columns={name: name + WHOLE for name in names})
    scores = living_settings(held_out.join(of_grid).dropna(how="all", subset=names), dead_runs(table))
    numbers, reasons = _correlations(scores, names, reference)
    dead, partial = dead_sentence(table), numbers[numbers["given"].notna()]
    note = " ".join([
        NOTE.format(across=title(reference)), *([ALIKE] if partial["spearman"].isna().any() else []),
        *([f"{dead} Their settings are left out."] if dead else []),
        *([f"Left out: {'; '.join(reasons)}."] if reasons else []),
    ])  # fmt: skip
    for dataset, part in numbers.groupby("dataset", sort=False):
        yield f"generalisation_{dataset}", _drawn(part, reference, study.plan.schedules, note), part


def _correlations(scores: pd.DataFrame, names: Sequence[str], reference: str) -> tuple[pd.DataFrame, list[str]]:
    """Those of the runs of each model and split: a row a score, with the median of it on what was held out.

    The same row again is given the score on the whole grid.

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
            cells = rank_correlations(runs, known, [reference]).assign(given=None)
            equal = [name for name in known if name + WHOLE in runs and runs[name + WHOLE].notna().any()]
            partial = [partial_correlations(runs, [name], reference, name + WHOLE) for name in equal]
        except TooFewRunsError as reason:
            reasons.append(f"{model_title(named)}, {dataset_title(dataset)}: {reason}")
            continue
        split = split.removeprefix("the ").removesuffix(" split") or "all images"
        both = pd.concat([cells, *partial], ignore_index=True)
        medians = both["row"].map(runs[known].median())
        parts.append(both.assign(held_out=medians, model=model, split=split, dataset=dataset))
    if not parts:
        raise TooFewRunsError("; ".join(reasons))
    return pd.concat(parts, ignore_index=True), reasons


def _drawn(numbers: pd.DataFrame, reference: str, schedules: str, note: str) -> Picture:
    names, splits, models = (list(dict.fromkeys(numbers[c])) for c in ("row", "split", "model"))
    styles = looks_of(numbers)
    figure, axes, _ = panel_grid(len(names), 0.5 + (0.12 + 0.16 * len(models)) * len(splits), sharey=True)
    for ax, name in zip(axes, names, strict=True):
        _panel(ax, numbers[numbers["row"] == name], splits, models, styles)
        ax.set_title(f"{title(name)}, held out")
        ax.set_xlabel(f"Spearman with\n{title(reference)}")
    groups = numbers.drop_duplicates(["model", "split"])
    dataset = dataset_title(str(numbers["dataset"].iloc[0]))
    heading = f"{dataset}: combinations that training never showed, against disentanglement"
    behind = standing(int(groups["runs"].sum()), int(groups["seeds"].min()))
    handles, labels = model_keys(models, styles, line=False)
    keys = [*handles, key_of(HOLLOW, line=False)], [*labels, "hollow: given the score on the whole grid"]
    titled(figure, heading, behind, schedules, note, keys)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, splits: list[str], models: list[str], styles: Looks) -> None:
    offsets = dict(zip(product(models, (False, True)), np.linspace(-0.26, 0.26, 2 * len(models)), strict=True))
    for (model, is_partial), part in rows.groupby(["model", rows["given"].notna()], sort=False):
        style, offset = styles[str(model)], offsets[str(model), bool(is_partial)]
        places = [splits.index(split) + offset for split in part["split"]]
        ax.hlines(places, part["low"], part["high"], color=style["color"], linewidth=1)
        ax.scatter(part["spearman"], places, s=11, facecolor="w" if is_partial else style["color"], linewidth=0.8,
                   edgecolor=style["color"], marker=style["marker"], zorder=2)  # fmt: skip
    ax.axvline(0, color="0.6", linewidth=0.7, zorder=0)
    ax.set_yticks(range(len(splits)), splits)
    ax.set(xlim=(-1.05, 1.05), ylim=(len(splits) - 0.5, -0.5), xticks=[-1, -0.5, 0, 0.5, 1])
    ax.grid(axis="x", color="0.92", linewidth=0.6)
    ax.set_axisbelow(True)
