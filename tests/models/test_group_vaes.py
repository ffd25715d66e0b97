"""VAEs of pairs that share posteriors give the values and gradients of disentanglement_lib on fixed pairs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import registry
from bench.models.base import ModelError
from bench.models.parts.group_vae import GroupVAE, alike, unchanged

GOLDEN = Path(__file__).parents[1] / "golden"
ARRAYS = {**np.load(GOLDEN / "objectives.npz"), **np.load(GOLDEN / "weak_objectives.npz")}
ENTRIES = {
    name: entry
    for file in ("objectives.json", "weak_objectives.json")
    for name, entry in json.loads((GOLDEN / file).read_text())["entries"].items()
}
MODELS = {
    "ada_gvae": "dlib/ada_gvae/linear_decoder", "ada_ml_vae": "dlib/ada_mlvae/linear_decoder",
    "gvae": "dlib/gvae_labels/linear_decoder", "ml_vae": "dlib/mlvae_labels/linear_decoder",
}  # fmt: skip
START = torch.zeros(1, dtype=torch.int32)


def pair(name: str) -> torch.Tensor:
    """Both of a pair's arrays in the layout of a batch of pairs, (1, 2 * batch, ...)."""
    return torch.from_numpy(np.concatenate([ARRAYS[f"{name}1"], ARRAYS[f"{name}2"]]))[None].float()


def of_both(name: str, part: str) -> np.ndarray:
    arrays = ENTRIES[MODELS[name]]["arrays"]
    return np.concatenate([ARRAYS[arrays[f"{part}1"]], ARRAYS[arrays[f"{part}2"]]])


def seen(name: str) -> dict[str, torch.Tensor]:
    """Factors of pairs of which the golden label names the one that changed."""
    if name not in ("gvae", "ml_vae"):
        return {}
    changed = torch.nn.functional.one_hot(torch.from_numpy(ARRAYS["labels"][:, 0]).long(), 10)
    return {"factors": torch.cat([torch.zeros_like(changed), changed])[None]}


def golden_model(name: str) -> tuple[GroupVAE, torch.Tensor, torch.Tensor]:
    """The model whose encoder gives the golden codes and whose decoder is the linear one, and those codes."""
    beta = ENTRIES[MODELS[name]]["constants"]["beta"]
    model = registry.load("models", name)((64, 64, 1), "locatello2019", 10, (0,), ({"beta": beta, "changes": -1},))
    mean, logvar = pair("mu").requires_grad_(), pair("lv").requires_grad_()
    w, b = (torch.from_numpy(ARRAYS[n]) for n in ("dec_w", "dec_b"))
    model.encoder.forward = lambda images: (mean, logvar)
    model.decoder.forward = lambda z: (z @ w + b).unflatten(2, (64, 64, 1))
    return model, mean, logvar


@pytest.mark.parametrize("name", MODELS)
def test_loss_and_gradients_are_the_references(name: str) -> None:
    model, mean, logvar = golden_model(name)
    losses = model.losses(pair("x"), pair("eps"), START, curves=True, **seen(name))
    for ours, theirs in {
        "loss": "loss",
        "reconstruction": "rec_loss",
        "regulariser": "regularizer",
        "kl": "kl_loss",
        "shared_dimensions": "mean_num_shared",
    }.items():
        assert losses[ours].item() == pytest.approx(ENTRIES[MODELS[name]]["values"][theirs], rel=1e-5)
    losses["loss"].sum().backward()
    for tensor, part in ((mean, "mu"), (logvar, "lv")):
        gradient = of_both(name, f"grad_{part}")
        np.testing.assert_allclose(tensor.grad[0].numpy(), gradient, rtol=0, atol=2e-5 * np.abs(gradient).max())


@pytest.mark.parametrize("name", MODELS)
def test_posteriors_are_the_references(name: str) -> None:
    model, *_ = golden_model(name)
    latent = model.latent(pair("x"), pair("eps"), **seen(name))
    for ours, part in ((latent.mean, "mean_"), (latent.logvar, "logvar_")):
        np.testing.assert_allclose(ours[0].detach().numpy(), of_both(name, part), rtol=1e-5, atol=1e-6)


def test_dimensions_that_look_shared_are_the_references() -> None:
    mean, logvar = (pair(n).unflatten(1, (2, -1)) for n in ("mu", "lv"))
    expected = ARRAYS[ENTRIES[MODELS["ada_gvae"]]["arrays"]["shared"]]
    np.testing.assert_array_equal(alike(mean, logvar)[0].numpy(), expected)


def test_a_known_factor_that_changed_keeps_its_own_dimension_and_no_other_does() -> None:
    factors = torch.tensor([[[[0, 1, 2], [0, 1, 2], [4, 1, 2]], [[0, 3, 2], [0, 1, 2], [5, 0, 1]]]])
    expected = [[True, False, True, True, True], [True] * 5, [False, False, False, True, True]]
    assert unchanged(factors, 5)[0].tolist() == expected


@pytest.mark.parametrize("name", ["gvae", "ml_vae"])
def test_known_factors_need_a_dimension_each(name: str) -> None:
    model = registry.load("models", name)((32, 32, 1), "small", 2, (0,), ({"beta": 1.0, "changes": 1},))
    with pytest.raises(ModelError, match=r"trainer\.latent_dim must be 3 or more, got 2"):
        model.check_views((3, 4, 5))
    model.check_views((3, 4))


def test_images_are_encoded_one_by_one() -> None:
    model = registry.load("models", "ada_gvae")((32, 32, 1), "small", 6, (0,), ({"beta": 1.0, "changes": 1},))
    images = np.random.default_rng(0).random((3, 32, 32, 1), np.float32)
    together, alone = model.encode(images), model.encode(images[1:2])
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a[1:2], b, rtol=1e-5, atol=1e-6)
