"""A trained model says what images and codes it takes."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import bench
from bench import registry
from bench.models.base import ModelError
from bench.models.parts.stacked import Stacked
from bench.scoring.codes import EncodingError

IMAGES = np.random.default_rng(0).random((3, 32, 32, 1), np.float32)


@pytest.fixture(scope="module")
def model() -> Stacked:
    built: Stacked = registry.load("models", "beta_vae")((32, 32, 1), "small", 2, (0,), [{"beta": 1.0}])
    return built


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            IMAGES[0],
            r"images must be of shape \(n, height, width, channels\), here \(n, 32, 32, 1\), got \(32, 32, 1\)",
        ),
        (IMAGES.transpose(0, 3, 1, 2), r"got \(3, 1, 32, 32\)"),
        (IMAGES[:, ::2, ::2], r"got \(3, 16, 16, 1\)"),
        ((255 * IMAGES).astype(np.uint8), r"numbers in \[0, 1\], got 0 to 25\d: bytes are divided by 255"),
        (np.where(IMAGES > 0.99, np.nan, IMAGES), "got nan to nan"),
    ],
)
def test_images_of_another_form_are_refused(model: Stacked, images: np.ndarray, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        model.encode(images)


def test_codes_of_another_form_are_refused(model: Stacked) -> None:
    with pytest.raises(ModelError, match=r"codes must be of shape \(n, 2\), got \(3, 5\)"):
        model.decode(np.zeros((3, 5), np.float32))


def test_images_and_codes_of_its_form_are_taken(model: Stacked) -> None:
    mean, _ = model.encode(IMAGES)
    assert mean.shape == (3, 2)
    assert model.decode(mean).shape == IMAGES.shape


@pytest.mark.parametrize("kind", [torch.tensor, list, np.float64])
def test_images_and_codes_may_be_of_any_library(model: Stacked, kind: Callable[..., Any]) -> None:
    mean, _ = model.encode(IMAGES)
    np.testing.assert_array_equal(model.encode(kind(IMAGES))[0], mean)
    np.testing.assert_array_equal(model.decode(kind(mean)), model.decode(mean))


def test_what_is_no_array_of_images_or_codes_is_named(model: Stacked) -> None:
    with pytest.raises(ValueError, match="images cannot be read as an array: it is a str"):
        model.encode("a.png")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="codes cannot be read as an array: it is None"):
        model.decode(None)  # type: ignore[arg-type]


def test_what_is_no_data_set_and_no_device_is_named(model: Stacked) -> None:
    with pytest.raises(EncodingError, match=r"a str is no data set: bench\.load_data\('dsprites'\) gives one"):
        bench.encode(model, "dsprites")  # type: ignore[arg-type]
    with pytest.raises(EncodingError, match="there is no device 'cudda': auto, cpu, or one of torch"):
        bench.encode(model, SimpleNamespace(images=IMAGES), [0], device="cudda")  # type: ignore[arg-type]
