"""A submission, and a copy of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from submissions.codes import perform, saved


@pytest.fixture(scope="module", autouse=True)
def without_the_shipped_table() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for place in ("verification", "scores"):
            patch.setattr(f"bench.table.{place}.reference_of", lambda store: None)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission that hands its codes on."""
    folder = tmp_path_factory.mktemp("made")
    asked = {"codes": str(saved(folder)), "name": "mine", "with_codes": True, "folder": str(folder / "submission")}
    assert perform("submit", folder / "results", **asked, paper="https://arxiv.org/abs/1811.12359") == 0
    return folder / "submission"


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    """The same submission, to be tampered with."""
    folder = tmp_path / "submission"
    folder.mkdir()
    for file in made.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder
