"""`bench.score(convention=...)`: the scores as another repository's code computes them, of the same rows."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench import conventions
from bench.metrics.base import Floats, Ints, SkippedError
from bench.scoring.runs import SIZES, Cell, check_width, declaration, rows_of


def metrics_of(convention: str, metrics: Sequence[str] | None) -> list[str]:
    """The requested metrics, or for None all that have a form by this convention.

    Raises:
        UnknownNameError: a requested metric, or every metric, lacks the convention; the message lists those it has.
    """
    return [form.metric for form in conventions.find(convention, metrics)]


def score_by(convention: str, metric: str, codes: Floats, factors: Ints | None, seed: int) -> dict[str, float]:
    """Score name -> value, of the rows that the metric itself reads, or of all rows if the other code reads all.

    Raises:
        SkippedError: there are no factors, the codes are too wide, or the other code gives no number; with the reason.
    """
    if factors is None:
        raise SkippedError(f"{metric} needs factors")
    (form,) = conventions.find(convention, [metric])
    declared = replace(declaration(metric), reads=form.reads)
    check_width(declared, codes.shape[1])
    sizes = {size: getattr(declared, size) for size in SIZES[form.reads]}
    cell = Cell(metric, declared.version, "mean", sizes, {}, None)
    selections = rows_of(cell, declared, len(codes), f"seed {seed}").values()
    with np.errstate(), warnings.catch_warnings():
        try:
            return form.scores(*(array[selection] for selection in selections for array in (codes, factors)), seed=seed)
        except SkippedError as reason:
            raise SkippedError(f"{metric} by the convention {convention}: {reason}") from reason
