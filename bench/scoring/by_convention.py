"""What `bench.score` gives for `convention=`: the scores that another repository's code gives, of the same rows."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench import conventions
from bench.metrics.base import Floats, Ints, SkippedError
from bench.scoring.runs import SIZES, Cell, check_width, declaration, rows_of


def metrics_of(convention: str, metrics: Sequence[str] | None) -> list[str]:
    """The metrics that are scored by a convention: those that are asked for, or, for None, all that it has.

    Raises:
        UnknownNameError: no metric, or one that was asked for, has it; the message has the conventions there are.
    """
    return [found.metric for found in conventions.find(convention, metrics)]


def score_by(convention: str, metric: str, codes: Floats, factors: Ints | None, seed: int) -> dict[str, float]:
    """Score name -> value, of the rows that the metric itself reads; "all" of them where that code reads all.

    Raises:
        SkippedError: there are no factors, the codes are too wide, or that code gives no number; the message says why.
    """
    if factors is None:
        raise SkippedError(f"{metric} needs factors")
    (found,) = conventions.find(convention, [metric])
    declared = replace(declaration(metric), reads=found.reads)
    check_width(declared, codes.shape[1])
    sizes = {size: getattr(declared, size) for size in SIZES[found.reads]}
    cell = Cell(metric, declared.version, "mean", sizes, {}, None)
    rows = rows_of(cell, declared, len(codes), f"seed {seed}").values()
    with np.errstate(), warnings.catch_warnings():
        try:
            return found.scores(*(array[part] for part in rows for array in (codes, factors)), seed=seed)
        except SkippedError as reason:
            raise SkippedError(f"{metric} by the convention {convention}: {reason}") from reason
