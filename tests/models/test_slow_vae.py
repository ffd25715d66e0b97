"""SlowVAE gives the values and gradients of its authors' code on fixed pairs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.models.slow_vae import SlowVAE, laplace_cross_entropy

GOLDEN = Path(__file__).parents[1] / "golden"
ARRAYS = {**np.load(GOLDEN / "objectives.npz"), **np.load(GOLDEN / "weak_objectives.npz")}
ENTRIES = json.loads((GOLDEN / "weak_objectives.json").read_text())["entries"]


def pair(name: str) -> torch.Tensor:
    """Both of a pair's arrays in the layout of a batch of pairs, (1, 2 * batch, ...)."""
    return torch.from_numpy(np.concatenate([ARRAYS[f"{name}1"], ARRAYS[f"{name}2"]]))[None].float()


@pytest.mark.parametrize("name", ["slowvae/defaults/linear_decoder", "slowvae/beta4_gamma2_rate3/linear_decoder"])
def test_loss_and_gradients_are_the_references(name: str) -> None:
    entry = ENTRIES[name]
    hyper = {"rate": 1.0} | {k: entry["constants"][k] for k in ("beta", "gamma", "rate_prior")}
    model = SlowVAE((64, 64, 1), "locatello2019", 10, (0,), (hyper,))
    mean, logvar = pair("mu").requires_grad_(), pair("lv").requires_grad_()
    w, b = (torch.from_numpy(ARRAYS[n]) for n in ("dec_w", "dec_b"))
    model.encoder.forward = lambda images: (mean, logvar)
    model.decoder.forward = lambda z: (z @ w + b).unflatten(2, (64, 64, 1))
    losses = model.losses(pair("x"), pair("eps"), torch.zeros(1, dtype=torch.int32), curves=True)
    for ours, theirs in {
        "loss": "loss",
        "reconstruction": "rec_loss_mean_over_2B_images",
        "kl": "kl_normal",
        "kl_laplace": "kl_laplace",
    }.items():
        assert losses[ours].item() == pytest.approx(entry["values"][theirs], rel=1e-5)
    losses["loss"].sum().backward()
    for tensor, part in ((mean, "mu"), (logvar, "lv")):
        gradient = np.concatenate([ARRAYS[entry["arrays"][f"grad_{part}{i}"]] for i in (1, 2)])
        np.testing.assert_allclose(tensor.grad[0].numpy(), gradient, rtol=0, atol=2e-5 * np.abs(gradient).max())


def test_the_cross_entropy_to_a_laplace_prior_is_the_references() -> None:
    mean, other, logvar = (torch.from_numpy(ARRAYS[n]) for n in ("mu1", "mu2", "lv1"))
    expected = ARRAYS[ENTRIES["slowvae/cross_ent_laplace"]["arrays"]["ce_12_with_lv1"]]
    found = laplace_cross_entropy(mean - other, logvar, torch.tensor(6.0))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
