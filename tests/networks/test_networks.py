"""The study's networks give the reference implementation's outputs on its own weights; all keep their contract."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import registry
from bench.models.autoencoder import Autoencoder
from bench.models.base import ModelError
from bench.models.beta_vae import BetaVAE
from bench.networks.base import image_sizes, network
from bench.registry import UnknownNameError

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


@pytest.mark.parametrize(
    ("name", "size", "channels"),
    [
        *((name, 28, channels) for name in registry.names("networks") for channels in (1, 3)),
        *((name, size, 1) for name in ("locatello2019", "small") for size in (32, 48, 64, 96, 128)),
    ],
)
def test_all_networks_map_images_to_codes_and_back(name: str, size: int, channels: int) -> None:
    vae = BetaVAE((size, size, channels), name, 10, (0,), ({"beta": 1.0},))
    mean, logvar = vae.encode(np.zeros((2, size, size, channels), np.float32))
    assert mean.shape == logvar.shape == (2, 10)
    assert vae.decode(mean).shape == (2, size, size, channels)


@pytest.mark.parametrize("name", registry.names("networks"))
def test_initial_weights_of_all_networks_are_a_function_of_the_members_seed_alone(name: str) -> None:
    shape = (image_sizes()[name] or 8,) * 2 + (1,)
    alone, fleet = (Autoencoder(shape, name, 3, seeds, ({},) * len(seeds)) for seeds in ((7,), (3, 7)))
    assert all(np.array_equal(alone.state()[n], a) for n, a in fleet.member(1).items())
    assert any(not np.array_equal(fleet.member(0)[n], a) for n, a in fleet.member(1).items())


def test_an_encoder_has_a_variance_only_where_it_is_asked_for() -> None:
    for name in registry.names("networks"):
        shape = (image_sizes()[name] or 8,) * 2 + (1,)
        assert "encoder.logvar.weight" in BetaVAE(shape, name, 3, (0,), ({"beta": 1.0},)).state()
        plain = Autoencoder(shape, name, 3, (0,))
        assert "encoder.logvar.weight" not in plain.state()
        assert plain.encode(np.zeros((2, *shape), np.float32))[1] is None


def test_fully_connected_networks_are_those_of_the_paper() -> None:
    vae = BetaVAE((64, 64, 1), "mlp", 10, (0,), ({"beta": 4.0},))
    count = {part: sum(p.numel() for p in getattr(vae, part).parameters()) for part in ("encoder", "decoder")}
    assert count == {
        "encoder": 4096 * 1200 + 1200 + 1200 * 1200 + 1200 + 2 * (1200 * 10 + 10),
        "decoder": 10 * 1200 + 1200 + 2 * (1200 * 1200 + 1200) + 1200 * 4096 + 4096,
    }


def test_as_many_layers_as_halve_images_to_a_small_map_those_nearest_to_the_pixels_first() -> None:
    def kernels(name: str, size: int) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        networks = BetaVAE((size, size, 1), name, 2, (0,), ({"beta": 1.0},))
        layers = networks.encoder.convolutions, networks.decoder.deconvolutions
        return tuple([tuple(layer.weight.shape[1:4]) for layer in of_one] for of_one in layers)  # type: ignore[return-value]

    (first, *deeper), (*shallower, last) = kernels("locatello2019", 64)
    assert kernels("locatello2019", 128) == (
        [first, *deeper, (64, 64, 2)],
        [(64, 64, 4), *shallower, last],
    )
    assert kernels("locatello2019", 48) == ([first, *deeper[:2]], [*shallower[1:], last])
    assert kernels("small", 28) == ([(16, 1, 4), (16, 16, 4)], [(16, 16, 4), (16, 1, 4)])
    assert BetaVAE((28, 28, 1), "small", 2, (0,), ({"beta": 1.0},)).encoder.hidden.weight.shape[1] == 7 * 7 * 16


@pytest.mark.parametrize("size", [28, 48, 128])
@pytest.mark.parametrize("way", ["grouped", "matmul"])
def test_networks_of_every_size_are_in_a_fleet_what_they_are_alone(size: int, way: str) -> None:
    images = torch.rand(1, 2, size, size, 1, generator=torch.Generator().manual_seed(0))
    noise, step = torch.zeros(1, 2, 3), torch.zeros(1, dtype=torch.int32)

    def gradients(seeds: tuple[int, ...]) -> list[torch.Tensor]:
        vae = BetaVAE((size, size, 1), "small", 3, seeds, ({"beta": 1.0},) * len(seeds), way)
        losses = vae.losses(images.expand(len(seeds), -1, -1, -1, -1), noise.expand(len(seeds), -1, -1), step)
        return [gradient[-1] for gradient in torch.autograd.grad(losses["loss"].sum(), list(vae.learned().values()))]

    for alone, together in zip(gradients((7,)), gradients((3, 7)), strict=True):
        torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-4)


def test_unknown_networks_are_offered_the_nearest_and_images_of_another_size_those_that_take_them() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown network 'smal'\. Did you mean 'small'"):
        BetaVAE((32, 32, 1), "smal", 3, (0,), ({"beta": 1.0},))
    takes = "locatello2019 and small take 4, 5, 6 or 7 times a power of two, such as 28x28, .*; mlp takes any size"
    for shape in ((27, 27, 1), (4, 4, 1), (100, 100, 1), (32, 64, 1)):
        with pytest.raises(ModelError, match=rf"does not take images of {shape[0]}x{shape[1]} pixels.*{takes}"):
            BetaVAE(shape, "small", 3, (0,), ({"beta": 1.0},))


@pytest.mark.parametrize("version", [0, 1.0, True, "1"])
def test_a_version_is_a_whole_number_from_1(version: object) -> None:
    with pytest.raises(ValueError, match="a whole number from 1"):
        network(version=version)  # type: ignore[arg-type]


def test_versions_of_the_first_networks_are_read_without_torch() -> None:
    code = (
        "import sys; from bench.registry import load;"
        "print([load('networks', n).network.version for n in ('locatello2019', 'small')], 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == (
        "[1, 1] False\n"
    )
