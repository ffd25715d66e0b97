"""QLAE gives the values, gradients and updates of its authors' code; a codebook has at least two values."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.models.base import ModelError
from bench.models.qlae import QLAE
from bench.training.stack import Stack

GOLDEN = Path(__file__).parents[1] / "golden"
INPUTS = np.load(GOLDEN / "objectives.npz")
ARRAYS = np.load(GOLDEN / "objectives_modern.npz")
ENTRIES = json.loads((GOLDEN / "objectives_modern.json").read_text())["entries"]
HYPER = {"decay": 0.1, "codebook": 10.0, "quantisation": 0.01, "commitment": 0.01, "clip": 1.0}
IMAGES = torch.from_numpy(INPUTS["x1"])[None].float()
START = torch.zeros(1, dtype=torch.int32)


class Table(nn.Module):
    """In the place of an encoder: a row for each image."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(ARRAYS["q_pre_z"])[None].clone())

    def forward(self, images: Tensor) -> tuple[Tensor, None]:
        return self.weight, None


class Linear(nn.Module):
    """In the place of a decoder."""

    def __init__(self) -> None:
        super().__init__()
        weight, bias = (nn.Parameter(torch.from_numpy(INPUTS[n])[None].clone()) for n in ("dec_w", "dec_b"))
        self.weight, self.bias = weight, bias

    def forward(self, z: Tensor) -> Tensor:
        return (z @ self.weight + self.bias).unflatten(2, (64, 64, 1))


class Scaled(QLAE):
    """The golden model, whose loss may be scaled."""

    scale = 1.0

    def build(self, seeds: tuple[int, ...], networks: object) -> None:
        super().build(seeds, networks)
        self.encoder, self.decoder = Table(), Linear()

    def losses(self, *given: Tensor, **named: Any) -> dict[str, Tensor]:
        losses = super().losses(*given, **named)
        return losses | {"loss": self.scale * losses["loss"]}


def golden(codebook: str | None = "q_codebook") -> Scaled:
    model = Scaled((64, 64, 1), "locatello2019", 10, (0,), (HYPER,))
    if codebook is not None:
        model.codebook.data = torch.from_numpy(ARRAYS[codebook])[None].clone()
    return model


@pytest.mark.parametrize(("entry", "codebook"), [("codebook", "q_codebook"), ("codebook_start", None)])
def test_loss_codes_and_gradients_are_the_references(entry: str, codebook: str | None) -> None:
    expected, model = ENTRIES[f"qlae/{entry}"], golden(codebook)
    losses = model.losses(IMAGES, torch.empty(0), START)
    values, arrays = expected["values"], expected["arrays"]
    assert losses["loss"].item() == pytest.approx(values["loss"], rel=1e-5)
    assert losses["reconstruction"].item() / 4096 == pytest.approx(values["bce"], rel=1e-5)
    assert losses["regulariser"].item() == pytest.approx(0.02 * values["quantization"], rel=1e-5)
    codes, _ = model.codes_of(IMAGES)
    np.testing.assert_allclose(codes[0].detach().numpy(), ARRAYS[arrays["z_quantized"]], rtol=1e-6)
    losses["loss"].sum().backward()
    for weights, name in ((model.encoder.weight, "grad_pre_z"), (model.codebook, "grad_codebook")):
        gradient = ARRAYS[arrays[name]]
        np.testing.assert_allclose(weights.grad[0].numpy(), gradient, rtol=0, atol=2e-5 * np.abs(gradient).max())


def test_of_two_values_as_near_the_lower_one_is_taken() -> None:
    arrays = ENTRIES["qlae/ties"]["arrays"]
    z, values, index = (ARRAYS[arrays[n]] for n in ("z", "values", "index"))
    model = QLAE((32, 32, 1), "small", 1, (0,), (HYPER,))
    model.codebook.data = torch.from_numpy(values)[None, None]
    np.testing.assert_array_equal(model.quantised(torch.from_numpy(z)[None, :, None]).detach().ravel(), values[index])


def test_five_updates_are_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ENTRIES["qlae/adamw_l2_0.1_gradient_x1e5"]
    monkeypatch.setattr(Scaled, "scale", entry["constants"]["gradient_scale"])
    model = golden()
    stack = Stack(model, SimpleNamespace(read=lambda step: {"images": IMAGES, "noise": torch.empty(0)}), 1e-3)
    decoder = model.decoder
    for step in range(entry["constants"]["steps"]):
        stack.update()
        for ours, name in (
            (decoder.weight[0, 0, :16], "dec_w_0_16"), (decoder.bias[0, :16], "dec_b_16"),
            (model.codebook[0, 0], "codebook_0"), (model.encoder.weight[0, 0], "pre_z_0"),
        ):  # fmt: skip
            np.testing.assert_allclose(ours.detach(), ARRAYS[entry["arrays"][name]][step], rtol=0, atol=1e-6)


def test_codes_are_values_of_the_codebook_and_are_stored_with_it() -> None:
    trained, fresh = (QLAE((32, 32, 1), "small", 6, (seed,), (HYPER | {"codebook": 4.0},)) for seed in (3, 5))
    trained.codebook.data += torch.arange(6.0)[:, None]
    fresh.load(trained.state())
    codes, logvar = fresh.encode(np.random.default_rng(0).random((50, 32, 32, 1), np.float32))
    assert logvar is None
    for j in range(6):
        assert set(codes[:, j]) <= set(trained.codebook[0, j].tolist())


@pytest.mark.parametrize("size", [1, 2.5, 0])
def test_a_codebook_of_one_value_or_of_a_part_of_one_is_refused(size: float) -> None:
    with pytest.raises(ModelError, match=f"qlae: codebook must be a whole number from 2, got {size:g}"):
        QLAE((32, 32, 1), "small", 6, (0,), (HYPER | {"codebook": size},))
