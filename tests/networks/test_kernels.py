"""The kernels of the GPU, in Triton's interpreter: each way of a launch writes the same bits, bfloat16 is exact but for
its rounding, and what is compiled for a GPU compiles."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.networks.parts.convolutions import MatMul, convolutions
from bench.networks.parts.kernel_choices import Launch, Way

pytest.importorskip("triton", reason="the GPU kernels need triton, which is not made for this platform")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(torch.cuda.is_available(), reason="on a GPU kernels are not interpreted"),
]

# inputs, outputs, kernel, height, transposed, relu: the layers of the study's networks and of the reduced ones
LAYERS = [
    (1, 32, 4, 8, False, False),
    (32, 32, 4, 4, False, True),
    (32, 64, 2, 4, False, True),
    (64, 64, 2, 4, False, True),
    (64, 64, 4, 2, True, True),
    (64, 32, 4, 2, True, True),
    (32, 3, 4, 2, True, True),
    (3, 16, 4, 8, False, False),
    (16, 16, 4, 4, False, True),
    (16, 32, 2, 4, False, True),
    (32, 16, 4, 2, True, True),
    (16, 1, 4, 2, True, True),
]
Layer = tuple[int, int, int, int, bool, bool]


def tensors(layer: Layer, fleet: int, batch: int) -> list[torch.Tensor]:
    """Input, weights, biases and the output's gradient, whose numbers bfloat16 has."""
    inputs, outputs, kernel, size, transposed, _ = layer
    rng = torch.Generator().manual_seed(0)
    shapes = [(size, size, inputs), (*((inputs, outputs) if transposed else (outputs, inputs)), kernel, kernel)]
    x, w = (torch.randn(fleet, *([batch] if i == 0 else []), *shape, generator=rng) for i, shape in enumerate(shapes))
    side = 2 * size if transposed else size // 2
    dy = torch.randn(fleet, batch, side, side, outputs, generator=rng)
    return [t.bfloat16().float() for t in (x, w, torch.randn(fleet, outputs, generator=rng), dy)]


