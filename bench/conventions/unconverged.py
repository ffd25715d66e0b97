"""Regressions that a repository's code stops before they converge."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unconverged() -> Iterator[None]:
    """Silence scikit-learn's ConvergenceWarning: the repository's numbers come from unconverged fits."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
