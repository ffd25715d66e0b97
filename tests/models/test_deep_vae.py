"""A VAE of several stochastic layers: one layer is the VAE, more keep the bound, codes come from any of them."""

import numpy as np
import pytest
import torch

from bench.data import load_data
from bench.data.pooled import at_size
from bench.data.reader import images_on
from bench.models.base import ModelError
from bench.models.beta_vae import BetaVAE
from bench.models.deep_vae import DeepVAE
from bench.models.parts.stacked import Stacked
from bench.models.parts.terms import gaussian_kl
from bench.training.batches import Batches
from bench.training.stack import Stack

SHAPE = (32, 32, 1)
START = torch.zeros(1, dtype=torch.int32)


def deep(layers: float, layer: float = 1, shape: tuple[int, int, int] = SHAPE, seed: int = 3) -> DeepVAE:
    return DeepVAE(shape, "small", 6, (seed,), ({"layers": layers, "layer": layer},))


def trained(model: Stacked, steps: int) -> Stack:
    source = images_on(torch.device("cpu"), at_size(load_data("mnist"), 32))
    stack = Stack(model, Batches(source, model, (3,), 16), 1e-3)
    for _ in range(steps):
        stack.update(curves=True)
    return stack


def test_one_layer_is_the_vae_to_the_bit() -> None:
    vae = BetaVAE(SHAPE, "small", 6, (3,), ({"beta": 1.0},))
    one = deep(1)
    assert one.state().keys() == vae.state().keys()
    first, second = trained(one, 10), trained(vae, 10)
    np.testing.assert_array_equal(first.losses(), second.losses())
    assert all(np.array_equal(a, vae.state()[n]) for n, a in one.state().items())
    images = at_size(load_data("mnist"), 32).images(range(5))
    for ours, theirs in zip(one.encode(images), vae.encode(images), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def silence(model: DeepVAE) -> None:
    """Make the layers above the first independent standard normals, in recognition and generation."""
    with torch.no_grad():
        for conditional in [*model.recognition, *model.generation]:
            for head in (conditional.mean, conditional.logvar):
                head.weight.zero_()


def test_layers_that_say_nothing_leave_the_bound_of_the_vae() -> None:
    model = deep(3)
    silence(model)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 1, 32, 32, 1, generator=generator).expand(1, 1000, 32, 32, 1)
    noise = torch.randn(1, 1000, 18, generator=generator)
    expected = gaussian_kl(*model.encoder(images[:, :1])).item()
    assert model.losses(images, noise, START)["kl"].item() == pytest.approx(expected, rel=0.05, abs=0.05)


def test_the_kl_of_two_layers_is_that_of_the_joint_distribution() -> None:
    model = deep(2)
    generator = torch.Generator().manual_seed(1)
    images, noise = torch.rand(1, 1000, 32, 32, 1, generator=generator), torch.randn(1, 1000, 12, generator=generator)
    low, high = model.recognise(images, noise)
    prior = model.generation[0](high.z)

    def log_density(z: torch.Tensor, mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
        return torch.distributions.Normal(mean, (logvar / 2).exp()).log_prob(z).sum(dim=2)

    zero = torch.zeros_like(high.z)
    log_q = log_density(low.z, low.mean, low.logvar) + log_density(high.z, high.mean, high.logvar)
    log_p = log_density(low.z, *prior) + log_density(high.z, zero, zero)
    sampled = (log_q - log_p)[0].detach()
    found = model.losses(images, noise, START)["kl"].item()
    assert found == pytest.approx(sampled.mean().item(), abs=4 * (sampled.std() / 1000**0.5).item())


def test_training_lowers_the_loss_of_three_layers() -> None:
    losses = trained(deep(3), 60).losses()[:, 0]
    assert losses[-1, 1] < 0.7 * losses[0, 1]
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("dataset", ["dsprites", "noisy_dsprites", "mnist"])
def test_codes_and_images_come_from_every_layer(dataset: str) -> None:
    data = at_size(load_data(dataset), 32)
    images = data.images(range(4))
    codes = []
    for layer in (1, 2, 3):
        model = deep(3, layer, data.card.image_shape)
        mean, logvar = model.encode(images)
        assert logvar is not None
        assert mean.shape == logvar.shape == (4, 6)
        assert model.decode(mean).shape == images.shape
        codes.append(mean)
    assert (codes[0] != codes[1]).any()
    assert (codes[1] != codes[2]).any()


@pytest.mark.parametrize(
    ("layers", "layer", "message"),
    [
        (0, 1, "layers must be a whole number from 1, got 0"),
        (1.5, 1, "layers must be a whole number from 1, got 1.5"),
        (2, 0, "layer must be a whole number from 1, got 0"),
        (2, 3, "layer 3 is above the 2 layers"),
    ],
)
def test_layers_that_cannot_be_are_refused(layers: float, layer: float, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        deep(layers, layer)


def test_a_stack_of_different_depths_is_refused_with_the_mend() -> None:
    depths = ({"layers": 1, "layer": 1}, {"layers": 2, "layer": 1})
    with pytest.raises(ModelError, match=r"trainer.stack=1"):
        DeepVAE(SHAPE, "small", 6, (0, 1), depths)


def test_many_images_are_encoded_as_each_is_alone_and_none_as_none() -> None:
    model = BetaVAE((32, 32, 1), "small", 4, (0,), ({"beta": 1.0},))
    images = np.random.default_rng(0).random((300, 32, 32, 1), np.float32)
    mean, logvar = model.encode(images)
    assert logvar is not None
    for i in (0, 31, 32, 299):
        for part, alone in zip((mean[i], logvar[i]), model.encode(images[i : i + 1]), strict=True):
            np.testing.assert_allclose(part, alone[0], atol=1e-5)  # type: ignore[index]
    assert model.encode(images[:0])[0].shape == (0, 4)
