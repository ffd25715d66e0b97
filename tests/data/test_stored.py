"""Files that users bring are checked, converted once where they must be, and read through a map."""

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bench import data
from bench.data.base import Card, DataSet
from bench.data.files import NoSourceError
from bench.data.stored import shrunk

StandIn = Callable[..., Card]
CONVERTED = ["cars3d", "shapes3d", "smallnorb"]
STORED = [*CONVERTED, "mpi3d_toy"]


def load(name: str) -> Any:
    return data._loaded.__wrapped__(name)


def refuse(self: DataSet) -> None:
    pytest.fail("it was converted again")


@pytest.mark.parametrize("name", STORED)
def test_pixels_are_bytes_over_255(name: str, stand_in: StandIn) -> None:
    stand_in(name)
    own = load(name)
    index = [7, 0, 7]
    np.testing.assert_array_equal(own.images(index), own.pixels[index] / np.float32(255))


@pytest.mark.parametrize("name", STORED)
def test_a_missing_file_is_named_with_its_address_place_and_checksum(
    name: str, stand_in: StandIn, tmp_path: Path
) -> None:
    file = stand_in(name).files[-1]
    (tmp_path / file.name).unlink()
    with pytest.raises(NoSourceError) as told:
        load(name)
    for part in (str(tmp_path / file.name), "is not fetched", *file.urls, *(file.checksum or ())):
        assert part in str(told.value)


@pytest.mark.parametrize("name", STORED)
def test_a_truncated_file_is_named_and_nothing_is_made_of_it(name: str, stand_in: StandIn, tmp_path: Path) -> None:
    path = tmp_path / stand_in(name).files[0].name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(NoSourceError, match=rf"{path.name} is damaged: save http"):
        load(name)
    assert not list(tmp_path.rglob("*.npy"))


@pytest.mark.parametrize("name", CONVERTED)
def test_files_are_converted_once(name: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(name)
    first = load(name).images([3])
    monkeypatch.setattr(type(load(name)), "pieces", refuse)
    np.testing.assert_array_equal(load(name).images([3]), first)


@pytest.mark.parametrize("name", CONVERTED)
def test_a_converted_file_that_was_cut_short_is_made_again_and_says_so(
    name: str, stand_in: StandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in(name)
    whole = load(name).images([3])
    path = tmp_path / name / "images.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with caplog.at_level(logging.INFO):
        np.testing.assert_array_equal(load(name).images([3]), whole)
    assert f"converting its files into {path}" in caplog.text


def test_other_files_under_the_same_names_are_converted_anew(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in("shapes3d")
    first = load("shapes3d").images([3])
    card = stand_in("shapes3d", images=np.full((144, 64, 64, 3), 51, np.uint8))
    assert card.num_images == 144
    assert (load("shapes3d").images([3]) == np.float32(0.2)).all()
    assert (first != np.float32(0.2)).any()


def test_images_are_resized_by_lanczos_filter() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), np.uint8)
    expected = Image.fromarray(images[1]).resize((32, 64), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(shrunk(images, 64, 32)[1], expected)
    flat = np.full((1, 96, 96), 77, np.uint8)
    assert (shrunk(flat, 64, 64) == 77).all()


def test_every_set_with_files_to_download_names_an_address_for_each() -> None:
    for name in STORED:
        assert all(url.startswith("http") for file in data.card(name).files for url in file.urls or ("none",))


def test_the_shipped_cards_keep_the_numbers_of_the_papers() -> None:
    sizes = {name: data.card(name).factor_sizes for name in STORED}
    assert sizes["cars3d"] == (4, 24, 183)
    assert sizes["shapes3d"] == (10, 10, 10, 8, 4, 15)
    assert sizes["smallnorb"] == (5, 9, 18, 6)
    assert sizes["mpi3d_toy"] == (6, 6, 2, 3, 3, 40, 40)


def test_images_stay_off_a_device_that_they_would_fill(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in("mpi3d_toy")
    own = load("mpi3d_toy")
    about = SimpleNamespace(total_memory=3 * own.pixels.nbytes)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: about)
    assert own.resident(torch.device("cuda")) is None
