"""Objectives give the reference implementation's values and gradients; every registered model keeps the contract."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from bench import registry
from bench.models.base import ModelError
from bench.models.factor_vae import Discriminator
from bench.models.parts.stacked import Stacked
from bench.models.parts.terms import bernoulli_reconstruction, gaussian_kl, total_correlation
from bench.models.parts.vae import Latent
from bench.store import shipped

GOLDEN = Path(__file__).parents[1] / "golden"
ARRAYS = np.load(GOLDEN / "loss_golden.npz")
VALUES = json.loads((GOLDEN / "loss_golden.json").read_text())


def at(step: int) -> torch.Tensor:
    return torch.tensor([step], dtype=torch.int32)


def latent() -> Latent:
    mean, logvar, eps = (torch.from_numpy(ARRAYS[n])[None] for n in ("z_mean", "z_logvar", "eps"))
    mean.requires_grad_()
    logvar.requires_grad_()
    return Latent(mean, logvar, mean + (logvar / 2).exp() * eps)


def test_kl_is_the_references() -> None:
    codes = latent()
    assert gaussian_kl(codes.mean, codes.logvar).item() == pytest.approx(VALUES["kl_loss"], rel=1e-5)


def test_bernoulli_reconstruction_is_the_references() -> None:
    logits, images = (torch.from_numpy(ARRAYS[n])[None] for n in ("recon_logits", "images"))
    loss = bernoulli_reconstruction(logits, images)
    assert loss.item() == pytest.approx(float(ARRAYS["bernoulli_logits_plain"].mean()), rel=1e-5)


def regulariser(name: str, hyper: dict[str, float], step: int = 0) -> torch.Tensor:
    return build(name, settings(name) | hyper).objective(latent(), at(step))["regulariser"]


@pytest.mark.parametrize(
    ("name", "key", "golden"),
    [
        ("beta_vae", "beta", "beta_vae"),
        ("beta_tcvae", "beta", "beta_tc_vae"),
        ("dip_vae_i", "lambda_od", "dip_vae_i"),
        ("dip_vae_ii", "lambda_od", "dip_vae_ii"),
    ],
)
def test_regularisers_are_the_references_at_every_strength(name: str, key: str, golden: str) -> None:
    entry = yaml.safe_load((shipped.conf_dir() / "model" / f"{name}.yaml").read_text())
    for value in entry["values"]:
        expected = VALUES["regularizer"][f"{golden}_{value}"]
        assert regulariser(name, {key: value}).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("step", [0, 1000, 50_000, 100_000, 250_000])
@pytest.mark.parametrize("c_max", [5, 10, 25, 50, 75, 100])
def test_annealed_vae_is_the_references_at_every_step(c_max: int, step: int) -> None:
    expected = VALUES["regularizer"][f"annealed_vae_c{c_max}_step{step}"]
    assert regulariser("annealed_vae", {"c_max": c_max}, step).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "hyper", "golden"),
    [
        ("beta_vae", {"beta": 4}, "beta_vae_4"),
        ("beta_tcvae", {"beta": 6}, "beta_tc_vae_6"),
        ("dip_vae_i", {"lambda_od": 10}, "dip_vae_i_10"),
        ("dip_vae_ii", {"lambda_od": 10}, "dip_vae_ii_10"),
    ],
)
def test_gradients_are_the_references(name: str, hyper: dict[str, float], golden: str) -> None:
    codes = latent()
    build(name, settings(name) | hyper).objective(codes, at(0))["regulariser"].sum().backward()
    for tensor, part in ((codes.mean, "zmean"), (codes.logvar, "zlogvar")):
        expected = ARRAYS[f"grad_{part}_{golden}"]
        np.testing.assert_allclose(tensor.grad[0].numpy(), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_total_correlation_is_the_references() -> None:
    found = total_correlation(*latent())
    assert found.item() == pytest.approx(VALUES["total_correlation"], rel=1e-5)


class _FixedLogits(torch.nn.Module):
    """In the place of a discriminator: the reference's logits of z and of shuffled z."""

    def forward(self, z: torch.Tensor, shuffled: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, of_shuffled = (torch.from_numpy(ARRAYS[n])[None] for n in ("disc_logits_z", "disc_logits_zperm"))
        return logits, of_shuffled


@pytest.mark.parametrize("gamma", [10, 20, 30, 40, 50, 100])
def test_factor_vae_is_the_references(gamma: int) -> None:
    vae = build("factor_vae", {"gamma": gamma})
    vae.adversary = _FixedLogits()
    terms = vae.objective(latent(), at(0))
    assert terms["regulariser"].item() == pytest.approx(VALUES["factor_vae_regularizer"][f"{gamma:.1f}"], rel=1e-5)
    assert terms["adversary"].item() == pytest.approx(VALUES["factor_vae_discriminator_loss_minimised"], rel=1e-5)


def test_factor_vae_shuffles_each_dimension_of_the_same_batch_by_its_own_permutation() -> None:
    vae = build("factor_vae", {"gamma": 10})
    z = torch.randn(1, 64, 10)
    shuffled = vae.shuffle(z, at(3))
    assert torch.equal(shuffled.sort(dim=1).values, z.sort(dim=1).values)
    moves = [int((shuffled[0, :, d] != z[0, :, d]).sum()) for d in range(10)]
    assert min(moves) > 50
    assert torch.equal(shuffled, vae.shuffle(z, at(3)))
    assert not torch.equal(shuffled, vae.shuffle(z, at(4)))


def test_the_discriminator_sees_each_code_alone() -> None:
    discriminator = Discriminator((0, 1), 10, 50)
    z, shuffled = torch.randn(2, 2, 8, 10)
    apart = discriminator(z, shuffled)
    together = discriminator.logits(torch.cat([z, shuffled], dim=1)).split(8, dim=1)
    for ours, theirs in zip(apart, together, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_discriminator_is_the_studys_and_stays_out_of_the_trained_model() -> None:
    assert sum(p.numel() for p in Discriminator((0,), 10, 1000).parameters()) == 5_018_002
    vae = build("factor_vae", {"gamma": 10})
    assert vae.players().keys() == {"loss", "adversary"}
    assert not any("adversary" in name for name in vae.member(0))


def gradient_models() -> list[str]:
    return [n for n in registry.names("models") if issubclass(registry.load("models", n), Stacked)]


def settings(name: str) -> dict[str, float]:
    entry = yaml.safe_load((shipped.conf_dir() / "model" / f"{name}.yaml").read_text())
    return entry["hyper"] | ({entry["sweeps"]: entry["values"][2]} if entry["sweeps"] else {})


def build(name: str, hyper: dict[str, float]) -> Stacked:
    return registry.load("models", name)((32, 32, 1), "small", 10, (0,), (hyper,))


def batch(model: Stacked) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(1, 16, 32, 32, 1, generator=rng)
    read = {"images": images, "noise": torch.randn(1, 16, model.noise_dim, generator=rng)}
    return read | ({"factors": torch.randint(0, 2, (1, 16, 3), generator=rng)} if model.sees_factors else {})


def trace(name: str, hyper: dict[str, float]) -> list[float]:
    """What a hyper-parameter may change: the loss, its gradient, the codes."""
    model = build(name, hyper)
    read = batch(model)
    loss = model.losses(**read, step=at(10))["loss"].sum()
    gradients = torch.autograd.grad(loss, list(model.learned().values()))
    mean, _ = model.encode(read["images"][0].numpy())
    return [loss.item(), sum(g.square().sum().item() for g in gradients), float(np.square(mean).sum())]


@pytest.mark.parametrize("name", registry.names("models"))
def test_every_model_has_a_configuration(name: str) -> None:
    assert (shipped.conf_dir() / "model" / f"{name}.yaml").is_file()


@pytest.mark.parametrize("name", gradient_models())
def test_loss_and_gradients_are_finite(name: str) -> None:
    model = build(name, settings(name))
    losses = model.losses(**batch(model), step=at(10))
    assert all(loss.isfinite().all() for loss in losses.values())
    for player, weights in model.players().items():
        gradients = torch.autograd.grad(losses[player].sum(), list(weights.values()), retain_graph=True)
        assert all(g.isfinite().all() for g in gradients)
        assert any(g.any() for g in gradients)


WHOLE_NUMBERS = {("deep_vae", "layers"): 2, ("deep_vae", "layer"): 2, ("infogan", "noise"): 4}
ELSEWHERE = {  # what is read, what the optimiser or another player does, what later steps do: in their own tests
    ("ada_gvae", "changes"), ("ada_ml_vae", "changes"), ("gvae", "changes"), ("ml_vae", "changes"),
    ("slow_vae", "rate"), ("bio_ae", "decay"), ("bio_ae", "clip"),
    ("control_vae", "c_max"), ("control_vae", "period"), ("qlae", "decay"), ("qlae", "clip"),
    ("infogan", "smooth"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "key"), [(n, k) for n in gradient_models() for k in settings(n) if (n, k) not in ELSEWHERE]
)
def test_every_hyper_parameter_changes_the_loss_its_gradient_or_the_codes(name: str, key: str) -> None:
    changed = settings(name) | {key: WHOLE_NUMBERS.get((name, key), settings(name)[key] * 0.5)}
    assert trace(name, settings(name)) != trace(name, changed)


@pytest.mark.parametrize("name", gradient_models())
def test_weights_of_another_architecture_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="another architecture"):
        build(name, settings(name)).load({"encoder.hidden.weight": np.zeros((2, 2), np.float32)})
