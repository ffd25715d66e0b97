"""Stacked convolutions are the same in every way they can be computed, and those of each model alone."""

import pytest
import torch

from bench.networks.parts.convolutions import Convolutions, convolutions
from bench.registry import UnknownNameError

pytestmark = pytest.mark.long  # left out of `make check`

# inputs, outputs, kernel, height, transposed, relu: the study's layers, first and last included, at small sizes
LAYERS = [
    (1, 32, 4, 16, False, False),
    (3, 32, 4, 16, False, False),
    (32, 32, 4, 8, False, True),
    (32, 64, 2, 8, False, True),
    (64, 64, 2, 4, False, True),
    (16, 16, 4, 6, False, True),  # to a map of an odd size, as of images of 28x28 pixels
    (64, 32, 4, 4, True, True),
    (16, 16, 4, 3, True, True),
    (32, 32, 4, 8, True, True),
    (64, 32, 4, 4, True, False),
    (32, 3, 4, 8, True, True),
    (32, 1, 4, 8, True, True),
]
Layer = tuple[int, int, int, int, bool, bool]
WAYS = ["grouped", "matmul", "triton"]
# A second model, and so many images that two programs share the sum of a gradient of weights
FLEET, BATCH = 2, 5


def _way(name: str, fleet: int) -> Convolutions:
    if name == "triton":
        pytest.importorskip("triton", reason="the GPU kernels need triton, which is not made for this platform")
    return convolutions(name, fleet)


def _layer(name: str, fleet: int, layer: Layer) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Output of a layer, and its input, weights and biases."""
    inputs, outputs, kernel, size, transposed, relu = layer
    rng = torch.Generator().manual_seed(0)
    shape = (inputs, outputs) if transposed else (outputs, inputs)
    x = torch.randn(FLEET, BATCH, size, size, inputs, generator=rng)[:fleet].requires_grad_()
    w = torch.randn(FLEET, *shape, kernel, kernel, generator=rng)[:fleet].requires_grad_()
    b = torch.randn(FLEET, outputs, generator=rng)[:fleet].requires_grad_()
    way = _way(name, fleet)
    return way.leave((way.transpose if transposed else way.convolve)(way.enter(x), w, b, relu=relu)), [x, w, b]


def _result(name: str, fleet: int, layer: Layer) -> list[torch.Tensor]:
    """Output of a layer and the gradients of its input, weights and biases."""
    y, leaves = _layer(name, fleet, layer)
    upstream = torch.randn(FLEET, *y.shape[1:], generator=torch.Generator().manual_seed(1))[:fleet]
    return [y, *torch.autograd.grad((y * upstream).sum(), leaves)]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("name", WAYS[1:])
def test_every_way_gives_the_same_values_and_gradients(name: str, layer: Layer) -> None:
    for ours, expected in zip(_result(name, FLEET, layer), _result("grouped", FLEET, layer), strict=True):
        assert ours.shape == expected.shape
        assert (ours - expected).abs().max() <= 2e-6 * expected.abs().max()


@pytest.mark.parametrize("name", WAYS)
def test_a_models_convolution_does_not_depend_on_the_others(name: str) -> None:
    for layer in (LAYERS[1], LAYERS[4]):
        for alone, together in zip(_result(name, 1, layer), _result(name, FLEET, layer), strict=True):
            torch.testing.assert_close(alone[0], together[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("grouped", "cpu"),
        ("matmul", "cpu"),
        pytest.param("triton", "cuda", marks=pytest.mark.gpu),
    ],  # no interpreted bf16
)
def test_layers_compute_in_the_type_that_autocast_asks_for(name: str, device: str) -> None:
    x, w, b = (torch.randn(shape, device=device) for shape in ((2, 3, 8, 8, 16), (2, 32, 16, 4, 4), (2, 32)))
    exact = convolutions("matmul", 2).convolve(x, w, b, relu=True)
    way = convolutions(name, 2)
    with torch.autocast(device, torch.bfloat16):
        reduced = way.leave(way.convolve(way.enter(x), w, b, relu=True))
    assert reduced.dtype == torch.bfloat16
    assert (reduced.float() - exact).abs().max() < 0.03 * exact.abs().max()


@pytest.mark.parametrize("layer", [LAYERS[2], LAYERS[6]], ids=str)
def test_gradients_of_gradients_are_the_same_in_the_ways_that_have_them(layer: Layer) -> None:
    grouped, matmul = _second_order("grouped", layer), _second_order("matmul", layer)
    assert (grouped - matmul).abs().max() <= 1e-5 * grouped.abs().max()
    with pytest.raises(RuntimeError, match="no gradients of gradients"):
        _second_order("triton", layer)


def _second_order(name: str, layer: Layer) -> torch.Tensor:
    """The gradient by the weights of the squared gradient by the input."""
    y, (x, w, _) = _layer(name, FLEET, layer)
    (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    (gradient,) = torch.autograd.grad(slope.square().sum(), w)
    return gradient


def test_an_unknown_way_is_offered_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'grouped'"):
        convolutions("groped", 1)
