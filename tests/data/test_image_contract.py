"""What a data set's read() gives are float32 images in [0, 1] of the card's shape; anything else is told the mend."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench import data
from bench.data import base
from bench.data.base import Card, DataError, DataSet
from bench.data.image_contract import check_shape
from bench.data.pooled import at_size

CARD = Card("made", "Made", "made", 600, (8, 8, 1), ("n",), (600,), True, "", "", "", "")


class Made(DataSet):
    """Images of one grey each, given as somebody's code may give them."""

    def __init__(self, change: Callable[[Any], Any], channels: int = 1) -> None:
        super().__init__(replace(CARD, image_shape=(8, 8, channels)))
        self.change = change

    def read(self, index: Any, epoch: Any) -> Any:
        grey = (index / 599).astype(np.float32)[:, None, None, None]
        return self.change(np.broadcast_to(grey, (len(index), *self.card.image_shape)).copy())


def torch_half(images: Any) -> Any:
    import torch

    return torch.tensor(images).half()


@pytest.mark.parametrize("change", [lambda i: i, lambda i: i.astype(np.float64), lambda i: i.tolist(), torch_half])
def test_floats_of_any_width_and_library_are_taken(change: Callable[[Any], Any]) -> None:
    images = Made(change).images([0, 300, 599])
    assert images.dtype == np.float32
    np.testing.assert_allclose(images[:, 0, 0, 0], [0, 300 / 599, 1], atol=1e-3)


REFUSED: dict[str, tuple[int, Callable[[Any], Any], str]] = {
    "bytes": (1, lambda i: (255 * i).astype(np.uint8), r"is of uint8, .*: images\.astype\(np\.float32\) / 255"),
    "binary bytes": (1, lambda i: (i > 0.5).astype(np.uint8), r"is of uint8, .*: images\.astype\(np\.float32\)$"),
    "0..255": (3, lambda i: 255 * i, r"values from 0 to 255, not in \[0, 1\]: images / 255"),
    "-1..1": (3, lambda i: 2 * i - 1, r"values from -1 to 1, not in \[0, 1\]: \(images \+ 1\) / 2"),
    "standardised": (3, lambda i: (i - 0.5) / 0.1, r"values from -5 to 5, .*: np\.clip\(images, 0, 1\), or scale them"),
    "NaN": (1, lambda i: i / 0 * 0, "NaN or infinite values"),
    "channels first": (3, lambda i: np.moveaxis(i, -1, 1), r"\(3, 3, 8, 8\), not .* first: np\.moveaxis\(images"),
    "no channel": (1, lambda i: i[..., 0], r"the batch is \(3, 8, 8\), not \(3, 8, 8, 1\): images\[\.\.\., None\]"),
    "another size": (1, lambda i: i[:, :4], r"\(3, 4, 8, 1\), not \(3, 8, 8, 1\), as the card's image_shape"),
    "an image too few": (1, lambda i: i[1:], r"\(2, 8, 8, 1\), not \(3, 8, 8, 1\)"),
    "nothing": (1, lambda i: None, "the batch cannot be read as an array: it is None"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_image_in_the_unit_interval_is_told_with_the_mend(what: str) -> None:
    channels, change, fault = REFUSED[what]
    for images in (Made(change, channels), at_size(Made(change, channels), 4)):
        with pytest.raises(DataError, match=rf"read\(\) of made \(Made\): .*{fault}"):
            images.images([0, 300, 599])


def test_values_are_checked_once_a_data_set() -> None:
    made = Made(lambda images: images)
    made.images(np.arange(base.MAX_CHECKED))
    made.change = lambda images: 255 * images
    assert made.images([599]).max() == 255
    made.change = lambda images: (255 * images).astype(np.uint8)
    with pytest.raises(DataError, match="uint8"):
        made.images([599])


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        ((64, 64), r"\(64, 64\) is not \(height, width, channels\)"),
        ((0, 64, 1), r"is not \(height, width, channels\)"),
        ((3, 64, 64), r"has channels first: let read\(\) return np\.moveaxis\(images, 1, -1\)"),
        ((64, 64, 2), "has 2 channels, pictures have 1 or 3: let read.. add a third, or make a factor of the second"),
        (
            (64, 64, 4),
            r"has 4 channels, pictures have 1 or 3: let read\(\) leave out the transparency, images\[..., :3\]",
        ),
        ((64, 64, 7), r"has 7 channels, pictures have 1 or 3"),
    ],
)
def test_a_card_of_other_images_is_told_the_mend(shape: tuple[int, ...], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        check_shape(shape)
    with pytest.raises(ValueError, match=fault):
        replace(CARD, image_shape=shape)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        ((28, 28, 1), "image_size 32 does not divide the 28x28 images of made: .* may be 28, 14, 7, 4, 2, 1"),
        ((64, 96, 3), "the 64x96 images of made are not square: crop or pad them"),
    ],
)
def test_a_size_at_which_images_cannot_be_had_is_told_those_at_which_they_can(
    shape: tuple[int, int, int], fault: str
) -> None:
    made = Made(lambda images: images)
    made.card = replace(CARD, image_shape=shape)
    with pytest.raises(ValueError, match=fault):
        at_size(made, 32)


