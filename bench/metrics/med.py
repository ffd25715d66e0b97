"""Mutual-information entropy disentanglement, for codes of many dimensions (Cao et al. 2022)."""

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Floats, Score, metric
from bench.metrics.parts.concentration import concentration, row_concentrations
from bench.metrics.parts.information_table import information_table


@metric(
    version=1,
    reads="points",
    min_factors=2,
    scores={
        "med_disentanglement": Score(0, 1, title="MED"),
        "med_completeness": Score(0, 1, title="MED completeness"),
        "med_top1_disentanglement": Score(0, 1, title="MED of the best dims"),
        "med_top1_completeness": Score(0, 1, title="MED completeness of the best dims"),
    },
    headline="med_disentanglement",
    invariant_to=("scale", "sign"),  # equal-width bins follow both maps, except for values on an edge
    falls_under_rotation=True,
    paper="Cao et al. 2022, arXiv:2206.04756",
)
def med(codes: ArrayLike, factors: ArrayLike, *, num_bins: int = 20) -> dict[str, float]:
    """DCI's disentanglement and completeness with mutual information in place of importances: no model is fitted.

    R_dk = I(z_d; v_k) / sum_d I(z_d; v_k), with codes in `num_bins` equal-width bins; the scores of R are those of
    `dci`. "med_top1_*" read one row of R per factor: of the rows with their largest entry in the factor's column, the
    most disentangled. Rows are not normalised again, and the entropies of completeness have the number of these rows as
    base.

    Constant dimensions are left out, because they would raise the base of completeness. A code of one dimension is
    complete by convention. A factor that no dimension is informative about counts as much as any other; its column of R
    is binning noise. If that holds for all factors, all four scores are 0. Factors with a single value are left out.

    Args:
        codes: (N, D).
        factors: (N, F) class indices, F >= 2.
        num_bins: bins of each code dimension.

    Raises:
        ValueError: bad codes, factors or number of bins.
        SkippedError: fewer than two factors vary.

    Example:
        >>> factors = np.random.default_rng(0).integers(0, 4, (1000, 2))
        >>> round(med(factors.astype(float), factors)["med_top1_completeness"], 2)
        0.96
    """
    table = information_table(codes, factors, num_bins, least_factors=2)
    information = table.information[table.of_dims > 0]
    mass = information.sum(axis=0)
    shares = np.divide(information, mass, out=np.zeros_like(information), where=mass > 0)
    best = _best_of_each_factor(shares)
    return {
        "med_disentanglement": concentration(shares),
        "med_completeness": concentration(shares.T),
        "med_top1_disentanglement": concentration(best),
        "med_top1_completeness": concentration(best.T),
    }


def _best_of_each_factor(shares: Floats) -> Floats:
    """The most disentangled of the rows whose largest entry is in the same column; a column may have no such row."""
    order = np.argsort(-row_concentrations(shares), kind="stable")
    _, first = np.unique(shares.argmax(axis=1)[order], return_index=True)
    return shares[order[first]]
