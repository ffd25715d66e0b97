"""`python -m bench data` makes what it can ready, lists what is missing, and says where that comes from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import data, store
from bench.data.files import NoSourceError


def run(downloads: Path, results: Path, datasets: str) -> subprocess.CompletedProcess[str]:
    words = ["data", f"dataset={datasets}", f"results_dir={results}"]
    environment = os.environ | {"BENCH_DATA": str(downloads)}
    return subprocess.run([sys.executable, "-m", "bench", *words], capture_output=True, text=True, env=environment)


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """A folder with dSprites alone."""
    try:
        data.fetch("dsprites")
    except NoSourceError as fault:
        pytest.skip(str(fault))
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "dsprites").symlink_to(store.downloads_dir() / "dsprites")
    return folder


def test_a_missing_set_is_listed_with_its_address_and_the_others_are_made_ready(
    downloads: Path, tmp_path: Path
) -> None:
    ended = run(downloads, tmp_path, "[shapes3d,color_dsprites]")
    assert ended.returncode == 1
    rows = {line.split()[1]: line for line in ended.stdout.splitlines() if "64x64" in line}
    assert "not fetched" in rows["shapes3d"]
    assert rows["color_dsprites"].count("ready") == 2
    assert (tmp_path / "datasets" / "color_dsprites.png").exists()
    place = downloads / "shapes3d" / "3dshapes.h5"
    address = "https://storage.googleapis.com/3d-shapes/3dshapes.h5"
    assert f"{place} is not fetched: save {address} there (md5 099a2078d58cec4daad0702c55d06868)" in ended.stderr


def test_when_all_are_ready_the_command_succeeds(downloads: Path, tmp_path: Path) -> None:
    assert run(downloads, tmp_path, "dsprites").returncode == 0
