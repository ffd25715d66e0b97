"""What tests of scoring share: a data set of which nothing but factors is there, scored without another process."""

from typing import Any

import numpy as np
import pytest

from bench.pool import Here


class Grid:
    """A grid of factors, without images."""

    card = type("Card", (), {"name": "dsprites"})
    sizes = np.array([3, 4, 5, 20])

    def __len__(self) -> int:
        return int(self.sizes.prod())

    def factors(self, index: Any) -> Any:
        return np.stack(np.unravel_index(index, self.sizes), axis=1)

    def values(self, index: Any) -> Any:
        return self.factors(index).astype(np.float64)


class InProcess(Here):
    """What is followed is done in this process, where the data set is replaced; it counts what is done."""

    tasks = 0

    def follow(self, function: Any, tasks: Any) -> Any:
        for position, task in enumerate(tasks):
            self.tasks += 1
            yield position, "result", function(*task)


@pytest.fixture
def grid(monkeypatch: pytest.MonkeyPatch) -> Grid:
    """Every data set is there, and is this one."""
    monkeypatch.setattr("bench.data.state", lambda name: "ready")
    monkeypatch.setattr("bench.data.load_data", lambda name: Grid())
    return Grid()


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """A pool that is this process."""
    monkeypatch.setattr("bench.scoring.isolation.tell", lambda news: None)
    monkeypatch.setattr("bench.scoring.isolation.limit", lambda seconds: None)
    return InProcess()