@pytest.fixture
def bfloat16_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter multiplies the bits of bfloat16 numbers as if they were whole numbers: give it their values."""
    import triton.language as tl
    from triton.runtime import interpreter

    builder = interpreter.InterpreterBuilder
    dot = builder.create_dot

    def of_values(self, a, b, *others):  # type: ignore[no-untyped-def]
        wide = (self.cast_impl(t, tl.float32) if t.dtype.scalar == tl.bfloat16 else t for t in (a, b))
        return dot(self, *wide, *others)

    monkeypatch.setattr(builder, "create_dot", of_values)


@pytest.mark.usefixtures("bfloat16_is_interpreted")
@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("fleet", [1, *(pytest.param(k, marks=pytest.mark.slow) for k in (12, 32, 60))])
def test_bfloat16_is_exact_but_for_the_rounding_of_what_it_stores(layer: Layer, fleet: int) -> None:
    transposed, relu = layer[4:]
    x, w, b, dy = tensors(layer, fleet, 2)
    last = transposed and layer[1] <= 3  # computed in float32, of activations in bfloat16
    found = []
    for way, dtype in ((MatMul(fleet), torch.float64), (convolutions("triton", fleet), torch.bfloat16)):
        leaves = [t.to(torch.float64 if dtype == torch.float64 else torch.float32).requires_grad_() for t in (x, w, b)]
        h = leaves[0] if dtype == torch.float64 or not transposed else leaves[0].bfloat16()
        reduced = dtype == torch.bfloat16 and not last
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            y = (way.transpose if transposed else way.convolve)(h, *leaves[1:], relu=relu)
        images = not transposed and layer[0] <= 3  # whose gradient nobody asks for
        found.append([y, *torch.autograd.grad((y * dy.to(y.dtype)).sum(), leaves[1:] if images else leaves)])
    assert found[1][0].dtype == (torch.float32 if last else torch.bfloat16)
    assert [g.dtype for g in found[1][1:]] == [torch.float32] * len(found[1][1:])
    of_weights = [2e-6, 2e-6]  # gradients of weights and biases are summed, and stay, in float32
    stored = 2**-7  # the interpreter cuts digits off, where a GPU rounds to the nearest
    limits = [2e-6 if last else stored, *([] if images else [stored]), *of_weights]
    for exact, ours, limit in zip(*found, limits, strict=True):
        assert bool(((ours.double() - exact).abs() <= limit * exact.abs() + 1e-6 * exact.abs().max()).all())


def launches(monkeypatch: pytest.MonkeyPatch, layer: Layer) -> list[Launch]:
    """Those of a layer and its gradients."""
    from bench.networks.parts import triton_convolutions

    found: list[Launch] = []

    def noted(launch: Launch, _: torch.device) -> None:
        found.append(launch)
        launch.run(launch.ways[0])

    monkeypatch.setattr(triton_convolutions, "start", noted)
    x, w, b, dy = (t.requires_grad_() for t in tensors(layer, 1, 9 if layer[3] == 2 else 3))
    way = triton_convolutions.Kernels(1)
    y = (way.transpose if layer[4] else way.convolve)(x, w, b, relu=layer[5])
    torch.autograd.grad((y * dy).sum(), (x, w, b))
    return found


@pytest.mark.parametrize("layer", [LAYERS[7], LAYERS[10], LAYERS[11]], ids=str)
def test_rows_of_an_output_and_loops_over_taps_change_no_bit(monkeypatch: pytest.MonkeyPatch, layer: Layer) -> None:
    from bench.networks.parts.triton_convolutions import ROWS_ARE_SUMMED, WAYS

    for launch in launches(monkeypatch, layer):
        name = launch.kernel.__name__
        launch.run(launch.ways[0])
        expected = [tensor.clone() for tensor in launch.outputs()]
        others = {Way(rows=way[0], looped=way[3] if len(way) > 3 else None) for way in WAYS[name]}
        for way in others if name not in ROWS_ARE_SUMMED else ():
            for tensor in launch.outputs():
                tensor.fill_(torch.nan)
            launch.run(way)
            assert all(map(torch.equal, launch.outputs(), expected)), f"{name} {way}"


def test_rows_that_are_summed_over_are_those_of_the_fixed_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.networks.parts.triton_convolutions import ROWS_ARE_SUMMED, WAYS, ways

    for name, table in WAYS.items():
        first = Way(64 if name == "_weight_gradient_of_few" else 32)
        rows = {way.rows for way in ways(name, first)}
        assert rows == {first.rows} if name in ROWS_ARE_SUMMED else max(rows) == first.rows
        assert len(ways(name, Way(128))) <= 1 + len(table)


COMPILED = """
import re, sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from bench.networks.parts import convolution_kernels as kernels

TYPES = {"X": "*bf16", "W": "*bf16", "MASK": "*bf16", "Y": "*bf16", "LARGE": "*bf16", "SMALL": "*bf16"}
SHAPES = dict(H=8, WIDTH=8, CI=16, CO=16, CL=16, CS=16, K=2, PAD=0, RELU=True, RELU_LARGE=True, RELU_SMALL=False,
              BIASED=True, MASKED=True, SUMMED=True, PRECISION="tf32", LOOPED=True, TAPS=16, BLOCK=32)
FEW = {
    "_convolution_of_few": ({}, {"CI": 1}),
    "_weight_gradient_of_few": ({}, {"CL": 1}),
    "_transposed_to_few": ({"W": "*fp32", "Y": "*fp32"}, {"CO": 1, "PRECISION": "tf32x3"}),
}
for name in sys.argv[1:]:
    kernel = getattr(kernels, name)
    types, shapes = FEW.get(name, ({}, {}))
    constants = {(i,): (SHAPES | shapes)[n] for i, n in enumerate(kernel.arg_names) if n in SHAPES}
    number = lambda n: "constexpr" if n in SHAPES else (TYPES | types).get(n, "*fp32" if n.isupper() else "i32")
    source = ASTSource(kernel, {n: number(n) for n in kernel.arg_names}, constants)
    text = triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"]
    print(name, "mma" in text, ".local" not in text)
"""


def test_kernels_compile_in_bfloat16_for_a_gpu_and_keep_to_its_registers(tmp_path: Path) -> None:
    """In a process that does not interpret them: an operation that the interpreter knows need not compile."""
    from bench.networks.parts.triton_convolutions import WAYS

    environment = {n: v for n, v in os.environ.items() if n != "TRITON_INTERPRET"} | {"TRITON_CACHE_DIR": str(tmp_path)}
    words = [sys.executable, "-c", COMPILED, *WAYS]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n")[:-1] == [f"{name} True True" for name in WAYS]
