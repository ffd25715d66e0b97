"""How public code computes scores of the same name: the list of every convention of every metric.

`bench.score(codes, factors, "mig", convention="ubisoft")` returns the number that ubisoft's code would print.
"""

from collections.abc import Sequence

from bench.conventions import (
    dci,
    dcimig,
    explicitness,
    factor_vae_score,
    irs,
    jemmig,
    linear_r2,
    mcc,
    mig,
    mig_sup,
    modularity,
    sap,
)
from bench.conventions.convention import Convention
from bench.registry import unknown

CONVENTIONS: tuple[Convention, ...] = (
    *mig.CONVENTIONS,
    *modularity.CONVENTIONS,
    *sap.CONVENTIONS,
    *dci.CONVENTIONS,
    *factor_vae_score.CONVENTIONS,
    *explicitness.CONVENTIONS,
    *mig_sup.CONVENTIONS,
    *jemmig.CONVENTIONS,
    *dcimig.CONVENTIONS,
    *irs.CONVENTIONS,
    *mcc.CONVENTIONS,
    *linear_r2.CONVENTIONS,
)


def find(convention: str, metrics: Sequence[str] | None = None) -> list[Convention]:
    """The convention of these metrics; None: of every metric that has it.

    Raises:
        UnknownNameError: no metric, or one of `metrics`, has the convention; the message lists those that exist.
    """
    candidates = [c for c in CONVENTIONS if metrics is None or c.metric in metrics]
    for metric in ("",) if metrics is None else metrics:
        having = {c.name for c in candidates if metric in ("", c.metric)}
        if convention not in having:
            raise unknown(f"convention of {metric}" if metric else "convention", convention, having)
    return [c for c in candidates if c.name == convention]


def path_to(convention: Convention) -> list[Convention]:
    """The conventions from the suite's to this one; each differs from the one before in one choice."""
    previous = [c for c in CONVENTIONS if (c.metric, c.name) == (convention.metric, convention.beside)]
    return [*path_to(previous[0]), convention] if previous else [convention]
