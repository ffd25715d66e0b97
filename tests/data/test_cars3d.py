"""Cars3D keeps its cars, azimuths and elevations apart; an archive that is not Cars3D is named with its fault."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from bench import data
from bench.data.base import Card, DataError
from bench.data.stored import shrunk

StandIn = Callable[..., Card]


def load() -> Any:
    return data._loaded.__wrapped__("cars3d")


def test_an_image_is_that_of_its_car_azimuth_and_elevation(stand_in: StandIn, tmp_path: Path) -> None:
    import tarfile

    card = stand_in("cars3d")
    cars = load()
    with tarfile.open(tmp_path / card.files[0].name) as archive:
        for elevation, azimuth, car in [(0, 0, 0), (1, 3, 5), (1, 0, 2), (0, 2, 4)]:
            mat = io.BytesIO(archive.extractfile(f"data/cars/car_{car:03}_mesh.mat").read())  # type: ignore[union-attr]
            picture = scipy.io.loadmat(mat)["im"][:, :, :, azimuth, elevation]
            expected = shrunk(picture[None], 64, 64) / np.float32(255)
            np.testing.assert_array_equal(cars.images(cars.index([[elevation, azimuth, car]])), expected)


@pytest.mark.parametrize("place", ["cars", "cars3d/cars"])
def test_an_unpacked_folder_is_read_where_it_lies(stand_in: StandIn, tmp_path: Path, place: str) -> None:
    import tarfile

    card = stand_in("cars3d")
    expected = load().images(np.arange(card.num_images))
    archive = tmp_path / card.files[0].name
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    archive.unlink()
    (tmp_path / "cars3d" / "images.npy").unlink()
    (tmp_path / "data" / "cars").rename(tmp_path / place)
    assert data.state("cars3d") == "ready"
    np.testing.assert_array_equal(load().images(np.arange(card.num_images)), expected)
    data.verify("cars3d")
    (tmp_path / place / "car_000_mesh.mat").unlink()
    assert data.state("cars3d") == "damaged"
    (tmp_path / f"{place}.verified.json").unlink()
    with pytest.raises(DataError, match=rf"{place} is not what the card of cars3d says: 5 cars, not 6"):
        load()


@pytest.mark.parametrize(("count", "fault"), [(5, "5 cars, not 6"), (7, "more than 6 cars")])
def test_too_few_or_too_many_cars_are_told(stand_in: StandIn, count: int, fault: str) -> None:
    stand_in("cars3d", count=count)
    with pytest.raises(
        DataError, match=rf"nips2015-analogy-data\.tar\.gz is not what the card of cars3d says: {fault}"
    ):
        load()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda im: im[..., :1], r"`im` of data/cars/car_005_mesh\.mat is uint8 \(128, 128, 3, 4, 1\)"),
        (lambda im: im / 255, r"`im` of .* is float64"),
        (lambda im: im[0], r"\(128, 3, 4, 2\)"),
    ],
)
def test_a_car_of_another_shape_is_named(stand_in: StandIn, change: Callable[[Any], Any], fault: str) -> None:
    stand_in("cars3d", change=change)
    with pytest.raises(DataError, match=fault):
        load()


def test_a_car_that_is_no_matlab_file_is_named(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scipy.io, "savemat", lambda file, arrays: file.write(b"no MATLAB file" * 50))
    stand_in("cars3d")
    with pytest.raises(DataError, match=r"car_005_mesh\.mat holds no array `im`"):
        load()
