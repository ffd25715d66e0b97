"""Ada-GVAE gives the values and gradients of its authors' code on fixed pairs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.models.ada_gvae import AdaGVAE, shared

GOLDEN = Path(__file__).parents[1] / "golden"
ARRAYS = np.load(GOLDEN / "objectives.npz")
ENTRY = json.loads((GOLDEN / "objectives.json").read_text())["entries"]["dlib/ada_gvae/linear_decoder"]
START = torch.zeros(1, dtype=torch.int32)


def pair(name: str) -> torch.Tensor:
    """Both of a pair's arrays in the layout of a batch of pairs, (1, 2 * batch, ...)."""
    return torch.from_numpy(np.concatenate([ARRAYS[f"{name}1"], ARRAYS[f"{name}2"]]))[None].float()


def expected(name: str) -> np.ndarray:
    return ARRAYS[ENTRY["arrays"][name]]


def golden_model() -> tuple[AdaGVAE, torch.Tensor, torch.Tensor]:
    """The model whose encoder gives the golden codes and whose decoder is the linear one, and those codes."""
    model = AdaGVAE((64, 64, 1), "locatello2019", 10, (0,), ({"beta": ENTRY["constants"]["beta"], "changes": -1},))
    mean, logvar = pair("mu").requires_grad_(), pair("lv").requires_grad_()
    w, b = (torch.from_numpy(ARRAYS[n]) for n in ("dec_w", "dec_b"))
    model.encoder.forward = lambda images: (mean, logvar)
    model.decoder.forward = lambda z: (z @ w + b).unflatten(2, (64, 64, 1))
    return model, mean, logvar


def test_loss_and_gradients_are_the_references() -> None:
    model, mean, logvar = golden_model()
    losses = model.losses(pair("x"), pair("eps"), START)
    values = ENTRY["values"]
    for ours, theirs in {
        "loss": "loss",
        "reconstruction": "rec_loss",
        "regulariser": "regularizer",
        "kl": "kl_loss",
        "shared_dimensions": "mean_num_shared",
    }.items():
        assert losses[ours].item() == pytest.approx(values[theirs], rel=1e-5)
    losses["loss"].sum().backward()
    for tensor, part in ((mean, "mu"), (logvar, "lv")):
        gradient = np.concatenate([expected(f"grad_{part}1"), expected(f"grad_{part}2")])
        np.testing.assert_allclose(tensor.grad[0].numpy(), gradient, rtol=0, atol=2e-5 * np.abs(gradient).max())


def test_posteriors_and_what_they_share_are_the_references() -> None:
    model, mean, logvar = golden_model()
    latent = model.latent(pair("x"), pair("eps"))
    np.testing.assert_array_equal(
        shared(mean.unflatten(1, (2, -1)), logvar.unflatten(1, (2, -1)))[0].numpy(), expected("shared")
    )
    for ours, name in ((latent.mean, "mean"), (latent.logvar, "logvar")):
        both = np.concatenate([expected(f"{name}_1"), expected(f"{name}_2")])
        np.testing.assert_allclose(ours[0].detach().numpy(), both, rtol=1e-5, atol=1e-6)


def test_images_are_encoded_one_by_one() -> None:
    model = AdaGVAE((32, 32, 1), "small", 6, (0,), ({"beta": 1.0, "changes": 1},))
    images = np.random.default_rng(0).random((3, 32, 32, 1), np.float32)
    together, alone = model.encode(images), model.encode(images[1:2])
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a[1:2], b, rtol=1e-5, atol=1e-6)
