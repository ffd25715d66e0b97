"""Minimality and sufficiency, for factors that may depend on each other (Almudévar & Ortega 2025)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Score, metric
from bench.metrics.parts.information_table import information_table


@metric(
    version=1,
    reads="points",
    scores={
        "minimality": Score(0, 1, title="Minimality"),
        "sufficiency": Score(0, 1, title="Sufficiency"),
        "constant_dims": Score(0, float("inf"), None),
    },
    headline="minimality",
    invariant_to=("scale", "sign"),  # equal-width bins follow both maps, except for values on an edge
    falls_under_rotation=True,
    paper="Almudévar & Ortega 2025, arXiv:2408.07016",
)
def mutual_coverage(codes: ArrayLike, factors: ArrayLike, *, num_bins: int = 15) -> dict[str, float]:
    """The share of each dimension's entropy that one factor explains, and of each factor's that one dimension explains.

        minimality = mean_d max_k I(z_d; v_k) / H(z_d),  sufficiency = mean_k max_d I(z_d; v_k) / H(v_k),

    with codes in `num_bins` equal-width bins. Neither score subtracts a second-best value, so dependence between
    factors does not lower them. Constant dimensions have entropy 0: they are left out and counted as `constant_dims`; a
    code of constant dimensions alone has minimality 0. Factors with a single value are left out.

    Args:
        codes: (N, D).
        factors: (N, F) class indices.
        num_bins: bins of each code dimension.

    Raises:
        ValueError: bad codes, factors or number of bins.
        SkippedError: no factor varies.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> codes = np.column_stack([factors[:, 0], np.ones(1000)])
        >>> {name: round(value, 2) for name, value in mutual_coverage(codes, factors).items()}
        {'minimality': 1.0, 'sufficiency': 0.5, 'constant_dims': 1.0}
    """
    table = information_table(codes, factors, num_bins)
    live = table.of_dims > 0
    of_dims = table.information[live].max(axis=1) / table.of_dims[live]
    of_factors = table.information.max(axis=0) / table.of_factors
    return {
        "minimality": float(np.clip(of_dims.mean(), 0, 1)) if live.any() else 0.0,  # rounding can exceed 1
        "sufficiency": float(np.clip(of_factors.mean(), 0, 1)),
        "constant_dims": float(np.sum(~live)),
    }
