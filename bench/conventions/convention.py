"""What a convention is: how one repository computes a metric, and in what that differs from another way."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike

from bench.metrics.base import Reads

OURS = "bench"  # the convention that is this suite's own


@dataclass(frozen=True)
class Repository:
    """Public code: where it is, and the commit that was read."""

    name: str
    commit: str


@dataclass(frozen=True)
class Convention:
    """A way to compute a metric, which differs from another way in one choice.

    Attributes:
        metric: of this suite.
        name: the repository in short, and a variant after a point, such as "ubisoft.classes".
        compute: called as a metric that `reads` the same, with a `seed` where it takes one; it returns scores under the
            names that this suite has for them, the first standing for all.
        choice: what it does otherwise than the way it is beside.
        beside: the convention of the same metric that it is told apart from; "" for this suite's own.
        by: whose it is; None: a step on the way to a repository's.
        reads: "points" (codes, factors), the 10,000 rows of the protocol; "all" of them; or "split".
        slow: whether 10,000 rows take it a minute or more.
    """

    metric: str
    name: str
    compute: Callable[..., Mapping[str, float]]
    choice: str
    beside: str = OURS
    by: Repository | None = None
    reads: Reads = "points"
    slow: bool = False

    def scores(self, *rows: ArrayLike, seed: int = 0) -> dict[str, float]:
        """Score name -> value.

        Args:
            rows: train_codes, train_factors, test_codes, test_factors; one that reads no split is given the first two.
            seed: of what is random.

        Raises:
            ValueError: bad codes or factors; a `SkippedError` where the repository's code would give no number.
        """
        seeded = {"seed": seed} if "seed" in inspect.signature(self.compute).parameters else {}
        return dict(self.compute(*(rows if self.reads == "split" else rows[:2]), **seeded))
