"""Scores of codes without information, and of a perfect code that gets worse in one way at a time.

The ways are noise, rotation and duplicated dimensions. Rotated and duplicated codes have noise of 0.1 standard
deviations: for a rotated lattice of few exact values, scores would depend on bin edges, not on rotation. A metric of
groups compares the code with two others, perfect ones plus independent noise, as much as the code has and at least 0.1.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import registry
from bench.metrics.base import SkippedError
from bench.scoring.floor_codes import KINDS, floor_codes
from bench.testing.groups import group_values
from bench.testing.samples import (
    SMALLER,
    Codes,
    Factors,
    declared,
    is_ratio,
    noisy,
    perfect_codes,
    rotated,
    sample_factors,
    values,
)

if TYPE_CHECKING:
    import pandas as pd

SIZES = (3, 4, 5, 6)
ROWS = 1500
OPTIONS: Mapping[str, Any] = {**SMALLER, "num_rounds": 20, "train_sizes": [100, 400]}
NOISE = 0.1
MOST_SCORES = 4  # shown for a metric without a headline
COLUMNS = ("experiment", "x", "metric", "name", "score")


def duplicated(codes: Codes, dims: float) -> Codes:
    """Codes with copies of the first `dims` dimensions."""
    return np.hstack([codes, codes[:, : int(dims)]])


Change = Callable[[Codes, float], Codes]
EXPERIMENTS: Mapping[str, tuple[Change, float, tuple[float, ...]]] = {  # change of the codes, their noise, levels
    "nothing": (lambda codes, kind: floor_codes(tuple(KINDS)[int(kind)], *codes.shape), 0, tuple(range(len(KINDS)))),
    "noise": (noisy, 0, (0, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2)),
    "rotation": (rotated, NOISE, (0, 5, 10, 15, 20, 25, 30, 35, 40, 45)),
    "duplicates": (duplicated, NOISE, (0, 1, 2, 3, 4)),
}


def curves(names: list[str]) -> "pd.DataFrame":
    """Scores of these metrics in every experiment, a row for each point.

    Returns:
        Columns experiment, x (standard deviations of noise, degrees, number of dimensions; for "nothing" an index of
        `bench.scoring.floor_codes.KINDS`), metric, name, score. Points that a metric does not apply to are left out,
        and so are metrics of models, because they read images.

    Raises:
        UnknownNameError: no such metric.
    """
    import pandas as pd

    names = [name for name in names if declared(name).reads != "model"]
    rows = [row for name in names for experiment in EXPERIMENTS for row in _curve(name, experiment)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _curve(name: str, experiment: str) -> Iterator[tuple[str, float, str, str, float]]:
    change, noise, levels = EXPERIMENTS[experiment]
    factors = sample_factors(ROWS, sizes=SIZES)
    codes = noisy(perfect_codes(factors), noise)
    for level in levels:
        changed = change(codes, level)
        try:
            if declared(name).reads == "group":
                group_scores = group_values(name, [changed, *_others(name, experiment, level, factors)])
                scores = {key: float(numbers[0]) for key, numbers in group_scores.items()}
            else:
                scores = values(name, changed, factors, options=OPTIONS)
        except SkippedError:
            continue
        for key, value in _shown(name, scores).items():
            yield experiment, level, name, key, value


def _others(name: str, experiment: str, level: float, factors: Factors) -> Iterator[Codes]:
    """The other runs of a group."""
    noise = max(NOISE, level) if experiment == "noise" else NOISE
    for seed in range(max(3, declared(name).min_runs) - 1):
        codes = noisy(perfect_codes(factors), noise, seed)
        yield duplicated(codes, level) if experiment == "duplicates" else codes


def _shown(name: str, scores: Mapping[str, float]) -> dict[str, float]:
    """The headline score; without one, the first scores over all factors that are no ratios."""
    headline = declared(name).headline
    others = sorted(k for k in scores if "/" not in k and not is_ratio(declared(name).score(k)))
    return {key: scores[key] for key in ([headline] if headline else others[:MOST_SCORES])}


def beside(name: str) -> list[str]:
    """The metric, and MIG and DCI for comparison."""
    return list(dict.fromkeys([name, *(m for m in ("mig", "dci") if m in registry.names("metrics"))]))
