"""Interventional robustness score (Suter et al. 2019) of the dimensions that are in use."""

from numpy.typing import ArrayLike

from bench.metrics.base import Score, check_codes, metric
from bench.metrics.irs import irs
from bench.metrics.parts.active import active


@metric(
    version=1,
    reads="points",
    scores={"irs_active": Score(-1, 1, title="IRS (active dims)", ranks=("intervention",))},
    headline="irs_active",
    invariant_to=("sign",),  # not to scale: a dimension is active from a deviation of 0.05
    falls_under_rotation=True,
    paper="Suter et al. 2019, arXiv:1811.00007",
)
def irs_active(
    codes: ArrayLike, factors: ArrayLike, *, num_bins: int = 20, diff_quantile: float = 0.99
) -> dict[str, float]:
    """The IRS over active dimensions alone: those whose standard deviation is at least 0.05.

    The IRS itself counts every dimension that is not constant. A nearly dead dimension moves little under any
    intervention, so a collapsed code can score 1. Here a code without active dimensions scores 0.

    Args:
        codes: (N, D).
        factors: (N, F) class indices.
        num_bins: equal-width bins of each factor's range.
        diff_quantile: quantile of the deviations that represents the worst case, 0 to 1.

    Raises:
        ValueError: bad codes, factors, number of bins or quantile.
        SkippedError: no factor varies.

    Example:
        >>> codes, factors = [[0.0, 0.01], [1.0, -0.01], [0.0, 0.02]], [[0], [1], [0]]
        >>> irs_active(codes, factors)
        {'irs_active': 1.0}
    """
    array = check_codes(codes, min_rows=2)
    active_codes = array * active(array)  # inactive dimensions become constant, and the IRS leaves constant ones out
    return {"irs_active": irs(active_codes, factors, num_bins=num_bins, diff_quantile=diff_quantile)["irs"]}
