"""Objectives give the reference implementation's values and gradients; every registered model keeps the contract."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from bench import registry, store
from bench.models.beta_vae import BetaVAE
from bench.models.terms import bernoulli_reconstruction, gaussian_kl
from bench.models.vae import GaussianVAE, Latent

GOLDEN = Path(__file__).parents[1] / "golden"
ARRAYS = np.load(GOLDEN / "loss_golden.npz")
VALUES = json.loads((GOLDEN / "loss_golden.json").read_text())


def latent() -> Latent:
    mean, logvar, eps = (torch.from_numpy(ARRAYS[n])[None] for n in ("z_mean", "z_logvar", "eps"))
    mean.requires_grad_()
    logvar.requires_grad_()
    return Latent(mean, logvar, mean + (logvar / 2).exp() * eps)


def test_kl_is_the_references() -> None:
    codes = latent()
    assert gaussian_kl(codes.mean, codes.logvar).item() == pytest.approx(VALUES["kl_loss"], rel=1e-5)


def test_bernoulli_reconstruction_is_the_references() -> None:
    logits, images = (torch.from_numpy(ARRAYS[n]).permute(0, 3, 1, 2) for n in ("recon_logits", "images"))
    loss = bernoulli_reconstruction(logits, images, 1)
    assert loss.item() == pytest.approx(float(ARRAYS["bernoulli_logits_plain"].mean()), rel=1e-5)


@pytest.mark.parametrize("beta", [1, 2, 4, 6, 8, 16])
def test_beta_vae_regulariser_is_the_references(beta: int) -> None:
    vae = BetaVAE((32, 32, 1), "small", 10, (0,), ({"beta": beta},))
    assert vae.regulariser(latent(), 0).item() == pytest.approx(VALUES["regularizer"][f"beta_vae_{beta}"], rel=1e-5)


def test_beta_vae_gradients_are_the_references() -> None:
    codes = latent()
    BetaVAE((32, 32, 1), "small", 10, (0,), ({"beta": 4},)).regulariser(codes, 0).sum().backward()
    for tensor, name in ((codes.mean, "grad_zmean_beta_vae_4"), (codes.logvar, "grad_zlogvar_beta_vae_4")):
        np.testing.assert_allclose(tensor.grad[0].numpy(), ARRAYS[name], rtol=1e-4, atol=1e-7)


def gradient_models() -> list[str]:
    return [n for n in registry.names("models") if issubclass(registry.load("models", n), GaussianVAE)]


def settings(name: str) -> dict[str, float]:
    entry = yaml.safe_load((store.conf_dir() / "model" / f"{name}.yaml").read_text())
    return entry["hyper"] | {entry["sweeps"]: entry["values"][2]}


def build(name: str, hyper: dict[str, float]) -> GaussianVAE:
    return registry.load("models", name)((32, 32, 1), "small", 10, (0,), (hyper,))


def loss(name: str, hyper: dict[str, float]) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    images, noise = torch.rand(16, 1, 32, 32, generator=rng), torch.randn(1, 16, 10, generator=rng)
    return build(name, hyper).losses(images, noise, 10)["loss"]


@pytest.mark.parametrize("name", registry.names("models"))
def test_every_model_has_a_configuration(name: str) -> None:
    assert (store.conf_dir() / "model" / f"{name}.yaml").is_file()


@pytest.mark.parametrize("name", gradient_models())
def test_loss_and_gradients_are_finite(name: str) -> None:
    model = build(name, settings(name))
    images, noise = torch.rand(16, 1, 32, 32), torch.randn(1, 16, 10)
    total = model.losses(images, noise, 10)["loss"]
    total.sum().backward()
    assert total.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.learned().values())


@pytest.mark.parametrize(("name", "key"), [(n, k) for n in gradient_models() for k in settings(n)])
def test_every_hyper_parameter_changes_the_loss(name: str, key: str) -> None:
    changed = settings(name) | {key: settings(name)[key] * 1.5 + 0.1}
    assert loss(name, settings(name)) != loss(name, changed)


@pytest.mark.parametrize("name", registry.names("models"))
def test_weights_of_another_architecture_are_refused(name: str) -> None:
    if name in gradient_models():
        with pytest.raises(ValueError, match="another architecture"):
            build(name, settings(name)).load({"encoder.hidden.weight": np.zeros((2, 2), np.float32)})
