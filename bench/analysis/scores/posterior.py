"""Which codes are disentangled: sampled codes, which the objective acts on, or mean codes, which are used later?"""

import pandas as pd

from bench.analysis.names import MI, TC, title
from bench.analysis.scores.agreement import TooFewRunsError, wide

KINDS = ("mean", "sampled")


def posterior_gap(table: pd.DataFrame) -> pd.DataFrame:
    """Dependence between dimensions of mean and of sampled codes, and the gap between them, a row per run and score.

    Objectives make the aggregate posterior q(z) = E[q(z|x)] factorise, and sampled codes are its samples. Mean codes
    have another distribution: a gap above 0 is dependence between means that the noise of q(z|x) hides.

    Returns:
        dataset, model, value, seed, run, name, mean, sampled, gap = mean - sampled.

    Raises:
        TooFewRunsError: no run has scores of both representations.
    """
    by_kind = {kind: wide(table, kind).reindex(columns=[TC, MI]).stack() for kind in KINDS}
    complete = pd.DataFrame(by_kind).dropna().rename_axis(index={None: "name"})
    if complete.empty:
        raise TooFewRunsError(
            f"{title(TC).lower()} of mean and of sampled codes is needed: "
            "score with scoring.also_sampled=[unsupervised] and metric unsupervised"
        )
    return complete.assign(gap=complete["mean"] - complete["sampled"]).reset_index()
