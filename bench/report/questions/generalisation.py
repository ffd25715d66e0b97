"""Do disentangled codes hold what training never showed? (Montero et al. 2021, Schott et al. 2022)"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.names import accuracies, dataset_title, model_title, title
from bench.analysis.scores.agreement import MIN_RUNS, TooFewRunsError, wide
from bench.analysis.statistics.ranks import row_spearman
from bench.report.figures.panels import Looks, bottom_of, looks_of, model_keys, panel_grid, scatter, sizes_of
from bench.report.questions.asked import Asked, NamedDrawing
from bench.report.style import Picture, titled
from bench.scoring.runs import HELD_OUT

DISENTANGLEMENT = ("dci_disentanglement", "mig")  # the first that runs have, of all images
NOTE = (
    "A point is a run. Across: of images of the whole grid; up: of those that training never drew, by predictors that "
    "saw none of them. rho: mean over models and what they were trained on of the rank correlation "
    "over runs."
)


def draw_generalisation(study: Asked) -> Iterator[NamedDrawing]:
    """A picture for each data set, with panels for reconstruction, R2 and accuracy on held-out images.

    Raises:
        TooFewRunsError: no run has scores of images held out and a disentanglement score.
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
    scores = held_out.assign(disentanglement=all_images[reference]).dropna(how="all", subset=names).reset_index()
    for dataset, part in scores.groupby("dataset", sort=False):
        figure = _figure(part, names, reference, looks_of(table), str(dataset), study.plan.schedules)
        yield f"generalisation_{dataset}", figure, part


def _figure(
    scores: pd.DataFrame, names: Sequence[str], reference: str, styles: Looks, dataset: str, schedules: str
) -> Picture:
    figure, axes, _ = panel_grid(len(names), 2.0)
    for ax, name in zip(axes, names, strict=True):
        _panel(ax, scores.dropna(subset=[name, "disentanglement"]), name, styles)
    for ax in bottom_of(axes):
        ax.set_xlabel(title(reference))
    models = sorted(scores["model"].unique(), key=model_title)
    heading = f"{dataset_title(dataset)}: combinations that training never showed, against disentanglement"
    titled(figure, heading, sizes_of(scores), schedules, NOTE, model_keys(models, styles, line=False))
    return figure


def _panel(ax: Axes, scores: pd.DataFrame, name: str, styles: Looks) -> None:
    scatter(ax, scores["disentanglement"], scores[name], scores["model"], styles)
    rho = agreement(scores, name)
    ax.set_title(f"{title(name)}, held out\nrho {rho:.2f}" if np.isfinite(rho) else f"{title(name)}, held out")
    ax.margins(0.08)


def agreement(scores: pd.DataFrame, name: str) -> float:
    """Mean over models of the rank correlation over runs; NaN if none has `MIN_RUNS` runs that vary in both."""
    groups = [of_model for _, of_model in scores.groupby("model") if len(of_model) >= MIN_RUNS]
    correlations = [
        row_spearman(*(of_model[c].to_numpy()[None] for c in ("disentanglement", name)))[0] for of_model in groups
    ]
    known = [rho for rho in correlations if np.isfinite(rho)]
    return float(np.mean(known)) if known else np.nan
