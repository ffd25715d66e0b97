"""Hoyer's sparsity: what is known of it in closed form."""

import numpy as np
import pytest
from scipy.special import gamma

from bench.metrics.sparsity import sparsity


def test_one_dimension_used_in_each_row_is_as_sparse_as_can_be() -> None:
    codes = np.eye(6)[np.arange(60) % 6] * np.random.default_rng(0).normal(size=(60, 1))
    assert sparsity(codes)["hoyer"] == pytest.approx(1)


def test_dimensions_of_equal_size_are_not_sparse_at_all() -> None:
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(5000, 4))
    assert sparsity(signs)["hoyer"] < 1e-3


@pytest.mark.parametrize("dims", [2, 10, 200])
def test_independent_gaussians_have_what_directions_at_random_have(dims: int) -> None:
    ratio = dims * gamma(dims / 2) / gamma((dims + 1) / 2) / np.sqrt(np.pi)  # the mean of |z|_1 / |z|_2
    found = sparsity(np.random.default_rng(0).normal(size=(20_000, dims)))["hoyer"]
    assert found == pytest.approx((np.sqrt(dims) - ratio) / (np.sqrt(dims) - 1), abs=0.005)


def test_dead_dimensions_make_no_code_sparse() -> None:
    live = np.random.default_rng(0).normal(size=(300, 3))
    dead = np.full((300, 7), 0.1)
    assert sparsity(np.hstack([live, dead])) == sparsity(live)


@pytest.mark.parametrize("codes", [np.zeros((9, 4)), np.arange(9.0)[:, None]], ids=["dead", "a single dimension"])
def test_where_there_is_nothing_to_be_sparse_among_it_is_zero(codes: np.ndarray) -> None:
    assert sparsity(codes) == {"hoyer": 0.0}


def test_sizes_of_dimensions_do_not_count_but_where_zero_lies_does() -> None:
    codes = np.eye(4)[np.arange(40) % 4]
    assert sparsity(codes * [1, 10, 100, 1e-3])["hoyer"] == pytest.approx(sparsity(codes)["hoyer"])
    assert sparsity(codes + 10)["hoyer"] < 0.01
