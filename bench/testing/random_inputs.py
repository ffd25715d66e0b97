"""Random awkward inputs: for each, a metric must name the argument that is wrong, or return finite scores."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import registry
from bench.metrics.base import OF_CODES
from bench.testing.samples import declared, smaller, worth

Array = NDArray[Any]
OPTIONS: Mapping[str, Any] = {
    "num_train": 60, "num_test": 40, "num_variance": 50, "train_sizes": [30], "num_rounds": 2, "num_trees": 2,
}  # fmt: skip


def random_input(seed: int) -> tuple[Array, Array]:
    """Codes (N, D) and factors (N, F) with one to three awkward changes, a function of the seed.

    Not all are valid: shapes, types and values may be wrong.
    """
    rng = np.random.default_rng(seed)
    rows, dims, columns = rng.integers(2, 60), rng.integers(1, 8), rng.integers(1, 5)
    codes, factors = rng.normal(size=(rows, dims)), rng.integers(rng.integers(1, 6) + 1, size=(rows, columns))
    for kind in sorted(set(rng.choice(len(AWKWARD), size=rng.integers(1, 4), p=_SHARES))):
        codes, factors = AWKWARD[kind][0](codes, factors, rng)
    return codes, factors


Change = Callable[[Array, Array, np.random.Generator], tuple[Array, Array]]


def _constant_dims(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return np.where(rng.random(codes.shape[-1:]) < 0.6, rng.normal(), codes), factors


def _not_finite(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return np.where(rng.random(codes.shape) < 0.1, rng.choice([np.nan, np.inf, -np.inf]), codes), factors


def _duplicated_rows(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    rows = rng.integers(max(1, len(codes) // 5), size=len(codes))
    return (codes[rows], factors[rows]) if len(factors) == len(codes) > 0 else (codes, factors)


def _duplicated_dims(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return np.concatenate([codes, codes], axis=-1), factors


def _integer_codes(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    kind = rng.choice(["int64", "int8", "uint16", "bool"])
    return (9 * np.clip(np.nan_to_num(codes), 0, 11)).astype(kind), factors


def _float32_codes(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    with np.errstate(over="ignore"):
        return codes.astype(rng.choice(["float32", "float16", ">f8"])), factors


def _extreme_codes(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    values = rng.choice([0.0, 1.0, -1.0, 5e-324, 1e-200, 1e-38, 1e20, 1e38, -1e38, 1e300], size=codes.shape)
    return np.where(rng.random(codes.shape) < rng.random(), values, codes), factors


def _scaled_codes(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return codes * 10.0 ** rng.integers(-12, 12) + rng.choice([0, 1e6]), factors


def _perfect_codes(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return factors.astype(np.float64), factors


def _one_row(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return codes[:1], factors[:1]


def _empty(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return [(codes[:0], factors[:0]), (codes[..., :0], factors), (codes, factors[..., :0])][rng.integers(3)]


def _other_shape(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return [(codes[..., 0], factors), (codes[None], factors), (codes, factors[..., 0])][rng.integers(3)]


def _other_length(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return codes, factors[:-1]


def _wrong_factors(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    wrong = [factors - 3, factors + 0.5, factors.astype(float), factors * 1j, factors.astype(str)]
    return codes, wrong[rng.integers(len(wrong))]


def _one_valued_factor(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return codes, np.where(rng.random(factors.shape[-1:]) < 0.6, 2, factors)


def _one_class_first(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    changed = factors.copy()
    changed[:10] = factors[:1]
    return codes, changed


def _rare_class(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    changed = np.zeros_like(factors)
    changed[-1:] = 7
    return codes, changed


def _many_classes(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    rows = 200
    return rng.normal(size=(rows, 3)), rng.integers(183, size=(rows, 2))


def _sparse_classes(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return codes, factors * int(rng.choice([1000, 10**6, 2**40]))


def _thousand_dims(codes: Array, factors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    rows = int(rng.integers(2, 30))
    return rng.normal(size=(rows, 1000)), rng.integers(3, size=(rows, 2))


AWKWARD: tuple[tuple[Change, float], ...] = (  # changes in the order of their application, and relative frequencies
    (_thousand_dims, 0.2), (_many_classes, 1), (_one_valued_factor, 8), (_one_class_first, 6), (_rare_class, 4),
    (_sparse_classes, 4), (_perfect_codes, 6), (_duplicated_rows, 8), (_constant_dims, 10), (_scaled_codes, 6),
    (_extreme_codes, 10), (_duplicated_dims, 6), (_not_finite, 3), (_integer_codes, 8), (_float32_codes, 6),
    (_one_row, 3), (_other_length, 2), (_wrong_factors, 3), (_other_shape, 2), (_empty, 2),
)  # fmt: skip
_SHARES = np.array([share for _, share in AWKWARD]) / sum(share for _, share in AWKWARD)


def metrics_of_codes() -> list[str]:
    """Registered metrics that read the codes of one run."""
    return [name for name in registry.names("metrics") if declared(name).reads in OF_CODES]


def scored_or_refused(name: str, codes: Array, factors: Array) -> bool:
    """Whether a metric scores an input; a metric of a split gets the two halves of it, or all of it twice.

    Raises:
        AssertionError: it neither returned finite scores in their range nor raised a ValueError that names the
            argument.
    """
    function = registry.load("metrics", name)
    try:
        scores = function(*_arguments(name, codes, factors), **_values(name, factors), **smaller(function, OPTIONS))
    except ValueError as fault:
        assert any(word in str(fault) for word in ("codes", "factors")), f"no argument is named: {fault}"
        return False
    assert scores, "no scores were returned"
    for key, value in scores.items():
        score = declared(name).score(key)
        assert type(value) is float, f"{key} is of type {type(value).__name__}"
        assert math.isfinite(value), f"{key} is {value}"
        assert score.low <= value <= score.high, f"{key} = {value} is outside its declared range"
    return True


def _values(name: str, factors: Array) -> dict[str, Array]:
    """What factors are worth, where they are numbers and the metric reads it."""
    read = declared(name).reads_values and declared(name).reads != "split" and factors.dtype.kind in "iuf"
    return {"values": np.asarray(worth(name, factors))} if read else {}


def _arguments(name: str, codes: Array, factors: Array) -> list[Array]:
    arrays = [codes, factors] if declared(name).min_factors else [codes]
    if declared(name).reads != "split":
        return arrays
    half = len(codes) // 2
    if half < 2 or len(codes) % 3 == 0:
        return arrays * 2
    return [array[part] for part in (slice(0, half), slice(half, None)) for array in arrays]
