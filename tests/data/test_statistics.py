"""Means and deviations of all images are computed once, told beside published ones, and warned of where they differ."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import data
from bench.data.base import Card, DataSet
from bench.data.statistics import check_statistics, measured

IMAGES = np.random.default_rng(0).random((1500, 4, 4, 3), np.float32)
MEAN = IMAGES.mean(axis=(0, 1, 2), dtype=np.float64).tolist()
STD = IMAGES.astype(np.float64).reshape(1500, 16, 3).std(axis=1, ddof=1).mean(axis=0).tolist()


class Noise(DataSet):
    read_images = 0

    def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
        self.read_images += len(index)
        return IMAGES[index]


def noise(**statistics: Any) -> Noise:
    card = Card("noise", "Noise", "noise", 1500, (4, 4, 3), (), (), False, "", "", "", "", statistics=statistics)
    return Noise(card)


def test_they_are_of_every_pixel_and_of_the_pixels_of_each_image() -> None:
    found = measured(noise())
    np.testing.assert_allclose(found["mean"], MEAN, atol=1e-6)
    np.testing.assert_allclose(found["std"], STD, atol=1e-6)


def test_they_are_computed_once_and_told_with_the_published_ones(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    images = noise(mean=MEAN, std=STD, within=1e-4)
    assert check_statistics(images, tmp_path)
    told = " ".join(f"{value:.6f}" for value in MEAN)
    assert f"noise: mean {told}, published {told}" in caplog.messages
    caplog.clear()
    assert check_statistics(images, tmp_path)
    assert images.read_images == 1500
    assert caplog.messages == []


def test_a_reader_of_other_pixels_is_warned_of_each_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    images = noise(mean=MEAN[::-1], within=1e-4)
    for _ in range(2):
        caplog.clear()
        assert not check_statistics(images, tmp_path)
        assert caplog.records[-1].levelno == logging.WARNING
        assert "more than 0.0001 away: the file or its reader is another one" in caplog.messages[-1]


def test_another_version_is_computed_again(tmp_path: Path) -> None:
    images = noise(mean=MEAN, within=1e-4)
    check_statistics(images, tmp_path)
    images.card = replace(images.card, version=2)
    check_statistics(images, tmp_path)
    assert images.read_images == 3000


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "noise").write_text("a file in the way")
    images = noise(mean=MEAN, within=1e-4)
    assert check_statistics(images, tmp_path)
    assert check_statistics(images, tmp_path)
    assert images.read_images == 3000


@pytest.mark.parametrize(
    "statistics", [{"mean": [0.1], "within": 1}, {"mean": [0.1] * 3}, {"within": 1}, {"middle": [1], "within": 1}]
)
def test_a_card_with_other_statistics_is_wrong(statistics: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="statistics"):
        noise(**statistics)


def test_cards_of_files_that_others_measured_have_them() -> None:
    assert {name for name in data.packaged() if data.card(name).statistics} >= {
        "cars3d", "mpi3d_real", "mpi3d_toy", "shapes3d", "smallnorb",
    }  # fmt: skip


def test_of_a_checkerboard_they_are_known() -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2).astype(np.float32)[None, :, :, None]

    class Board(DataSet):
        def read(self, index: NDArray[np.int64], epoch: NDArray[np.int32]) -> NDArray[np.float32]:
            return np.repeat(board, len(index), axis=0)

    found = measured(Board(Card("board", "", "", 3, (64, 64, 1), (), (), False, "", "", "", "")))
    assert found["mean"] == [0.5]
    assert found["std"] == pytest.approx([0.5 * (4096 / 4095) ** 0.5])
