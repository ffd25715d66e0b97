"""Independent sources, mixed linearly: ICA recovers them unless they are Gaussian (Comon 1994)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import gennorm

from bench.analysis.representations.identifiability import random_rotation
from bench.metrics.mig import mig
from bench.models.base import ModelError
from bench.models.ica import fast_ica

Floats = NDArray[np.float64]
SHAPES = (0.7, 1.0, 1.4, 1.7, 2.0, 2.5, 3.5, 5.0, 8.0)
DIMS = 4  # sources that are mixed
CLASSES = 8  # that a source is cut into, to be a factor


def draw_sources(shape: float, rows: int, dims: int, rng: np.random.Generator) -> Floats:
    """Independent sources of unit variance and density ~ exp(-|s / a|^shape), (N, D): 1 is Laplace, 2 is Gaussian."""
    return gennorm.rvs(shape, size=(rows, dims), random_state=rng) / gennorm.std(shape)


def classes(sources: Floats, count: int = CLASSES) -> NDArray[np.int64]:
    """Sources cut into classes of equal size: the rank of each value among its column's, (N, D)."""
    ranks = sources.argsort(axis=0).argsort(axis=0)
    return (ranks * count // len(sources)).astype(np.int64)


def amari_distance(product: Floats) -> float:
    """Distance of a matrix (D, D) from a permutation up to scale and sign: 0 for one, 1 if all entries are equal.

    Amari et al. 1996: the mean over rows and columns of (sum |p| / max |p| - 1) / (D - 1).

    Raises:
        ValueError: a row or a column of zeros.

    Example:
        >>> amari_distance(np.array([[0.0, -3.0], [0.5, 0.0]]))
        0.0
    """
    p = np.abs(product)
    if not (p.any(axis=0).all() and p.any(axis=1).all()):
        raise ValueError("a product with a row or a column of zeros maps onto nothing")
    rows = p.sum(axis=1) / p.max(axis=1) - 1
    columns = p.sum(axis=0) / p.max(axis=0) - 1
    return float((rows.sum() + columns.sum()) / (2 * len(p) * max(len(p) - 1, 1)))


def source_recovery(shapes: Sequence[float] = SHAPES, seeds: int = 5, rows: int = 10_000) -> pd.DataFrame:
    """Sources of several shapes, rotated at random and unmixed by ICA.

    Returns:
        shape, seed, amari, mig (of the unmixed sources), ceiling (MIG of the true sources), settled: whether ICA
        converged; if not, its codes are the mixtures.
    """
    return pd.DataFrame([_recovered(shape, seed, rows) for shape in shapes for seed in range(seeds)])


def _recovered(shape: float, seed: int, rows: int) -> dict[str, Any]:
    rng = np.random.default_rng([seed, round(1000 * shape)])
    sources = draw_sources(shape, rows, DIMS, rng)
    mixing = random_rotation(DIMS, rng)
    mixed = sources @ mixing.T
    try:
        unmixing, settled = fast_ica(mixed, rng, max_iter=500), True
    except ModelError:
        unmixing, settled = np.eye(DIMS), False
    recovered, best = (mig(codes, classes(sources))["mig"] for codes in (mixed @ unmixing.T, sources))
    distance = amari_distance(unmixing @ mixing)
    return {"shape": shape, "seed": seed, "amari": distance, "mig": recovered, "ceiling": best, "settled": settled}
