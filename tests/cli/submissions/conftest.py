"""A submission, and a copy of it."""

from pathlib import Path

import pytest
from submissions.codes import perform, saved


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, without_workers: None, without_the_shipped_table: None) -> Path:
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
