"""Autoencoders: each keeps what its name promises, before and after training."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from bench.data import load_data
from bench.data.pooled import at_size
from bench.data.reader import images_on
from bench.models.autoencoder import Autoencoder
from bench.models.base import ModelError
from bench.models.denoising_autoencoder import DenoisingAutoencoder
from bench.models.sparse_autoencoder import SparseAutoencoder
from bench.models.tied_autoencoder import TiedAutoencoder
from bench.training.batches import Batches
from bench.training.stack import Stack

KINDS: dict[type[Autoencoder], dict[str, float]] = {
    Autoencoder: {},
    TiedAutoencoder: {},
    SparseAutoencoder: {"weight": 10.0, "rho": 0.05},
    DenoisingAutoencoder: {"level": 0.3},
}


def trained(
    kind: type[Autoencoder], hyper: Mapping[str, float], *, dataset: str = "mnist", steps: int = 60, seed: int = 0
) -> Stack:
    data = at_size(load_data(dataset), 32)
    model = kind(data.card.image_shape, "small", 6, (seed,), (hyper,))
    stack = Stack(model, Batches(images_on(torch.device("cpu"), data), model, (seed,), 16), 3e-3)
    for step in range(steps):
        stack.update(curves=step in (0, steps - 1))
    return stack


def largest_difference(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> float:
    return max(float(np.abs(a[n] - b[n]).max()) for n in a)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dataset", ["dsprites", "noisy_dsprites", "mnist"])
def test_codes_have_no_variance_and_decode_to_images(kind: type[Autoencoder], dataset: str) -> None:
    data = at_size(load_data(dataset), 32)
    model, same, other = (kind(data.card.image_shape, "small", 6, (s,), (KINDS[kind],)) for s in (0, 0, 1))
    images = data.images(range(4))
    codes, logvar = model.encode(images)
    decoded = model.decode(codes)
    assert codes.shape == (4, 6)
    assert logvar is None
    assert decoded.shape == images.shape
    assert 0 <= decoded.min() <= decoded.max() <= 1
    np.testing.assert_array_equal(same.encode(images)[0], codes)
    assert (other.encode(images)[0] != codes).any()
    other.load(model.state())
    np.testing.assert_array_equal(other.encode(images)[0], codes)


@pytest.mark.parametrize("kind", KINDS)
def test_training_lowers_the_reconstruction_and_records_no_kl(kind: type[Autoencoder]) -> None:
    first, last = trained(kind, KINDS[kind]).losses()[:, 0]
    assert last[2] < 0.6 * first[2]
    assert np.isnan(first[3])
    assert np.isnan(first[5])


def test_tied_weights_are_tied_after_training() -> None:
    stack = trained(TiedAutoencoder, {})
    state = stack.model.state()
    start = TiedAutoencoder((32, 32, 1), "small", 6, (0,), ({},)).state()
    assert (state["tied.upper.weight"] != start["tied.upper.weight"]).any()
    codes = np.random.default_rng(0).standard_normal((5, 6), np.float32)
    hidden = np.maximum(codes @ state["tied.upper.weight"].T + state["tied.hidden_bias"], 0)
    logits = hidden @ state["tied.lower.weight"].T + state["tied.pixel_bias"]
    np.testing.assert_allclose(stack.model.decode(codes).reshape(5, -1), 1 / (1 + np.exp(-logits)), atol=1e-5)
    assert sum(w.size for w in state.values() if w.ndim == 2 and w.shape[0] > 1) == 1024 * 128 + 128 * 6


def test_a_price_on_activity_makes_codes_sparse() -> None:
    images = at_size(load_data("mnist"), 32).images(range(500))
    free, dear = (trained(SparseAutoencoder, {"weight": w, "rho": 0.05}, steps=150).model for w in (0.0, 50.0))
    assert free.encode(images)[0].mean() > 0.3
    assert dear.encode(images)[0].mean() == pytest.approx(0.05, abs=0.03)
    assert dear.encode(images)[0].min() >= 0


def test_the_sparsity_penalty_is_a_divergence_from_the_target_activity() -> None:
    model = SparseAutoencoder((32, 32, 1), "small", 6, (0,), ({"weight": 2.0, "rho": 0.2},))
    assert model.penalty(torch.full((1, 8, 6), 0.2)).item() == pytest.approx(0, abs=1e-6)
    expected = 2 * 6 * (0.2 * np.log(0.2 / 0.5) + 0.8 * np.log(0.8 / 0.5))
    assert model.penalty(torch.full((1, 8, 6), 0.5)).item() == pytest.approx(expected, rel=1e-5)


def test_denoising_at_level_0_is_the_plain_autoencoder() -> None:
    plain, denoising = trained(Autoencoder, {}, steps=10), trained(DenoisingAutoencoder, {"level": 0.0}, steps=10)
    assert largest_difference(plain.model.state(), denoising.model.state()) == 0
    np.testing.assert_array_equal(plain.losses(), denoising.losses())


def test_denoising_masks_the_asked_share_of_pixels_anew_in_each_step() -> None:
    model = DenoisingAutoencoder((32, 32, 3), "small", 6, (0, 1), ({"level": 0.3}, {"level": 0.7}))
    first, second = (model.shown(torch.ones(2, 16, 32, 32, 3), torch.tensor([s], dtype=torch.int32)) for s in (0, 1))
    assert first[0].mean().item() == pytest.approx(0.7, abs=0.01)
    assert first[1].mean().item() == pytest.approx(0.3, abs=0.01)
    assert (first != second).any()
    assert torch.equal(first[..., 0], first[..., 2])


@pytest.mark.parametrize("level", [1.0, -0.1, float("nan")])
def test_a_denoising_level_that_leaves_nothing_is_refused(level: float) -> None:
    with pytest.raises(ModelError, match="level must be from 0 to below 1"):
        DenoisingAutoencoder((32, 32, 1), "small", 6, (0,), ({"level": level},))
