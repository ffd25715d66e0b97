"""BioAE gives the values and gradients of public code on fixed codes; what is clipped and decays are its weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.models.bio_ae import BioAE

GOLDEN = Path(__file__).parents[1] / "golden"
ARRAYS = np.load(GOLDEN / "objectives.npz")
ENTRIES = json.loads((GOLDEN / "objectives.json").read_text())["entries"]
HYPER = {"activity": 0.01, "decay": 1e-4, "clip": 1.0}
START = torch.zeros(1, dtype=torch.int32)


@pytest.mark.parametrize("activity", [0.01, 0.1])
def test_loss_and_gradient_are_the_references(activity: float) -> None:
    entry = ENTRIES[f"bioae/activity{activity}"]
    model = BioAE((64, 64, 1), "locatello2019", 10, (0,), (HYPER | {"activity": activity},))
    codes = torch.from_numpy(ARRAYS["mu1"])[None].requires_grad_()
    w, b = (torch.from_numpy(ARRAYS[n]) for n in ("dec_w", "dec_b"))
    model.encoder.forward = lambda images: (codes, None)
    model.decoder.forward = lambda z: (z @ w + b).unflatten(2, (64, 64, 1))
    losses = model.losses(torch.from_numpy(ARRAYS["x1"])[None].float(), torch.empty(0), START)
    assert losses["loss"].item() == pytest.approx(entry["values"]["loss"], rel=1e-5)
    assert losses["reconstruction"].item() / 4096 == pytest.approx(entry["values"]["bce"], rel=1e-5)
    losses["loss"].sum().backward()
    gradient = ARRAYS[entry["arrays"]["grad_z"]]
    np.testing.assert_allclose(codes.grad[0].numpy(), gradient, rtol=0, atol=2e-5 * np.abs(gradient).max())


def test_weights_are_clipped_and_decay_and_biases_are_not() -> None:
    model = BioAE((32, 32, 1), "small", 6, (0, 1), (HYPER, HYPER | {"decay": 0.5, "clip": 2.0}))
    assert model.decays().keys() == model.limits().keys() == {n for n in model.learned() if n.endswith("weight")}
    assert {tuple(rate.tolist()) for rate in model.limits().values()} == {(1.0, 2.0)}
