"""Which setting of a model stands for it: the one of the best score, or the one that an unsupervised score picks."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.board.board import Column, Row
from bench.analysis.names import UNSUPERVISED
from bench.analysis.statistics.estimates import Estimate
from bench.analysis.statistics.intervals import iqm

Settings = Mapping[Row, Estimate]  # (model, value) -> of its runs


def by_each_score(settings: Settings, chosen: Sequence[Column]) -> dict[Row, Estimate]:
    """(model,) -> its scores, each of the setting whose IQM is the best by that very score.

    A score of no direction is missing. What is picked and scored on the same seeds is a little too good.
    """
    found = {}
    for model, estimates in _models(settings).items():
        points = np.stack([e.point for e in estimates])
        signs = [{True: 1.0, False: -1.0, None: np.nan}[c.declared.higher_is_better] for c in chosen]
        merit = np.where(np.isnan(points * signs), -np.inf, points * signs)
        known: NDArray[np.bool_] = np.any(np.isfinite(merit), axis=0)
        found[model] = Estimate.of_columns(estimates, merit.argmax(axis=0), known)
    return found


def by_criterion(settings: Settings, merits: Mapping[Row, float]) -> dict[Row, Estimate]:
    """(model,) -> the scores of the setting of most merit; nothing, where none of its settings has a merit."""
    found = {}
    for model, estimates in _models(settings).items():
        merit = np.array([merits.get(row, np.nan) for row in settings if row[:1] == model])
        known = ~np.isnan(merit)
        nothing = Estimate.nothing(len(estimates[0].point))
        found[model] = estimates[int(np.nanargmax(merit))] if known.any() else nothing
    return found


def merits(scores: pd.DataFrame, criterion: str) -> dict[str, dict[Row, float]]:
    """Data set -> (model, value) -> the IQM over runs of an unsupervised score, turned so that more is better.

    Args:
        scores: as `selection.with_sampled_tc` gives it.
        criterion: one of its columns.
    """
    sign = 1 if UNSUPERVISED[criterion].higher_is_better else -1
    found: dict[str, dict[Row, float]] = {}
    known = scores[criterion].dropna()
    for (dataset, model, value), runs in known.groupby(level=["dataset", "model", "value"], dropna=False):
        row = (model, None if pd.isna(value) else value)
        found.setdefault(str(dataset), {})[row] = sign * float(iqm(runs.to_numpy()))
    return found


def criteria(scores: pd.DataFrame) -> list[str]:
    """The unsupervised scores that some run has."""
    return [name for name in UNSUPERVISED if name in scores.columns and scores[name].notna().any()]


def _models(settings: Settings) -> dict[Row, list[Estimate]]:
    models: dict[Row, list[Estimate]] = {}
    for row, estimate in settings.items():
        models.setdefault(row[:1], []).append(estimate)
    return models
