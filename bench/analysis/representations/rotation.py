"""Every metric as a function of the angle by which a code is rotated."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.representations.identifiability import plane_rotation
from bench.metrics.base import OF_CODES, SkippedError
from bench.progress import say
from bench.scoring.runs import PUBLISHED, cells, declaration, evaluate

DEGREES = (0, 5, 10, 15, 20, 25, 30, 35, 40, 45)
ROWS = 2_000
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "beta_vae_score": {"num_train": 1000, "num_test": 500},
    "factor_vae_score": {"num_train": 1000, "num_test": 500},
    "dci": {"num_rounds": 20},
    "downstream": {"train_sizes": [100, 1000], "num_rounds": 20},
}
PROTOCOL = dataclasses.replace(
    PUBLISHED, name="rotation", num_points=ROWS, num_train=1000, num_test=1000, options=OPTIONS
)


def scores_under_rotation(
    codes: NDArray[Any], factors: NDArray[np.int64], metrics: Sequence[str], degrees: Sequence[float] = DEGREES
) -> pd.DataFrame:
    """A row for each score and angle: metric, name, degrees, score; from small samples, for the metrics that apply.

    A metric that fails is reported and left out.

    Args:
        codes: (N, D), rotated in the planes of dimensions 0 and 1, 2 and 3, ...
        factors: (N, F).
        metrics: names.
        degrees: angles.
    """
    rows: list[dict[str, Any]] = []
    left_out: set[str] = set()
    for angle in degrees:
        rotated = codes @ plane_rotation(codes.shape[1], angle).T
        for metric in (m for m in metrics if m not in left_out):
            try:
                rows += [{"degrees": angle} | row for row in _scores(metric, rotated, factors)]
            except Exception as fault:
                left_out.add(metric)
                say(f"{metric} is left out: {type(fault).__name__}: {fault}")
    return pd.DataFrame(row for row in rows if row["metric"] not in left_out)


def _scores(metric: str, codes: NDArray[Any], factors: NDArray[np.int64]) -> list[dict[str, Any]]:
    if declaration(metric).reads not in OF_CODES:
        return []
    (cell,) = cells([metric], PROTOCOL)
    try:
        values, _ = evaluate(cell, codes, factors, "rotation")
    except SkippedError:
        return []
    headline = declaration(metric).headline
    names = [headline] if headline else [n for n in values if "/" not in n]
    return [{"metric": metric, "name": n, "score": values[n]} for n in names]
