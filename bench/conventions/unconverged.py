"""Regressions that other code ends before they have converged."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unconverged() -> Iterator[None]:
    """What is fitted inside may end before it has converged: that is how its numbers come about."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
