"""The same codes under every convention: how much each choice changes a score."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bench.conventions import CONVENTIONS, Convention, path_to
from bench.metrics.base import SkippedError
from bench.progress import say

Split = Sequence[ArrayLike]  # train_codes, train_factors, test_codes, test_factors


def scores_by_convention(
    codes: Mapping[str, Split], *, slow: bool = False, conventions: Sequence[Convention] = CONVENTIONS
) -> pd.DataFrame:
    """Every convention of every metric on several codes.

    Args:
        codes: name -> rows.
        slow: whether to include conventions that take minutes.
        conventions: the conventions to compute.

    Returns:
        A row for each score of each convention on each codes: codes, metric, convention, name, score; repository and
        commit (missing for intermediate steps and for this suite's convention); beside and choice; step, the difference
        from the convention `beside`, which is the effect of the choice; difference from this suite's convention, which
        is the sum of the steps on the path to it. If there is no score, reason says why.
    """
    rows: list[dict[str, Any]] = []
    for codes_name, split in codes.items():
        say(f"conventions on {codes_name}")
        included = [c for c in conventions if slow or not c.slow]
        results = {(c.metric, c.name): _scores(c, split) for c in included}
        for c in included:
            values, reason = results[c.metric, c.name]
            path = path_to(c)
            previous, ours = (results[c.metric, step.name][0] for step in (path[-2:][0], path[0]))
            record: dict[str, Any] = {"codes": codes_name, "metric": c.metric, "convention": c.name}
            record |= {"repository": c.by and c.by.name, "commit": c.by and c.by.commit}
            record |= {"beside": c.beside, "choice": c.choice, "reason": reason}
            for name, score in values.items():
                step, difference = (score - _counterpart(name, other) for other in (previous, ours))
                rows.append(record | {"name": name, "score": score, "step": step, "difference": difference})
            if not values:
                rows.append(record | {"name": None, "score": np.nan, "step": np.nan, "difference": np.nan})
    return pd.DataFrame(rows)


def _scores(convention: Convention, split: Split) -> tuple[dict[str, float], str]:
    """The scores of a convention, or none and the reason."""
    try:
        return convention.scores(*split), ""
    except SkippedError as reason:
        return {}, str(reason)


def _counterpart(name: str, scores: Mapping[str, float]) -> float:
    """The score to compare with: that of the same name, else the first (scores of training rows against test rows)."""
    return scores.get(name, next(iter(scores.values()), np.nan))
