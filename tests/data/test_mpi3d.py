"""MPI3D is mapped where it lies inside its .npz; one that cannot be mapped or is not MPI3D is named with its fault."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import data
from bench.data.base import Card, DataError

StandIn = Callable[..., Card]
NAMES = ["mpi3d_toy", "mpi3d_realistic", "mpi3d_real"]


def load(name: str) -> Any:
    return data._loaded.__wrapped__(name)


@pytest.mark.parametrize("name", NAMES)
def test_images_are_those_of_the_npz_and_nothing_else_is_written(name: str, stand_in: StandIn, tmp_path: Path) -> None:
    card = stand_in(name)
    expected = np.load(tmp_path / card.files[0].name)["images"]
    np.testing.assert_array_equal(load(name).pixels, expected)
    assert {p.suffix for p in (tmp_path / "mpi3d").iterdir()} == {".npz", ".json"}


def test_an_array_among_others_is_found(stand_in: StandIn, tmp_path: Path) -> None:
    def save(file: Any, images: Any) -> None:
        np.savez(file, first=np.arange(1000), images=images, last=np.arange(3))

    card = stand_in("mpi3d_toy", save=save)
    np.testing.assert_array_equal(load("mpi3d_toy").pixels, np.load(tmp_path / card.files[0].name)["images"])


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"save": np.savez_compressed}, r"images\.npy is compressed"),
        ({"save": lambda file, images: np.savez(file, others=images)}, r"no item named 'images\.npy'"),
        ({"save": lambda file, images: file.write(b"no archive")}, "not a zip file"),
        ({"images": np.zeros((127, 64, 64, 3), np.uint8)}, r"uint8 \(127, 64, 64, 3\), not uint8 \(128, 64"),
        ({"images": np.zeros((128, 64, 64, 3), np.int16)}, "int16"),
        ({"images": np.asfortranarray(np.zeros((128, 64, 64, 3), np.uint8))}, "columns first"),
        ({"images": np.array([print, None])}, "holds objects"),
    ],
)
def test_a_file_that_is_not_mpi3d_is_told(stand_in: StandIn, options: dict[str, Any], fault: str) -> None:
    stand_in("mpi3d_toy", **options)
    with pytest.raises(DataError, match=rf"mpi3d_toy\.npz is not what the card of mpi3d_toy says: .*{fault}"):
        load("mpi3d_toy")
