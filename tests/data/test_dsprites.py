"""dSprites is dSprites to the pixel; its noise is uniform and new in every epoch; a damaged file is drawn again."""

import hashlib
import logging
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from bench import data
from bench.data import dsprites, sprites
from bench.data.base import Card, File
from bench.data.files import NoSourceError, state_of
from bench.store.files import StoreError

GOLDEN = Path(__file__).parents[1] / "golden"
PACKED = "3a228f4037ef3d42a42588e0e01f1078aa2df13cfa17584e88c95ed9fb5672da"
FRAMES = "3d38f770e7694ba6ba5430c6f6eb71df0a62d538c867bcc5b19aebdb15d2d9e3"


@pytest.fixture
def small_card(monkeypatch: pytest.MonkeyPatch) -> Card:
    """dSprites of one shape, scale and orientation."""
    block = next(sprites.blocks())
    monkeypatch.setattr(dsprites, "blocks", lambda: iter([block]))
    file = File("dsprites/packed.bin", sha256=hashlib.sha256(block).hexdigest())
    factors = {"factor_names": ("x", "y"), "factor_sizes": (32, 32), "categorical": ()}
    return replace(data.card("dsprites"), num_images=1024, files=(file,), **factors)


def test_published_frames_are_met_to_the_pixel() -> None:
    golden = np.load(GOLDEN / "dsprites_frames.npz")
    dataset = data.load_data("dsprites")
    frames = dataset.images(golden["index"].astype(np.int64))[..., 0].astype(np.uint8)
    assert hashlib.sha256(np.packbits(frames, axis=-1)).hexdigest() == FRAMES
    np.testing.assert_array_equal(dataset.index(golden["latents"].astype(np.int64)), golden["index"])


def test_all_images_drawn_anew_have_the_known_checksum() -> None:
    drawn = hashlib.sha256()
    for block in sprites.blocks():
        drawn.update(block)
    assert drawn.hexdigest() == PACKED == data.card("dsprites").files[0].sha256


def test_the_last_orientation_is_the_first() -> None:
    first, *_, last = islice(sprites.blocks(), 40)
    assert first == last


def test_dsprites_are_the_same_in_every_epoch() -> None:
    dataset = data.load_data("dsprites")
    np.testing.assert_array_equal(dataset.images([7], 0), dataset.images([7], 9))


def test_noise_differs_between_images_and_epochs() -> None:
    noisy = data.load_data("noisy_dsprites")
    first, again, other_image, other_epoch = (noisy.images([i], e)[0] for i, e in ((9, 3), (9, 3), (10, 3), (9, 4)))
    assert (first == again).all()
    for other in (other_image, other_epoch):
        assert abs(np.corrcoef(first[:4].ravel(), other[:4].ravel())[0, 1]) < 0.15


def test_noise_is_uniform_in_each_channel_and_white_where_the_sprite_is() -> None:
    index = np.arange(0, 64 * 32, 32)
    noisy = data.load_data("noisy_dsprites").images(index)
    on = data.load_data("dsprites").images(index)[..., 0] == 1
    assert (noisy[on] == 1).all()
    shares = [np.histogram(noisy[~on][:, c], bins=10, range=(0, 1))[0] / (~on).sum() for c in range(3)]
    np.testing.assert_allclose(shares, 0.1, atol=0.003)
    assert abs(np.corrcoef(noisy[~on].T)[0, 1]) < 0.01


def test_a_truncated_file_is_drawn_again_and_says_so(
    small_card: Card, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = dsprites.load(small_card, tmp_path).images([5])
    packed = tmp_path / "dsprites" / "packed.bin"
    packed.write_bytes(packed.read_bytes()[:1000])
    with caplog.at_level(logging.INFO):
        again = dsprites.load(small_card, tmp_path).images([5])
    np.testing.assert_array_equal(again, whole)
    assert f"{packed} is damaged, replacing it" in caplog.text


def test_a_machine_that_draws_other_pixels_is_told_so(small_card: Card, tmp_path: Path) -> None:
    card = replace(small_card, files=(replace(small_card.files[0], sha256="0" * 64),))
    with pytest.raises(NoSourceError, match=r"wrong checksum of dsprites/packed\.bin"):
        dsprites.load(card, tmp_path)
    assert state_of(card.files[0], tmp_path) == "not fetched"


def test_a_folder_that_cannot_be_written_is_named(small_card: Card, tmp_path: Path) -> None:
    (tmp_path / "dsprites").write_text("a file, not a folder")
    with pytest.raises(StoreError, match=r"cannot write .*dsprites"):
        dsprites.load(small_card, tmp_path)
