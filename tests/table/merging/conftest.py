"""A store whose own reference table alone counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from merging.tables import RUNS, folder_of, scored

from bench.store.folders import Store
from bench.store.tables import TableFolder
from bench.table.reference import merge


@pytest.fixture(autouse=True, scope="module")
def without_the_shipped_table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The store's own table alone counts here."""
    nothing = TableFolder(tmp_path_factory.mktemp("package") / "not shipped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.table.reference.shipped_reference", lambda: nothing)
        yield


@pytest.fixture
def results(tmp_path: Path) -> Store:
    return Store(tmp_path / "own")


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store whose reference table has two runs; of what is refused nothing stays, so all share it."""
    path = tmp_path_factory.mktemp("standing")
    merge(folder_of(path / "a", [*scored(RUNS[0]), *scored(RUNS[2])]), Store(path / "own"))
    return Store(path / "own")
