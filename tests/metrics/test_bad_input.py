"""Codes and factors that no one would publish are scored in range or refused with a reason, without a warning."""

import warnings

import numpy as np
import pytest

from bench.testing.random_inputs import metrics_of_codes
from bench.testing.samples import is_valid, values

pytestmark = pytest.mark.long  # left out of `make check`

ROWS = 48
RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(n, size=ROWS) for n in (2, 3, 4)], axis=1)
CODES = FACTORS + 0.1 * RNG.normal(size=(ROWS, 3))
FEW = {"num_train": 30, "num_test": 20, "num_variance": 50, "train_sizes": [20], "num_rounds": 2, "num_trees": 2}

INPUTS = {
    "one factor": (CODES, FACTORS[:, :1]),
    "one dim": (CODES[:, :1], FACTORS),
    "fewer dims than factors": (CODES[:, :2], FACTORS),
    "4,096 dims": (RNG.normal(size=(ROWS, 4096)), FACTORS),
    "constant dims": (np.full((ROWS, 3), 0.1), FACTORS),
    "one active dim": (np.column_stack([CODES[:, :1], np.full((ROWS, 2), 0.1)]), FACTORS),
    "dims that repeat": (CODES[:, [0, 0, 1, 1, 0]], FACTORS),
    "factors that repeat": (CODES, FACTORS[:, [1, 1, 1]]),
    "a factor that follows from others": (CODES, np.column_stack([FACTORS, FACTORS @ [1, 2, 6]])),
    "classes of one row each": (CODES, np.column_stack([np.arange(ROWS), FACTORS])),
    "values in the place of classes": (CODES, CODES),
    "classes in the place of values": (FACTORS, FACTORS),
}


@pytest.mark.parametrize("what", [pytest.param(n, marks=pytest.mark.slow if "4,096" in n else ()) for n in INPUTS])
def test_every_metric_has_a_number_in_range_or_a_reason(what: str) -> None:
    codes, factors = INPUTS[what]
    for name in metrics_of_codes():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            problem = fault_of(name, codes, factors)
        assert not problem, f"{name}: {problem}"


def fault_of(name: str, codes: np.ndarray, factors: np.ndarray) -> str:
    """A reason that names no argument; empty where there is a good one, or scores."""
    try:
        scores = values(name, codes, factors, options=FEW)
    except ValueError as reason:
        return "" if any(word in str(reason) for word in ("factor", "codes", "dims")) else str(reason)
    is_valid(name, scores, name)
    return ""
