"""What is disentangled: the sampled codes that a prior acts on, or the mean codes that are used afterwards?"""

import pandas as pd

from bench.analysis.names import MI, TC, title
from bench.analysis.scores.agreement import TooFewRunsError, wide

KINDS = ("mean", "sampled")


def posterior_gap(table: pd.DataFrame) -> pd.DataFrame:
    """Dependence of the dimensions of mean and of sampled codes, and the gap between them, a row a run and score.

    An objective asks of the aggregate posterior q(z) = E[q(z|x)] that it factorise; the sampled codes are its samples.
    The means are another distribution: a gap above 0 is dependence between them that the noise of q(z|x) hides.

    Returns:
        dataset, model, value, seed, run, name, mean, sampled, gap = mean - sampled.

    Raises:
        TooFewRunsError: no run has both.
    """
    both = {kind: wide(table, kind).reindex(columns=[TC, MI]).stack() for kind in KINDS}
    found = pd.DataFrame(both).dropna().rename_axis(index={None: "name"})
    if found.empty:
        raise TooFewRunsError(
            f"{title(TC).lower()} of mean and of sampled codes is needed: "
            "score with scoring.also_sampled=[unsupervised] and metric unsupervised"
        )
    return found.assign(gap=found["mean"] - found["sampled"]).reset_index()
