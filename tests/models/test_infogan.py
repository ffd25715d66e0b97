"""InfoGAN gives the values and gradients of public code on fixed outputs; a critic that diverges fails its run."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm

from bench.models.base import ModelError
from bench.models.infogan import InfoGAN

GOLDEN = Path(__file__).parents[1] / "golden"
ARRAYS = np.load(GOLDEN / "objectives_modern.npz")
ENTRY = json.loads((GOLDEN / "objectives_modern.json").read_text())["entries"]["infogan_cr/info0.05_cr0"]


def at(step: int) -> torch.Tensor:
    return torch.tensor([step], dtype=torch.int32)


def new(*seeds: int, noise: float = 5.0, smooth: float = 0.0) -> InfoGAN:
    return InfoGAN((32, 32, 1), "small", 5, seeds, [{"info": 0.05, "noise": noise, "smooth": smooth}] * len(seeds))


def test_losses_and_gradients_are_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    model, values = new(0), ENTRY["values"]
    real, fake, given, q = (
        torch.from_numpy(ARRAYS[f"ig_{n}"])[None].requires_grad_() for n in ("xd_real_logit", "xd_fake_logit", "z", "q")
    )
    monkeypatch.setattr(model, "given", lambda step, batch: given)
    judged = torch.cat([torch.cat([real, torch.zeros_like(q)], dim=2), torch.cat([fake, q], dim=2)], dim=1)
    model.encoder.forward = lambda images: (judged + 0 * images.sum(), None)
    losses = model.losses(torch.zeros(1, 64, 32, 32, 1), torch.empty(0), at(0))
    assert losses["loss"].item() == pytest.approx(values["de_loss"], rel=1e-5)
    assert losses["critic"].item() == pytest.approx(values["infod_loss"], rel=1e-5)
    assert losses["regulariser"].item() == pytest.approx(0.05 * values["de_loss_q"], rel=1e-5)
    for player, theirs, inputs in (
        ("loss", "de", {"xd_fake_logit": fake, "q": q}),
        ("critic", "infod", {"xd_real_logit": real, "xd_fake_logit": fake, "q": q}),
    ):
        gradients = torch.autograd.grad(losses[player].sum(), list(inputs.values()), retain_graph=True)
        for name, gradient in zip(inputs, gradients, strict=True):
            expected = ARRAYS[ENTRY["arrays"][f"grad_{theirs}_{name}"]]
            np.testing.assert_allclose(gradient[0].numpy(), expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_the_generator_and_the_critic_share_no_weight_and_all_are_stored() -> None:
    model = new(0)
    players = model.players()
    assert players.keys() == {"loss", "critic"}
    assert not players["loss"].keys() & players["critic"].keys()
    assert players["loss"].keys() | players["critic"].keys() == model.state().keys()
    assert model.updates["critic"].rate == 2


def test_a_steep_critic_costs_its_squared_gradient() -> None:
    images = torch.rand(2, 8, 32, 32, 1, generator=torch.Generator().manual_seed(0))
    slope = torch.linspace(-0.1, 0.1, 1024)
    critics = []
    for smooth in (0.0, 3.0):
        model = new(3, 4, smooth=smooth)
        model.encoder.forward = lambda x: (
            torch.cat([x.flatten(2) @ slope[:, None], 0 * x.flatten(2)[..., :5]], 2),
            None,
        )
        critics.append(model.losses(images, torch.empty(0), at(0))["critic"])
    expected = 3 * slope.square().sum().item()
    np.testing.assert_allclose((critics[1] - critics[0]).detach(), [expected] * 2, rtol=1e-3)


def test_the_critic_sees_images_then_generated_ones_and_is_to_find_their_codes_not_their_noise() -> None:
    model, images = new(0), torch.rand(1, 8, 32, 32, 1, generator=torch.Generator().manual_seed(0))
    given, seen = model.given(at(0), 8), []
    recognised = torch.linspace(-2, 2, 40).reshape(1, 8, 5)

    def critic(x: torch.Tensor) -> tuple[torch.Tensor, None]:
        seen.append(x)
        codes = torch.cat([recognised, given[..., :5]], dim=1)
        return torch.cat([torch.zeros(1, 16, 1), codes], dim=2) + 0 * x.sum(), None

    model.encoder.forward = critic
    losses = model.losses(images, torch.empty(0), at(0), curves=True)
    generated = 1 / (1 + (-model.decoder(given)).exp())
    torch.testing.assert_close(seen[0], torch.cat([images, generated], dim=1))
    assert losses["regulariser"].item() == pytest.approx(0.05 * -5 * norm.logpdf(0), rel=1e-5)
    probability = model.decoder(torch.cat([recognised.clip(-1, 1), torch.zeros(1, 8, 5)], dim=2)).sigmoid()
    expected = torch.nn.functional.binary_cross_entropy(probability, images, reduction="sum") / 8
    assert losses["reconstruction"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_what_the_generator_is_given_is_uniform_and_a_function_of_seed_and_step() -> None:
    pair, alone = new(3, 4), new(4)
    given = pair.given(at(7), 500)
    assert given.shape == (2, 500, 10)
    assert given.abs().max() < 1
    assert given.mean().abs() < 0.02
    assert abs(given.var() - 1 / 3) < 0.01
    assert torch.equal(given[1:], alone.given(at(7), 500))
    assert not torch.equal(given, pair.given(at(8), 500))


def test_images_are_encoded_by_what_finds_codes_and_decoded_within_their_range() -> None:
    model, images = new(0), np.random.default_rng(0).random((3, 32, 32, 1), np.float32)
    codes, logvar = model.encode(images)
    outputs, _ = model.encoder(torch.from_numpy(images)[None])
    np.testing.assert_allclose(codes, outputs[0, :, 1:].detach(), rtol=1e-6)
    assert logvar is None
    far = np.full((1, 5), 7, np.float32)
    np.testing.assert_array_equal(model.decode(far), model.decode(np.sign(far)))
    assert model.decode(codes).shape == images.shape


@pytest.mark.parametrize("noise", [-1, 0.5])
def test_noise_of_no_whole_number_of_dimensions_is_refused(noise: float) -> None:
    with pytest.raises(ModelError, match="infogan: noise must be a whole number from 0"):
        new(0, noise=noise)


def test_a_generator_may_be_given_codes_alone() -> None:
    assert new(0, noise=0).given(at(0), 2).shape == (1, 2, 5)
