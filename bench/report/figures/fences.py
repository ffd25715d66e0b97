"""Runs that lie far beyond all others, by scores that have no bound: they are drawn at the edge of a panel."""

from collections.abc import Sequence
from math import isinf

import numpy as np
import pandas as pd

from bench.analysis.names import declared, title
from bench.values import counted

FAR = 20  # interquartile ranges beyond the quartiles
Fences = dict[str, tuple[float, float]]


def fences(scores: pd.DataFrame, names: Sequence[str]) -> Fences:
    """The lowest and the highest run that is not far, of scores that a far run would flatten to a line.

    Only the side on which a score has no bound is fenced: one R² of -1e13 hides all others.

    Args:
        scores: one row a run and one column a score, of one data set.
        names: columns.
    """
    ends = {}
    for name in names:
        score, column = declared(name), scores[name].dropna()
        if score is None or column.empty:
            continue
        first, third = column.quantile([0.25, 0.75])
        low = first - FAR * (third - first) if isinf(score.low) else -np.inf
        high = third + FAR * (third - first) if isinf(score.high) else np.inf
        near = column[column.between(low, high)]
        if first < third and len(near) < len(column):
            ends[name] = (float(near.min()), float(near.max()))
    return ends


def fenced(values: pd.Series, names: pd.Series, at: Fences) -> pd.Series:
    """Values with those of far runs moved to the fence of their score."""
    low, high = (names.map({n: ends[side] for n, ends in at.items()}).astype(float) for side in (0, 1))
    return values.clip(low.fillna(-np.inf), high.fillna(np.inf))


def fence_note(scores: pd.DataFrame, at: Fences) -> str:
    """A sentence for the caption on each score with far runs; "" if there are none."""
    parts = []
    for name, (low, high) in at.items():
        column = scores[name]
        for far, place in ((column[column < low], f"below {low:.2g}"), (column[column > high], f"above {high:.2g}")):
            if len(far):
                runs = f"{counted(len(far), 'run')}"
                furthest = far[far.abs().idxmax()]
                parts.append(f" {title(name)}: {runs} {place}, as far as {furthest:.2g}, drawn at the edge.")
    return "".join(parts)
