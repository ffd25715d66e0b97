"""A convention: how one repository computes a metric, and its one difference from another convention."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.metrics.base import Reads, SkippedError, check_codes, check_factors

OURS = "bench"  # the convention of this suite
GAPS = ("mig", "sap", "jemmig")  # metrics of the two dimensions that tell most of a factor
ENTROPIES = {"dci_disentanglement": 1, "dci_completeness": 0}  # scores in shares of log F, the factors, or of log D


@dataclass(frozen=True)
class Repository:
    """A public repository, and the commit that was read."""

    name: str
    commit: str


@dataclass(frozen=True)
class Convention:
    """A way to compute a metric that differs from another convention in one choice.

    Attributes:
        metric: of this suite.
        name: short name of the repository, and a variant after a point, such as "ubisoft.classes".
        compute: called like a metric with the same `reads`, with a `seed` if it has that parameter; returns scores
            under this suite's names, the first one representing the metric.
        choice: the difference from `beside`.
        beside: the convention of the same metric that it differs from; "" for this suite's convention.
        by: the repository that computes it so; None: an intermediate step towards a repository's convention.
        reads: "points" (codes, factors), the 10,000 rows of the protocol; "all", every row; or "split".
        slow: whether it takes a minute or more for 10,000 rows.
        single_valued: whether a factor with a single value counts as it does in the repository's code.
    """

    metric: str
    name: str
    compute: Callable[..., Mapping[str, float]]
    choice: str
    beside: str = OURS
    by: Repository | None = None
    reads: Reads = "points"
    slow: bool = False
    single_valued: bool = False

    def scores(self, *rows: ArrayLike, seed: int = 0) -> dict[str, float]:
        """Score name -> value.

        Args:
            rows: train_codes, train_factors, test_codes, test_factors; a convention without a split gets the first two.
            seed: of random choices.

        Raises:
            ValueError: bad codes or factors.
            SkippedError: the repository's code would give no number, or, where a factor has a single value, one that is
                not computed here.
        """
        if self.by is not None:
            self._refuse(*rows[:2])
        seeded = {"seed": seed} if "seed" in inspect.signature(self.compute).parameters else {}
        scores = dict(self.compute(*(rows if self.reads == "split" else rows[:2]), **seeded))
        return scores if self.by is None else self._divided(scores, *rows[:2])

    def _divided(self, scores: dict[str, float], codes: ArrayLike, factors: ArrayLike) -> dict[str, float]:
        """The scores but those that the repository's code divides by log 1 = 0, which is NaN."""
        widths = [check_codes(codes).shape[1], np.shape(factors)[1]]
        kept = {name: score for name, score in scores.items() if name not in ENTROPIES or widths[ENTROPIES[name]] > 1}
        if not kept:
            raise SkippedError("its code gives NaN for one dimension and one factor")
        return kept

    def _refuse(self, codes: ArrayLike, factors: ArrayLike) -> None:
        array = check_codes(codes, min_rows=2)
        if self.metric in GAPS and array.shape[1] < 2:
            raise SkippedError("its code takes no code of one dimension")
        single = np.flatnonzero(np.ptp(check_factors(factors, len(array)), axis=0) == 0)
        if len(single) and not self.single_valued:
            columns = ", ".join(map(str, single))
            fault = f"its code fails where a factor has a single value, here {columns}, or counts it otherwise"
            raise SkippedError(f"{fault}: leave it out")
