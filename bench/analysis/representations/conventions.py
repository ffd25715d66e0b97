"""The same codes under every convention: how far each choice moves a score."""

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
        slow: whether conventions that take minutes are among them.
        conventions: which.

    Returns:
        A row for each score of each convention on each codes: codes, metric, convention, name, score; repository and
        commit (missing: of a step on the way, and of this suite's own); beside and choice; step, the difference from
        the convention beside it, which the choice makes, and difference, that from this suite's own. The steps from
        this suite's own to a convention sum to the difference. Where there is no score, reason says why.
    """
    rows: list[dict[str, Any]] = []
    for whose, split in codes.items():
        say(f"conventions on {whose}")
        asked = [c for c in conventions if slow or not c.slow]
        found = {(c.metric, c.name): _scores(c, split) for c in asked}
        for c in asked:
            values, reason = found[c.metric, c.name]
            before, own = (found[c.metric, w.name][0] for w in (path_to(c)[-2:][0], path_to(c)[0]))
            named: dict[str, Any] = {"codes": whose, "metric": c.metric, "convention": c.name}
            named |= {"repository": c.by and c.by.name, "commit": c.by and c.by.commit}
            named |= {"beside": c.beside, "choice": c.choice, "reason": reason}
            for name, score in values.items():
                step, difference = (score - _counterpart(name, other) for other in (before, own))
                rows.append(named | {"name": name, "score": score, "step": step, "difference": difference})
            if not values:
                rows.append(named | {"name": None, "score": np.nan, "step": np.nan, "difference": np.nan})
    return pd.DataFrame(rows)


def _scores(convention: Convention, split: Split) -> tuple[dict[str, float], str]:
    """What a convention gives, or nothing and why."""
    try:
        return convention.scores(*split), ""
    except SkippedError as reason:
        return {}, str(reason)


def _counterpart(name: str, scores: Mapping[str, float]) -> float:
    """The score that one is compared with: that of its name, or, of test rows for one of training rows, the first."""
    return scores.get(name, next(iter(scores.values()), np.nan))
