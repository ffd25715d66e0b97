"""The contract of a metric: a pure function of codes and factors, and what is declared about it.

```
@metric(version=1, reads="points", scores={"mig": Score(0, 1)}, paper="Chen et al. 2018, arXiv:1802.04942")
def mig(codes, factors, *, num_bins=20) -> dict[str, float]: ...
```
The function is named as its file. What it is given depends on `reads`:

| reads | called as | rows |
|---|---|---|
| "points" | f(codes, factors, ...) | `num_points` random rows |
| "split" | f(train_codes, train_factors, test_codes, test_factors, ...) | `num_train` and `num_test` disjoint rows |
| "all" | f(codes, factors, ...) | every encoded row; the metric draws what it needs |

With `min_factors=0` the factors are left out of the call. A metric that draws random numbers takes `seed: int`.
Keys of the returned dict are score names; "name/3" is the value for factor 3 alone.

`invariant_to` says what leaves every score as it is, exactly, or up to the rows drawn and the model fitted:

| invariant to | of each dimension |
|---|---|
| "scale" | a positive factor and an offset |
| "sign" | the sign |
| "monotone" | any strictly increasing map |

`falls_under_rotation` says that the headline score of a perfect code falls, by a fifth or more, when pairs of its
dimensions are rotated by 30 degrees. By default nothing is claimed; `bench.testing` checks what is.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

Map = Literal["scale", "sign", "monotone"]  # of single dimensions

LARGEST = 1e38  # codes beyond it have a range that 32-bit floats cannot hold


@dataclass(frozen=True)
class Score:
    """What is known of one number: its range, whether higher is better (None: neither), and how it is written.

    Without a title its name is written with spaces; in the title of "lr_*", "*" stands for what the name has there.
    """

    low: float
    high: float
    higher_is_better: bool | None = True
    title: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Metric:
    """What a metric declares: enough to call it, to check it and to print it."""

    name: str
    version: int
    reads: Literal["points", "split", "all"]
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

    def score(self, name: str) -> Score:
        """The declaration behind a returned name; "lr_*" declares every name it matches."""
        stem = name.partition("/")[0]
        if stem in self.scores:
            return self.scores[stem]
        for pattern, score in self.scores.items():
            if fnmatchcase(stem, pattern):
                return score
        raise KeyError(f"metric {self.name!r} returned {name!r}, which it does not declare")


F = TypeVar("F", bound=Callable[..., dict[str, float]])


def metric(
    *,
    version: int,
    reads: Literal["points", "split", "all"],
    scores: Mapping[str, Score],
    paper: str,
    headline: str | None = None,
    min_factors: int = 1,
    num_points: int = 10_000,
    num_train: int = 10_000,
    num_test: int = 5_000,
    invariant_to: tuple[Map, ...] = (),
    falls_under_rotation: bool = False,
) -> Callable[[F], F]:
    """Register a metric function: the declaration is attached as `function.metric`, the function is unchanged.

    Raise `version` whenever a change moves the numbers. `headline` is the score that stands for the metric among
    others (None: it is no measure of disentanglement). Sample sizes are the published protocol's.

    Raises:
        ValueError: `invariant_to` holds something else than the names above, or a metric without a headline is said to
            fall under rotation.
    """
    if not isinstance(invariant_to, tuple) or set(invariant_to) - set(get_args(Map)):
        raise ValueError(f"invariant_to must be a tuple of {', '.join(get_args(Map))}, got {invariant_to!r}")
    if falls_under_rotation and headline is None:
        raise ValueError("falls_under_rotation is said of the headline score, and there is none")

    def attach(function: F) -> F:
        parameters = inspect.signature(function).parameters
        function.metric = Metric(  # type: ignore[attr-defined]
            function.__name__, version, reads, scores, headline, paper, min_factors, num_points, num_train, num_test,
            "seed" in parameters, invariant_to, falls_under_rotation,
        )  # fmt: skip
        return function

    return attach


def check_codes(codes: ArrayLike, name: str = "codes", *, min_rows: int = 1) -> Floats:
    """Codes as a finite float64 array (N, D).

    Raises:
        ValueError: not two-dimensional, empty, not real numbers, not finite, beyond 1e38 in size, or of fewer than
            `min_rows` rows; the message names the argument.
    """
    array = _array(codes, name)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be real numbers, got dtype {array.dtype}")
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} must be a non-empty (N, D) array, got shape {array.shape}")
    if len(array) < min_rows:
        raise ValueError(f"{name} has {_rows(len(array))}, at least {min_rows} are needed")
    array = array.astype(np.float64, copy=False)
    bad = ~np.isfinite(array)
    if bad.any():
        row, dim = np.argwhere(bad)[0]
        raise ValueError(f"{name} has {bad.sum()} NaN or infinite values, the first at row {row}, dim {dim}")
    if np.abs(array).max() > LARGEST:
        raise ValueError(f"{name} must not exceed {LARGEST:g} in size, got {np.abs(array).max():.3g}")
    return array


def check_factors(factors: ArrayLike, rows: int, name: str = "factors") -> Ints:
    """Factors as an int64 array (N, F) of class indices.

    Raises:
        ValueError: not integers, negative, not two-dimensional, or another number of rows than the codes.
    """
    array = _array(factors, name)
    if array.dtype.kind not in "iub":
        raise ValueError(f"{name} must be integers (one class index per factor), got dtype {array.dtype}; bin them")
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} must be a non-empty (N, F) array, got shape {array.shape}")
    if len(array) != rows:
        raise ValueError(f"{name} has {_rows(len(array))}, the codes have {rows}")
    array = array.astype(np.int64, copy=False)
    if array.min() < 0:
        raise ValueError(f"{name} must not be negative, got {array.min()}")
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


def check_count(value: int, name: str, least: int = 1) -> int:
    """A number of bins, points or rows.

    Raises:
        ValueError: not an integer, or below `least`; the message names the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def _array(values: Any, name: str) -> NDArray[Any]:
    """A numpy view or copy of anything that holds numbers: lists, frames, arrays and tensors of other libraries."""
    if hasattr(values, "detach"):  # a torch tensor: gradients are not followed through a score
        values = values.detach().cpu()
    try:
        if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
            return np.from_dlpack(values)
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError, BufferError) as fault:
        raise ValueError(f"{name} cannot be read as an array: {fault}") from fault


def _rows(count: int) -> str:
    return f"{count} row{'s' if count != 1 else ''}"