def test_a_card_of_other_sizes_needs_a_data_set_that_has_them() -> None:
    made = Made(lambda images: images)
    made.card = replace(CARD, other_sizes=(6,))
    with pytest.raises(DataError, match=r"has other_sizes, so Made needs resized\(size\)"):
        at_size(made, 6)


def test_values_are_classes_divided_as_the_card_says_at_any_resolution() -> None:
    made = Made(lambda images: images)
    assert made.values([3, 599]).tolist() == [[3.0], [599.0]]
    made.card = replace(CARD, factor_divisors=(599,))
    assert at_size(made, 4).values([0, 599]).tolist() == made.values([0, 599]).tolist() == [[0.0], [1.0]]


@pytest.mark.parametrize("divisors", [(1, 2), (0,), (-1.0,), (float("nan"),), (float("inf"),), (True,)])
def test_divisors_that_cannot_be_meant_are_refused(divisors: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="factor_divisors"):
        replace(CARD, factor_divisors=divisors)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ([[1.0]], "must be a numpy array of floats"),
        (np.zeros((32, 1), int), r"floats \(32, 1\), got int64 \(32, 1\)"),
        (np.zeros((32, 2)), r"got float64 \(32, 2\)"),
        (np.full((32, 1), np.nan), "32 NaN or infinite numbers"),
    ],
)
def test_a_data_set_whose_values_are_none_is_named(values: Any, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(lambda images: images)
    made.values = lambda index: values  # type: ignore[method-assign]
    monkeypatch.setattr(data, "load_data", lambda name: made)
    with pytest.raises(DataError, match=rf"values\(\) of made .*{fault}"):
        data.fetch("made")


def test_a_card_without_a_grid_needs_factors_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ungridded(Made):
        def __init__(self) -> None:
            DataSet.__init__(self, replace(CARD, grid=False))

    with pytest.raises(DataError, match=r"made says grid: false, so Ungridded needs a method factors\(index\)"):
        Ungridded()
    Ungridded.factors = lambda self, index: np.zeros((len(index), 1), int)  # type: ignore[method-assign, assignment]
    assert Ungridded().factors([3]).tolist() == [[0]]


def fetched(made: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load_data", lambda name: made)
    data.fetch("made")


def test_images_and_factors_are_looked_at_before_a_data_set_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched(Made(lambda images: images), monkeypatch)
    with pytest.raises(DataError, match=r"read\(\) of made .*images / 255"):
        fetched(Made(lambda images: 255 * images), monkeypatch)
    with pytest.raises(DataError, match="made cannot be read: ZeroDivisionError"):
        fetched(Made(lambda images: 1 // 0), monkeypatch)
    wrong = Made(lambda images: images)
    wrong.factors = lambda index: np.asarray(index)[:, None] + 1  # type: ignore[method-assign]
    with pytest.raises(DataError, match=r"factors\(\) of made: n has values 0\.\.599, got 1\.\.600"):
        fetched(wrong, monkeypatch)
    for given, there in (
        (np.zeros((32, 2), int), r"int64 \(32, 2\)"),
        (np.zeros((32, 1)), "float64"),
        ([[0]] * 32, "list"),
    ):
        wrong.factors = lambda index, given=given: given  # type: ignore[method-assign, misc]
        with pytest.raises(DataError, match=rf"factors\(\) of made must be .* integers \(n, 1\), got {there}"):
            fetched(wrong, monkeypatch)


def test_a_data_set_shows_what_it_is() -> None:
    assert repr(Made(lambda images: images)) == "<made: 600 images of 8x8x1; factors n 600>"
