"""3D Shapes are the file's own images in its order; a file whose labels or shapes differ is named with its fault."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bench import data
from bench.data.base import Card, DataError
from bench.data.shapes3d import BLOCK

StandIn = Callable[..., Card]
COUNT, SIZES = 144, (3, 2, 2, 2, 2, 3)


def load() -> Any:
    return data._loaded.__wrapped__("shapes3d")


def grid() -> np.ndarray:
    return np.stack(np.unravel_index(np.arange(COUNT), SIZES), axis=1).astype(float)


@pytest.mark.parametrize("block", [1, 25, BLOCK])
def test_images_are_the_files_own_in_its_order(
    block: int, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.data.shapes3d.BLOCK", block)
    card = stand_in("shapes3d")
    with h5py.File(tmp_path / card.files[0].name) as file:
        np.testing.assert_array_equal(load().pixels, file["images"][:])


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"images": np.zeros((143, 64, 64, 3), np.uint8)}, r"`images` is uint8 \(143, 64, 64, 3\), not uint8 \(144"),
        ({"images": np.zeros((144, 64, 64, 3), np.float32)}, "`images` is float32"),
        ({"labels": grid()[:, :5]}, r"`labels` is \(144, 5\), not \(144, 6\)"),
        ({"labels": grid()[:, ::-1]}, "the labels of floor_hue do not run through its 3 values in order"),
        ({"labels": grid() * [1, 1, 1, 0, 1, 1]}, "the labels of scale do not"),
    ],
)
def test_images_or_labels_that_are_not_the_cards_are_told(
    stand_in: StandIn, options: dict[str, Any], fault: str
) -> None:
    stand_in("shapes3d", **options)
    with pytest.raises(DataError, match=rf"3dshapes\.h5 is not what the card of shapes3d says: {fault}"):
        load()


def test_without_h5py_its_installation_is_told(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in("shapes3d")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "h5py", None)
        with pytest.raises(DataError, match=r"takes h5py: pip install 'disentanglement-bench\[shapes3d\]'"):
            load()
    first = load().images([5])
    monkeypatch.setitem(sys.modules, "h5py", None)  # once converted, it is not needed
    np.testing.assert_array_equal(load().images([5]), first)
