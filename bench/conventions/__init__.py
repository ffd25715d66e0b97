"""How public code computes the scores that share a name: every convention of every metric, listed here once.

`bench.score(codes, factors, "mig", convention="ubisoft")` gives the number that that repository's code would print.
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
    """That convention of some metrics; None: of every metric that it has.

    Raises:
        UnknownNameError: no metric, or one that was asked for, has it; the message has those that there are.
    """
    candidates = [c for c in CONVENTIONS if metrics is None or c.metric in metrics]
    for metric in ("",) if metrics is None else metrics:
        having = {c.name for c in candidates if metric in ("", c.metric)}
        if convention not in having:
            raise unknown(f"convention of {metric}" if metric else "convention", convention, having)
    return [c for c in candidates if c.name == convention]


def path_to(convention: Convention) -> list[Convention]:
    """The ways from this suite's own to a convention, each of which differs from the one before in one choice."""
    before = [c for c in CONVENTIONS if (c.metric, c.name) == (convention.metric, convention.beside)]
    return [*path_to(before[0]), convention] if before else [convention]
