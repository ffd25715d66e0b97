"""A negative and a positive control with a known outcome: what a beta-VAE makes of xysquares and of xyobject."""

import numpy as np
import pytest
import torch

import bench
from bench import registry
from bench.data import load_data
from bench.data.pooled import at_size
from bench.data.reader import images_on
from bench.training.batches import Batches
from bench.training.fleet import Fleet
from bench.training.stack import Stack, set_precision

pytestmark = pytest.mark.slow
STEPS, IMAGES = 3000, 4000


def mig_and_explained(dataset: str) -> tuple[float, float]:
    """Of a beta-VAE (beta 1, small networks, 3,000 updates of 64 images): MIG, and the share of pixels' variance."""
    set_precision("float32")
    data = at_size(load_data(dataset), 32)
    model = registry.load("models", "beta_vae")(data.card.image_shape, "small", 10, [0], [{"beta": 1.0}])
    fleet = Fleet([Stack(model, Batches(images_on(torch.device("cpu"), data), model, [0], 64), 1e-3)], log_every=STEPS)
    for step in range(STEPS):
        fleet.update(recorded=step + 1 == STEPS)
    index = np.random.default_rng(0).choice(len(data), IMAGES, replace=False)
    images = data.images(index)
    codes, _ = model.encode(images)
    missed = np.square(model.decode(codes) - images).mean() / np.square(images - images.mean(axis=0)).mean()
    return bench.score(codes, data.factors(index), metrics="mig")["mig"], 1 - float(missed)


def test_codes_of_xysquares_hold_its_factors_in_no_order() -> None:
    mig, explained = mig_and_explained("xysquares")
    assert explained > 0.2
    assert mig < 0.02


def test_codes_of_xyobject_are_aligned_with_its_factors() -> None:
    mig, explained = mig_and_explained("xyobject")
    assert explained > 0.2
    assert mig > 0.06
