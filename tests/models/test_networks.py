"""The study's networks give the reference implementation's outputs on its own weights, at its own size."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.models.beta_vae import BetaVAE
from bench.models.parts.nets import ARCHITECTURES

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def vae() -> BetaVAE:
    return BetaVAE((64, 64, 1), "locatello2019", 10, (0,), ({"beta": 1.0},))


def _load(layer: torch.nn.Module, kernel: np.ndarray, bias: np.ndarray) -> None:
    """TensorFlow (h, w, a, b) kernels to ours (b, a, h, w); dense (inputs, units) kernels are ours already."""
    weight = torch.from_numpy(kernel)
    with torch.no_grad():
        layer.weight[0].copy_(weight.permute(3, 2, 0, 1) if weight.ndim == 4 else weight)
        layer.bias[0].copy_(torch.from_numpy(bias).reshape(layer.bias[0].shape))


def test_encoder_gives_the_reference_codes(vae: BetaVAE) -> None:
    z = np.load(GOLDEN / "arch_conv_encoder.npz")
    e = vae.encoder
    for name, layer in zip(
        ["e1", "e2", "e3", "e4", "e5", "means", "log_var"],
        [*e.convolutions, e.hidden, e.mean, e.logvar],
        strict=True,
    ):
        _load(layer, z[f"w:{name}/kernel"], z[f"w:{name}/bias"])
    mean, logvar = vae.encode(z["input"])
    np.testing.assert_allclose(mean, z["output_0"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(logvar, z["output_1"], rtol=1e-5, atol=1e-6)


def test_decoder_gives_the_reference_logits(vae: BetaVAE) -> None:
    z = np.load(GOLDEN / "arch_deconv_decoder.npz")
    d = vae.decoder
    names = ["dense", "dense_1", "conv2d_transpose", *(f"conv2d_transpose_{i}" for i in (1, 2, 3))]
    for name, layer in zip(names, [d.hidden, d.map, *d.deconvolutions], strict=True):
        _load(layer, z[f"w:{name}/kernel"], z[f"w:{name}/bias"])
    logits = vae.decoder(torch.from_numpy(z["input"])[None])[0]
    np.testing.assert_allclose(logits.detach().numpy(), z["output_0"], rtol=1e-5, atol=1e-6)


def test_parameter_counts_are_the_studys(vae: BetaVAE) -> None:
    count = {part: sum(p.numel() for p in getattr(vae, part).parameters()) for part in ("encoder", "decoder")}
    assert count == {"encoder": 309_204, "decoder": 381_313}


def test_initial_weights_are_glorot_uniform_and_biases_zero(vae: BetaVAE) -> None:
    kernel = vae.encoder.convolutions[1].weight.detach()
    bound = (6 / (16 * 64)) ** 0.5
    assert 0.99 * bound < kernel.abs().max() < bound
    assert abs(float(kernel.std()) / (bound / 3**0.5) - 1) < 0.02
    assert not vae.encoder.convolutions[1].bias.any()


def test_initial_weights_are_a_function_of_the_members_seed_alone() -> None:
    alone = BetaVAE((32, 32, 3), "small", 10, (7,), ({"beta": 1.0},)).member(0)
    fleet = BetaVAE((32, 32, 3), "small", 10, (3, 7), ({"beta": 1.0}, {"beta": 9.0}))
    assert all(np.array_equal(alone[n], a) for n, a in fleet.member(1).items())
    assert not np.array_equal(alone["encoder.hidden.weight"], fleet.member(0)["encoder.hidden.weight"])


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
@pytest.mark.parametrize("channels", [1, 3])
def test_every_architecture_maps_images_to_codes_and_back(name: str, channels: int) -> None:
    size = ARCHITECTURES[name].image_size
    vae = BetaVAE((size, size, channels), name, 10, (0,), ({"beta": 1.0},))
    mean, logvar = vae.encode(np.zeros((2, size, size, channels), np.float32))
    assert mean.shape == logvar.shape == (2, 10)
    assert vae.decode(mean).shape == (2, size, size, channels)
