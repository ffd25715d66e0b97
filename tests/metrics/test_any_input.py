"""Whatever it is given, a metric returns finite scores in their range, or names the argument that is wrong."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench import registry
from bench.testing import smaller

CODES = st.sampled_from([np.float64, np.float32, np.int64]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=3, max_side=12))
)
SIZES = st.tuples(st.integers(1, 12), st.integers(1, 5))
NUMBERS = st.floats(-1e38, 1e38) | st.sampled_from([0.0, 1.0, 5e-324, 1e-200, 1e38])


@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("name", registry.names("metrics"))
@given(codes=CODES, factors=hnp.arrays(np.int64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=12)))
def test_of_any_shape(name: str, codes: np.ndarray, factors: np.ndarray) -> None:
    _scored_or_refused(name, codes, factors)


@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("name", registry.names("metrics"))
@given(data=st.data(), size=SIZES)
def test_of_any_numbers(name: str, data: st.DataObject, size: tuple[int, int]) -> None:
    codes = data.draw(hnp.arrays(np.float64, size, elements=NUMBERS))
    factors = data.draw(hnp.arrays(np.int64, (size[0], 2), elements=st.integers(0, 3)))
    _scored_or_refused(name, codes, factors)


def _scored_or_refused(name: str, codes: np.ndarray, factors: np.ndarray) -> None:
    function: Callable[..., dict[str, float]] = registry.load("metrics", name)
    declared = function.metric  # type: ignore[attr-defined]
    arguments = [codes, factors] if declared.min_factors else [codes]
    try:
        scores = function(*arguments * (2 if declared.reads == "split" else 1), **smaller(function))
    except ValueError as fault:
        assert any(word in str(fault) for word in ("codes", "factors"))  # noqa: PT017
        return
    for key, value in scores.items():
        assert type(value) is float
        assert math.isfinite(value)
        assert declared.score(key).low <= value <= declared.score(key).high
