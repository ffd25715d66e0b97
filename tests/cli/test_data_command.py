"""`python -m bench data` makes what it can ready, lists what is missing, and says where that comes from."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import data
from bench.__main__ import perform
from bench.cli import commands
from bench.data.files import NoSourceError
from bench.store import shipped
from bench.values import ConfigError


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of downloads, with dSprites alone."""
    try:
        data.fetch("dsprites")
    except NoSourceError as fault:
        pytest.skip(str(fault))
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "dsprites").symlink_to(shipped.downloads_dir() / "dsprites")
    monkeypatch.setenv("BENCH_DATA", str(folder))
    data.forget()
    yield folder
    data.forget()


def test_a_missing_set_is_listed_with_its_address_and_the_others_are_made_ready(
    downloads: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert perform(["data", "dataset=[shapes3d,color_dsprites]", f"results_dir={tmp_path}"]) == 1
    printed = capsys.readouterr()
    rows = {line.split()[1]: line for line in printed.out.splitlines() if "64x64" in line}
    assert "not fetched" in rows["shapes3d"]
    assert rows["color_dsprites"].count("ready") == 2
    assert (tmp_path / "datasets" / "color_dsprites.png").exists()
    place = downloads / "shapes3d" / "3dshapes.h5"
    address = "https://storage.googleapis.com/3d-shapes/3dshapes.h5"
    assert f"{place} is not fetched: save {address} there (md5 099a2078d58cec4daad0702c55d06868)" in printed.err


@pytest.mark.usefixtures("downloads")
def test_when_all_are_ready_the_command_succeeds(tmp_path: Path) -> None:
    assert perform(["data", "dataset=dsprites", f"results_dir={tmp_path}"]) == 0


def test_a_file_that_its_makers_replaced_is_accepted_by_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    place = tmp_path / "mpi3d" / "mpi3d_real.npz"
    place.parent.mkdir()
    place.write_bytes(b"the new file")
    sha256 = hashlib.sha256(b"the new file").hexdigest()
    settings = {"stage": "data", "what": None, "dataset": ["mpi3d_real"], "accept": None}
    settings |= {"results_dir": tmp_path / "results"}
    assert commands.perform(settings, {}) == 1
    assert f"python -m bench data dataset=mpi3d_real accept={sha256}" in capsys.readouterr().err.replace("\n", " ")
    assert data.state("mpi3d_real") == "damaged"
    assert commands.perform(settings | {"accept": sha256}, {}) == 1  # it is no MPI3D, but is taken for the card's file
    assert "mpi3d_real.npz is not what the card of mpi3d_real says: " in capsys.readouterr().err
    assert data.state("mpi3d_real") == "ready"
    with pytest.raises(ConfigError, match="accept=SHA256 is of one data set"):
        commands.perform(settings | {"accept": sha256, "dataset": ["mpi3d_real", "mnist"]}, {})
