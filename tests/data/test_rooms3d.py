"""Rooms are drawn as 3D Shapes was, nearly: published images are met within a quarter of a grey level."""

import colorsys
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import data
from bench.data import hue_tables
from bench.data import rooms as scene
from bench.data.base import Card, DataSet
from bench.data.hue_tables import HUES, KIND_BITS, blocks
from bench.data.rooms import SKY, View, view
from bench.data.rooms3d import Rooms
from bench.data.solids import SHAPES

GOLDEN = Path(__file__).parents[1] / "golden"
SKY_COLOUR = (153, 226, 249)
REAL_MEANS = np.array(
    [0.502584966788819, 0.5787597566089667, 0.6034499731859578]
)  # of 3D Shapes, by the library disent

cached_view = cache(view)


@pytest.fixture
def rooms(stand_in: Callable[..., Card]) -> DataSet:
    """One scale, two shapes and two azimuths, in all hues."""
    stand_in("rooms3d")
    return data._loaded.__wrapped__("rooms3d")


def picture(seen: View, hues: tuple[int, ...]) -> np.ndarray:
    """A geometry in three hues: coloured large, then reduced."""
    floor, wall, solid = (colorsys.hsv_to_rgb(hue / 10, 1, 1) for hue in hues)
    colour = np.array([(0, 0, 0), floor, wall, solid])[seen.region]
    large = np.floor(np.minimum(colour * seen.shade[..., None] + seen.gloss[..., None], 1) * 255 + 0.5)
    large[seen.region == SKY] = SKY_COLOUR
    return np.asarray(Image.fromarray(large.astype(np.uint8)).resize((64, 64), Image.Resampling.LANCZOS))


def test_an_image_is_its_geometry_in_its_hues(rooms: DataSet) -> None:
    index = np.random.default_rng(0).choice(len(rooms), 60, replace=False)
    for image, (*hues, scale, shape, azimuth) in zip(rooms.images(index), rooms.factors(index), strict=True):
        expected = picture(cached_view(SHAPES[shape], int(scale), int(azimuth)), tuple(hues))
        np.testing.assert_array_equal(image, expected / np.float32(255))


def test_published_images_on_which_nothing_was_fitted_are_met_within_a_quarter_of_a_grey_level() -> None:
    golden = np.load(GOLDEN / "rooms3d_frames.npz")
    held_back = golden["held_back"]
    drawn = np.stack(
        [picture(view(SHAPES[s], k, a), tuple(hues)) for *hues, k, s, a in golden["factors"][held_back].tolist()]
    )
    difference = np.abs(drawn[:, 1:, 1:63].astype(int) - golden["frames"][held_back])
    assert difference.mean() < 0.262
    assert (difference == 0).mean() > 0.854
    assert (difference <= 1).mean() > 0.967
    assert (difference <= 3).mean() > 0.987


def test_no_pixel_sees_both_sky_and_floor(rooms: DataSet) -> None:
    assert isinstance(rooms, Rooms)
    assert (rooms.places & ((1 << KIND_BITS) - 1)).max() < 0b1100


def test_where_an_object_reaches_the_sky_each_channel_has_its_own_values() -> None:
    seen = view("pill", 7, 3)
    cases = hue_tables._cases(seen)
    for hues in np.random.default_rng(0).integers(10, size=(8, 3)):
        for channel, levels in enumerate(HUES[hues].T):
            np.testing.assert_array_equal(cases[channel, *levels], picture(seen, tuple(hues))[..., channel])


@pytest.mark.parametrize("change", [1e-14, -1e-14])
def test_rounding_moves_no_vertex_that_lies_on_the_grid_of_the_rasteriser(
    change: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh, exact = scene.solid("pill", 1.0), scene.Camera(4)
    monkeypatch.setattr(scene, "AZIMUTHS", scene.AZIMUTHS + change)
    for ours, other in zip(exact.project(mesh.vertices), scene.Camera(4).project(mesh.vertices), strict=True):
        np.testing.assert_allclose(ours, other, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_all_geometries_drawn_anew_have_the_known_checksum_and_nearly_the_means_of_3d_shapes() -> None:
    card = data.card("rooms3d")
    file = b"".join(blocks(*card.factor_sizes[3:]))
    assert hashlib.sha256(file).hexdigest() == card.files[0].sha256
    places = np.frombuffer(file, "<i4", 480 * 4096)
    levels = np.frombuffer(file, np.uint8, offset=places.nbytes)
    means = np.array([mean(places, levels, channel) for channel in range(3)])
    np.testing.assert_allclose(means, [0.5025171083, 0.5785327322, 0.6032214741], rtol=0, atol=1e-9)
    assert (np.abs(means - REAL_MEANS) * 255 < 0.06).all()


def mean(places: np.ndarray, levels: np.ndarray, channel: int) -> float:
    """Of a channel over all images: each value of a pixel as often as its hues make it."""
    often = np.bincount(HUES[:, channel], minlength=6) / 10
    parts = [np.eye(3)[channel], often, often, often]
    total = 0.0
    for kind in np.unique(places & 15):
        share = np.ones(1)
        for k, part in enumerate(parts):
            share = np.multiply.outer(share, part).ravel() if kind >> (3 - k) & 1 else share
        first = places[(places & 15) == kind] >> 4
        total += sum((levels[f[:, None] + np.arange(len(share))] @ share).sum() for f in np.array_split(first, 20))
    return total / len(places) / 255
