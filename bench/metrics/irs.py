"""Interventional robustness score (Suter et al. 2019)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Ints, Score, check_codes, check_factors, metric, varying
from bench.metrics.parts.information import dense, discretise


@metric(
    version=1,
    reads="points",
    scores={"irs": Score(-1, 1, title="IRS")},
    headline="irs",
    invariant_to=("sign",),  # not to scale: dimensions are weighted by their range
    falls_under_rotation=True,
    paper="Suter et al. 2019, arXiv:1811.00007",
)
def irs(codes: ArrayLike, factors: ArrayLike, *, num_bins: int = 20, diff_quantile: float = 0.99) -> dict[str, float]:
    """How little each dimension varies while one factor is fixed and the other factors vary.

    IRS_d = max_k 1 - mean_v Q(|z_d - E[z_d | v_k = v]| given v_k = v) / max |z_d - E[z_d]|, with Q the `diff_quantile`
    over rows; the score is the mean over dimensions weighted by max |z_d - E[z_d]|. Factors of more than `num_bins`
    values are binned. Constant dimensions and factors with a single value are left out; a code of constant dimensions
    alone scores 0.

    Deviations within one value can exceed those from the overall mean, so unusual codes of few rows can score below 0.

    Args:
        codes: (N, D).
        factors: (N, F) class indices.
        num_bins: equal-width bins of each factor's classes, which are numbered without gaps.
        diff_quantile: quantile of the deviations that represents the worst case, 0 to 1.

    Raises:
        ValueError: bad codes, factors, number of bins or quantile.
        SkippedError: no factor varies.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> irs(factors.astype(float), factors)["irs"]
        1.0
    """
    array = check_codes(codes, min_rows=2)
    classes = check_factors(factors, len(array))
    if not 0 <= diff_quantile <= 1:
        raise ValueError(f"diff_quantile must be between 0 and 1, got {diff_quantile!r}")
    binned = discretise(dense(classes)[:, varying(classes)].astype(np.float64), num_bins)
    alive = array[:, np.ptp(array, axis=0) > 0]
    if alive.shape[1] == 0:
        return {"irs": 0.0}
    largest = np.abs(alive - alive.mean(axis=0)).max(axis=0)
    moved = np.stack([_moved(alive, column, diff_quantile) for column in binned.T])
    robustness = 1 - (moved / largest).min(axis=0)
    weights = largest / largest.max()
    return {"irs": float(np.clip(robustness @ weights / weights.sum(), -1, 1))}


def _moved(codes: Floats, values: Ints, quantile: float) -> Floats:
    """The quantile of |z_d - mean of the rows of one factor value|, averaged over values: (D,)."""
    groups = [codes[values == value] for value in np.unique(values)]
    return np.mean([np.quantile(np.abs(g - g.mean(axis=0)), quantile, axis=0) for g in groups], axis=0)
