"""The contract of a metric: a pure function of codes and factors, and its declaration.

```
@metric(version=1, reads="points", scores={"mig": Score(0, 1)}, paper="Chen et al. 2018, arXiv:1802.04942")
def mig(codes, factors, *, num_bins=20) -> dict[str, float]: ...
```
The function has the name of its file. Its arguments depend on `reads`:

| reads | called as | rows |
|---|---|---|
| "points" | f(codes, factors, ...) | `num_points` random rows |
| "split" | f(train_codes, train_factors, test_codes, test_factors, ...) | `num_train` and `num_test` disjoint rows |
| "all" | f(codes, factors, ...) | every encoded row; the metric samples from them |
| "group" | f(codes, ...) | M runs that differ in their seed alone: a list of (n, D), the same `num_points` images |
| "model" | f(model, images, ...) | a trained learner and `num_points` images, the same for every run |

With `min_factors=0` the call has no factors. A metric that draws random numbers has a parameter `seed: int`. A metric
of codes that reads the numeric values of the factors, beside their classes, has a parameter `values`: floats (n, F), or
(train values, test values) if it reads "split".

A metric of groups always gets mean codes. A parameter `kl` gets the mean KL of each dimension to the prior, (M, D) in
nats; such a metric does not apply to deterministic codes. Groups of fewer than `min_runs` runs are skipped.

A metric of models calls a `bench.models.base.Learner`, whose `encode`, `decode` and `logits` take and return numpy
arrays. `images` are (n, height, width, channels) in [0, 1] and are read when they are sliced; `batches` slices them one
batch after the other. With `min_factors=1` the factors (N, F) of the images follow. Codes without a model are skipped.

A metric returns a dict of one or more scores, all finite and in their declared range. A metric of groups returns M
numbers per score, one for each run in the order of the argument. Keys are score names; "name/3" is the value for factor
3 alone. A metric that does not apply to its input raises `SkippedError` with the reason. Any other error, and even the
end of its process, costs only this metric's scores: the scoring stage records the failure.

The `headline` score has a column on the leaderboard. With `Score(0, 1, ranks=("information",))` that column counts in
the rank set "information" and in "all". This is a decision, because it may change the rank of every model. The rank set
"study" holds the paper's six scores and does not change.

`invariant_to` names the maps of codes that leave every score unchanged, exactly or up to sampling and fitting:

| invariant to | of each dimension |
|---|---|
| "scale" | a positive factor and an offset |
| "sign" | the sign |
| "monotone" | any strictly increasing map |

`falls_under_rotation` says that the headline score of a perfect code falls, by a fifth or more, when pairs of its
dimensions are rotated by 30 degrees. Both claim nothing by default; `bench.testing` checks each claim.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.arrays import classes, numbers
from bench.registry import unknown
from bench.values import counted

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

Map = Literal["scale", "sign", "monotone"]  # of single dimensions
Reads = Literal["points", "split", "all", "group", "model"]
OF_CODES: tuple[Reads, ...] = ("points", "split", "all")  # of one run, which may come from anywhere

RANK_SETS: Mapping[str, str] = {  # sets of scores that rank models together; the first set is the default
    "study": "the six scores of Locatello et al. 2019",
    "all": "every score that is in some set",
    "information": "mutual information of dimensions and factors",
    "intervention": "what dimensions do while a factor is held",
    "prediction": "how factors are predicted from dimensions",
}
DEFAULT_SET = next(iter(RANK_SETS))

# reserved names of metrics and scores: scores that every run has, columns of the score table and of the leaderboard
TAKEN_METRICS = ("training",)
TAKEN = frozenset({
    "training_reconstruction", "training_kl", "training_elbo", "gaussian_total_correlation_sampled",
    "run", "model", "hyperparameter", "strength", "strength_index", "value", "seed", "dataset", "schedule",
    "representation", "metric", "version", "name",
    "factor", "score", "num_train", "num_test", "cell", "seconds", "device", "train_seconds", "versions", "revision",
    "state", "reason", "rank", "rank_low", "rank_high", "borda", "mean_rank", "mean_score", "rank_by_mean",
    "rank_by_mean_low", "rank_by_mean_high", "rank_set", "coverage", "seeds", "runs", "dead", "level",
})  # fmt: skip
TAKEN_ENDS = ("_low", "_high", "_runs")  # columns for the interval of a score, and for the number of runs behind it

WIDEST = 16_384  # dims; the cost of a metric grows with them: up to here, 10,000 rows take under ten CPU minutes
LARGEST = 1e38  # codes beyond it have a range that overflows 32-bit floats


class SkippedError(ValueError):
    """A metric that does not apply to these codes or factors; the message is the reason."""


@dataclass(frozen=True)
class Score:
    """The declaration of one score: its range, whether higher is better (None: neither), and its title.

    The default title is the name with spaces. In the title of "lr_*", "*" is replaced by the text that it matches.
    `ranks` are the sets of `RANK_SETS` that a headline score counts in; a score of any set also counts in "all".
    """

    low: float
    high: float
    higher_is_better: bool | None = True
    title: str | None = field(default=None, compare=False)
    ranks: tuple[str, ...] = field(default=(), compare=False)

    def counts_in(self, rank_set: str) -> bool:
        """Whether the score ranks models in a rank set."""
        return rank_set in self.ranks or (rank_set == "all" and bool(self.ranks))


@dataclass(frozen=True)
class Metric:
    """The declaration of a metric: enough to call it, to check it and to print it."""

    name: str
    version: int
    reads: Reads
    scores: Mapping[str, Score]
    headline: str | None
    paper: str
    min_factors: int
    num_points: int
    num_train: int
    num_test: int
    seeded: bool
    invariant_to: tuple[Map, ...] = ()
    falls_under_rotation: bool = False
    min_runs: int = 2
    widest: int = WIDEST
    reads_kl: bool = False
    reads_values: bool = False

    def __post_init__(self) -> None:
        _check_declaration(self)

    def score(self, name: str) -> Score:
        """The declaration behind a returned name; "lr_*" declares every name it matches."""
        stem = name.partition("/")[0]
        if stem in self.scores:
            return self.scores[stem]
        for pattern, score in self.scores.items():
            if fnmatchcase(stem, pattern):
                return score
        raise KeyError(f"metric {self.name!r} returned {name!r}, which it does not declare")


F = TypeVar("F", bound=Callable[..., Mapping[str, Any]])


def metric(
    *,
    version: int,
    reads: Reads,
    scores: Mapping[str, Score],
    paper: str,
    headline: str | None = None,
    min_factors: int | None = None,
    num_points: int = 10_000,
    num_train: int = 10_000,
    num_test: int = 5_000,
    invariant_to: tuple[Map, ...] = (),
    falls_under_rotation: bool = False,
    min_runs: int = 2,
    widest: int = WIDEST,
) -> Callable[[F], F]:
    """Register a metric function: the declaration is attached as `function.metric`, the function is unchanged.

    Raise `version` whenever a change moves the numbers. `headline` is the score that represents the metric (None: it is
    no measure of disentanglement). The sample sizes are those of the published protocol; `num_points` of a group holds
    for every protocol. `min_factors` defaults to 1, for groups and models to 0. Codes of more than `widest` dims are
    skipped: 10,000 rows of that width take less than ten minutes of a CPU core (`benchmarks/wide_codes.py`).

    Raises:
        ValueError: an invalid declaration; the message names the argument and its valid values.
    """

    min_factors = int(reads in OF_CODES) if min_factors is None else min_factors
    declared = Metric(
        "", version, reads, scores, headline, paper, min_factors, num_points, num_train, num_test, False,
        invariant_to, falls_under_rotation, min_runs, widest,
    )  # fmt: skip

    def attach(function: F) -> F:
        parameters = inspect.signature(function).parameters
        function.metric = replace(  # type: ignore[attr-defined]
            declared, name=function.__name__, seeded="seed" in parameters,
            reads_kl=reads == "group" and "kl" in parameters, reads_values=reads in OF_CODES and "values" in parameters,
        )  # fmt: skip
        return function

    return attach


def _check_declaration(declared: Metric) -> None:
    """Refuse an invalid declaration with the ValueError that `metric` documents."""
    if declared.name in TAKEN_METRICS:
        raise ValueError(f"a metric cannot be named {declared.name!r}: the suite has other scores of that name")
    if declared.reads not in get_args(Reads):
        raise ValueError(f"reads must be one of {', '.join(get_args(Reads))}, got {declared.reads!r}")
    if not isinstance(declared.scores, Mapping) or not declared.scores:
        raise ValueError('scores must be a dict of at least one, such as {"my_metric": Score(0, 1)}')
    for name, score in declared.scores.items():
        if not (isinstance(name, str) and re.fullmatch(r"[\w*.-]+", name, re.ASCII)):
            raise ValueError(f"a score is named in letters, digits and _ . -, got {name!r}")
        if name in TAKEN or name.endswith(TAKEN_ENDS):
            raise ValueError(f"a score cannot be named {name!r}: tables have a column of that name; name it otherwise")
        if not isinstance(score, Score) or not score.low < score.high:
            raise ValueError(f"scores[{name!r}] must be Score(low, high) with low < high, got {score!r}")
    counts = dict.fromkeys(("version", "num_points", "num_train", "num_test", "widest"), 1)
    counts |= {"min_factors": 0, "min_runs": 2}
    for name, least in counts.items():
        check_count(getattr(declared, name), name, least)
    if declared.reads == "group" and declared.min_factors:
        raise ValueError(f"a metric of groups is given no factors, min_factors must be 0, got {declared.min_factors}")
    if not isinstance(declared.paper, str):
        raise ValueError(f"paper must be text, got {declared.paper!r}")
    if declared.headline is not None and declared.headline not in declared.scores:
        raise ValueError(f"headline must be one of {', '.join(declared.scores)}, or None, got {declared.headline!r}")
    if not isinstance(declared.invariant_to, tuple) or set(declared.invariant_to) - set(get_args(Map)):
        raise ValueError(f"invariant_to must be a tuple of {', '.join(get_args(Map))}, got {declared.invariant_to!r}")
    if declared.falls_under_rotation and declared.headline is None:
        raise ValueError("falls_under_rotation is said of the headline score, and there is none")
    for name, score in declared.scores.items():
        _check_ranks(name, score, name == declared.headline)


def _check_ranks(name: str, score: Score, is_headline: bool) -> None:
    if not isinstance(score.ranks, tuple):
        raise ValueError(f'ranks of {name} must be a tuple such as ("information",), got {score.ranks!r}')
    for rank_set in score.ranks:
        if rank_set not in RANK_SETS:
            raise unknown("rank set", str(rank_set), RANK_SETS)
    if score.ranks and (not is_headline or score.higher_is_better is None):
        raise ValueError(f"ranks are of a headline score of which higher or lower is better, and {name} is none")


def check_codes(codes: ArrayLike, name: str = "codes", *, min_rows: int = 1) -> Floats:
    """Codes as a finite float64 array (N, D), from any input that `bench.arrays` reads.

    Raises:
        ValueError: not two-dimensional, empty, not real numbers, not finite, beyond 1e38 in size, or of fewer than
            `min_rows` rows; the message names the argument and the remedy.
    """
    array = numbers(codes, name)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} must be a non-empty (N, D) array, got shape {array.shape}{_one_column(array, name)}")
    if len(array) < min_rows:
        raise ValueError(f"{name} has {counted(len(array), 'row')}, at least {min_rows} are needed")
    array = array.astype(np.float64, copy=False)
    bad = ~np.isfinite(array)
    if bad.any():
        row, dim = np.argwhere(bad)[0]
        raise ValueError(f"{name} has {bad.sum()} NaN or infinite values, the first at row {row}, dim {dim}")
    if np.abs(array).max() > LARGEST:
        raise ValueError(f"{name} must not exceed {LARGEST:g} in size, got {np.abs(array).max():.3g}")
    return array


def check_factors(factors: ArrayLike, rows: int, name: str = "factors") -> Ints:
    """Factors as an int64 array (N, F) of class indices, from any input that `bench.arrays` reads.

    Floats that are whole numbers are accepted; a categorical column of a frame is read as its category codes.

    Raises:
        ValueError: not class indices, not two-dimensional, empty, or another number of rows than the codes; the
            message names the argument and the remedy.
    """
    array = classes(factors, name)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} must be a non-empty (N, F) array, got shape {array.shape}{_one_column(array, name)}")
    if len(array) != rows:
        raise ValueError(f"{name} has {counted(len(array), 'row')}, the codes have {rows:,}")
    return array


def check_split(
    train_codes: ArrayLike, train_factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> tuple[Floats, Ints, Floats, Ints]:
    """The four arguments of a metric that reads "split", checked one by one and against each other.

    Raises:
        ValueError: bad codes or factors, fewer than two training rows, or columns that differ between train and test.
    """
    x, test = check_codes(train_codes, "train_codes", min_rows=2), check_codes(test_codes, "test_codes")
    y = check_factors(train_factors, len(x), "train_factors")
    expected = check_factors(test_factors, len(test), "test_factors")
    if x.shape[1] != test.shape[1] or y.shape[1] != expected.shape[1]:
        raise ValueError("test_codes and test_factors must have the columns of train_codes and train_factors")
    return x, y, test, expected


def varying(*factors: Ints | Floats, least: int = 1) -> Ints:
    """The columns that have two values or more in each of the tables (N, F): their places, ascending.

    Raises:
        SkippedError: fewer than `least` do.
    """
    places = np.flatnonzero(np.logical_and.reduce([np.ptp(table, axis=0) > 0 for table in factors]))
    if len(places) < least:
        raise SkippedError(f"columns of factors with two values or more: {len(places)}, at least {least} needed")
    return places


def check_group(codes: Sequence[ArrayLike]) -> Floats:
    """Codes of a group of runs as one finite float64 array (M, n, D), from arrays (n, D) of the same images.

    Raises:
        ValueError: fewer than two runs, bad codes, or codes of different shapes; the message names the run.
    """
    if len(codes) < 2:
        raise ValueError(f"codes of {len(codes)} model, at least 2 are needed")
    arrays = [check_codes(c, f"codes of model {i}", min_rows=2) for i, c in enumerate(codes)]
    shapes = sorted({a.shape for a in arrays})
    if len(shapes) > 1:
        raise ValueError(f"codes of all models must have one shape, got {shapes[0]} and {shapes[1]}")
    return np.stack(arrays)


def batches(images: Any, index: Ints | None = None, size: int = 500) -> Iterator[NDArray[np.float32]]:
    """Batches of the images that a metric of models gets, or of those at `index`; works for any array."""
    for start in range(0, len(images if index is None else index), check_count(size, "size")):
        part = slice(start, start + size)
        yield np.asarray(images[part if index is None else index[part]], np.float32)


def check_count(value: int, name: str, least: int = 1) -> int:
    """A number of bins, points or rows.

    Raises:
        ValueError: not an integer, or below `least`; the message names the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def _one_column(array: NDArray[Any], name: str) -> str:
    """A hint for an array of one axis: how to make it a column."""
    return f": np.asarray({name}).reshape(-1, 1) makes one column of it" if array.ndim == 1 and len(array) else ""
