"""The setting that represents a model: the one of the best score, or the one that an unsupervised score picks."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.board.board import Column, Row
from bench.analysis.names import UNSUPERVISED
from bench.analysis.statistics.estimates import Estimate
from bench.analysis.statistics.intervals import iqm

Settings = Mapping[Row, Estimate]  # (model, value) -> estimate from its runs


def by_each_score(settings: Settings, chosen: Sequence[Column]) -> dict[Row, Estimate]:
    """(model,) -> its scores, each from the setting with the best IQM of that score.

    Only settings that have every expected run of a score compete, or all where none has: a few living runs do not
    represent a setting. A score without a direction is missing. Picking and scoring on the same seeds is slightly
    optimistic.
    """
    picked = {}
    for model, estimates in _models(settings).items():
        points = np.stack([e.point for e in estimates])
        signs = [{True: 1.0, False: -1.0, None: np.nan}[c.declared.higher_is_better] for c in chosen]
        merit = np.where(np.isnan(points * signs), -np.inf, points * signs)
        complete = np.where(np.stack([e.coverage for e in estimates]) >= 1, merit, -np.inf)
        merit = np.where(np.isfinite(complete).any(axis=0), complete, merit)
        has_merit: NDArray[np.bool_] = np.any(np.isfinite(merit), axis=0)
        picked[model] = Estimate.of_columns(estimates, merit.argmax(axis=0), has_merit)
    return picked


def by_criterion(settings: Settings, merits: Mapping[Row, float]) -> dict[Row, Estimate]:
    """(model,) -> the scores of the setting with the highest merit; the empty estimate if no setting has a merit."""
    picked = {}
    for model, estimates in _models(settings).items():
        merit = np.array([merits.get(row, np.nan) for row in settings if row[:1] == model])
        has_merit = ~np.isnan(merit)
        empty = Estimate.empty(len(estimates[0].point))
        picked[model] = estimates[int(np.nanargmax(merit))] if has_merit.any() else empty
    return picked


def merits(scores: pd.DataFrame, criterion: str) -> dict[str, dict[Row, float]]:
    """Data set -> (model, value) -> the IQM over runs of an unsupervised score, negated if lower is better.

    Args:
        scores: as `selection.with_sampled_tc` returns them.
        criterion: one of its columns.
    """
    sign = 1 if UNSUPERVISED[criterion].higher_is_better else -1
    merit_of: dict[str, dict[Row, float]] = {}
    scored = scores[criterion].dropna()
    for (dataset, model, value), runs in scored.groupby(level=["dataset", "model", "value"], dropna=False):
        row = (model, None if pd.isna(value) else value)
        merit_of.setdefault(str(dataset), {})[row] = sign * float(iqm(runs.to_numpy()))
    return merit_of


def criteria(scores: pd.DataFrame) -> list[str]:
    """The unsupervised scores that at least one run has."""
    return [name for name in UNSUPERVISED if name in scores.columns and scores[name].notna().any()]


def _models(settings: Settings) -> dict[Row, list[Estimate]]:
    models: dict[Row, list[Estimate]] = {}
    for row, estimate in settings.items():
        models.setdefault(row[:1], []).append(estimate)
    return models
