"""A sprite inverts a crop of the painting, which is averaged with one colour; any picture may be the painting."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import data
from bench.data.base import Card, DataError, DataSet
from bench.data.files import NoSourceError

StandIn = Callable[..., Card]
INDEX = np.arange(0, 64 * 350, 350)


def scream() -> DataSet:
    return data._loaded.__wrapped__("scream_dsprites")


def test_a_pixel_of_the_sprite_is_one_minus_the_background(stand_in: StandIn) -> None:
    stand_in("scream_dsprites")
    few = INDEX[::4]
    images, on = scream().images(few, 2), data.load_data("dsprites").images(few)[..., 0] == 1
    crops = background_crops(images, on)
    assert crops.all(), f"images {np.flatnonzero(~crops)} are no crop with a colour"


def background_crops(images: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Whether each image is, its sprite inverted back, twice a crop of the painting less one colour in (0, 1)^3."""
    painting = scream().painting
    found = np.zeros(len(images), bool)
    restored = 2 * np.where(on[..., None], 1 - images, images)
    for row in range(painting.shape[0] - 64):
        for column in range(painting.shape[1] - 64):
            colour = restored - painting[row : row + 64, column : column + 64]
            span = np.ptp(colour[:, ::9, ::9].reshape(len(images), -1, 3), axis=1).max(axis=1)
            for i in np.flatnonzero(span < 1e-5):
                assert np.ptp(colour[i].reshape(-1, 3), axis=0).max() < 1e-5
                assert 0 < colour[i].min() < colour[i].max() < 1
                found[i] = True
    return found


def test_crops_and_colours_are_spread_over_all_there_are(stand_in: StandIn) -> None:
    from bench import random_bits
    from bench.data.scream_dsprites import _draws

    stand_in("scream_dsprites")
    own = scream()
    key = random_bits.fold(own.key, np.arange(20_000, dtype=np.int32))
    row, column, colour = _draws(key, own.places, own.corners)
    assert (np.bincount(row, minlength=own.corners[0]) > 0).all()
    assert (np.bincount(column, minlength=own.corners[1]) > 0).all()
    np.testing.assert_allclose(
        np.quantile(colour, [0.25, 0.5, 0.75], axis=0), [[q] * 3 for q in (0.25, 0.5, 0.75)], atol=0.02
    )


def test_crop_and_colour_differ_between_images_and_epochs_and_come_again(stand_in: StandIn) -> None:
    stand_in("scream_dsprites")
    own = scream()
    first, again, other_epoch = (own.images(INDEX, e)[:, 0, 0] for e in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(np.concatenate([first, other_epoch]), axis=0)) == 2 * len(INDEX)


def test_a_large_painting_is_shrunk_to_fit_350_by_274(stand_in: StandIn) -> None:
    stand_in("scream_dsprites", size=(800, 400))
    assert scream().painting.shape == (274, 137, 3)


def test_a_painting_that_is_missing_is_named_with_where_to_get_it(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in("scream_dsprites")
    (tmp_path / "scream" / "scream.jpg").unlink()
    with pytest.raises(NoSourceError, match=r"scream\.jpg is not fetched: save one of your choice.*The_Scream\.jpg"):
        scream()


@pytest.mark.parametrize(
    ("size", "fault"), [((64, 200), "200x64 pixels once shrunk"), ((2000, 64), "pixels once shrunk")]
)
def test_a_painting_that_is_too_small_is_named(stand_in: StandIn, size: tuple[int, int], fault: str) -> None:
    stand_in("scream_dsprites", size=size)
    with pytest.raises(DataError, match=rf"scream\.jpg has .*{fault.split(' ', 1)[1]}"):
        scream()


@pytest.mark.parametrize("spoil", [lambda picture: b"no picture", lambda picture: picture[:300]])
def test_a_file_that_is_no_whole_picture_is_named(
    stand_in: StandIn, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    stand_in("scream_dsprites")
    path = tmp_path / "scream" / "scream.jpg"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=r"scream\.jpg is not a picture"):
        scream()


def test_another_painting_is_not_taken_for_the_first(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in("scream_dsprites")
    path = tmp_path / "scream" / "scream.jpg"
    before, first = scream().images([5]), path.read_bytes()
    Image.new("RGB", (100, 100)).save(path, "png")
    with pytest.raises(NoSourceError, match=r"scream\.jpg is not the one first used: .*scream\.jpg\.verified\.json"):
        scream()
    path.write_bytes(first)
    np.testing.assert_array_equal(scream().images([5]), before)
