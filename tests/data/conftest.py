"""The data sets under test, opened from the downloads folder they are cached in."""

import pytest

from bench import data
from bench.data.base import DataSet
from bench.data.files import NoSourceError


def opened(name: str) -> DataSet:
    """A data set, or a skip that says why none of its sources can be reached from here."""
    try:
        return data.load_data(name)
    except NoSourceError as fault:
        pytest.skip(str(fault))


@pytest.fixture(params=data.names())
def dataset(request: pytest.FixtureRequest) -> DataSet:
    return opened(request.param)


@pytest.fixture
def digits() -> DataSet:
    return opened("mnist")
