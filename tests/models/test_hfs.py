"""HFS gives the values and gradients of its authors' code on fixed codes, of all pairs of dimensions and of some."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.models.hfs import HFS, hausdorff
from bench.models.parts.vae import Latent

GOLDEN = Path(__file__).parents[1] / "golden"
INPUTS = np.load(GOLDEN / "objectives.npz")
ARRAYS = np.load(GOLDEN / "objectives_modern.npz")
ENTRIES = json.loads((GOLDEN / "objectives_modern.json").read_text())["entries"]


def at(step: int) -> torch.Tensor:
    return torch.tensor([step], dtype=torch.int32)


def new(*pairs: float, beta: float = 1.0, gamma: float = 1.0) -> HFS:
    hyper = [{"beta": beta, "gamma": gamma, "pairs": p} for p in pairs]
    return HFS((32, 32, 1), "small", 10, range(len(pairs)), hyper)


@pytest.mark.parametrize("name", ["all_pairs", "all_pairs_beta0_gamma1_norec", "25_pairs_default"])
def test_the_regulariser_and_its_gradients_are_the_references(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ENTRIES[f"dcf/hfs/{name}"]
    constants, values, arrays = entry["constants"], entry["values"], entry["arrays"]
    model = new(constants["num_latent_pairs"], beta=constants["beta"], gamma=constants["gamma"])
    drawn = {tuple(pair) for pair in ARRAYS[arrays["pairs_of_latents"]].tolist()}
    chosen = [(i, j) in drawn for i, j in zip(model.first.tolist(), model.second.tolist(), strict=True)]
    monkeypatch.setattr(model, "chosen", lambda step: torch.tensor([chosen]))
    mean, logvar = (torch.from_numpy(INPUTS[n])[None].requires_grad_() for n in ("mu1", "lv1"))
    regulariser = model.regulariser(Latent(mean, logvar, mean), at(0))
    expected = constants["beta"] * values["kl_loss"] + constants["gamma"] * values["factorizedsupport_loss"]
    assert regulariser.item() == pytest.approx(expected, rel=1e-5)
    regulariser.sum().backward()
    for tensor, part in ((mean, "mu1"), (logvar, "lv1")):
        gradient = ARRAYS[arrays[f"grad_{part}"]]
        np.testing.assert_allclose(tensor.grad[0].numpy(), gradient, rtol=0, atol=2e-5 * np.abs(gradient).max())


def test_a_support_that_is_a_product_is_at_no_distance_from_it() -> None:
    grid = torch.cartesian_prod(torch.arange(4.0), torch.arange(3.0))[None]
    diagonal = torch.arange(3.0)[None, :, None].expand(1, 3, 2)
    assert hausdorff(grid[..., :1], grid[..., 1:]).item() == 0
    assert hausdorff(diagonal[..., :1], diagonal[..., 1:]).item() == 2  # from (0, 2) to (1, 1)


def test_as_many_pairs_as_asked_for_are_drawn_anew_in_every_step_each_as_often() -> None:
    model = new(25, 7)
    steps = torch.stack([model.chosen(at(step)) for step in range(600)]).double()
    assert steps.sum(dim=2).unique(dim=0).tolist() == [[25, 7]]
    for member, pairs in ((0, 25), (1, 7)):
        p = pairs / 45
        assert (steps[:, member].mean(dim=0) - p).abs().max() < 4.5 * (p * (1 - p) / 600) ** 0.5
    alone = HFS((32, 32, 1), "small", 10, [1], [{"beta": 1.0, "gamma": 1.0, "pairs": 7.0}])
    assert torch.equal(alone.chosen(at(3)), model.chosen(at(3))[1:])
