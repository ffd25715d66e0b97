"""On a CUDA device a fleet trains as on the CPU and as alone, within rounding; run by hand with -m gpu."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from bench import registry
from bench.data import card, load_data
from bench.data.pooled import at_size
from bench.data.reader import images_on
from bench.data.sampling import of_card, sampled
from bench.networks.parts import kernel_choices
from bench.networks.parts.convolutions import convolutions
from bench.networks.parts.kernel_choices import Choices, Gpu
from bench.store import shipped
from bench.study.run import PAIRS
from bench.training.batches import Batches
from bench.training.fleet import Fleet
from bench.training.stack import Stack, set_precision

pytestmark = pytest.mark.gpu
# Relative, of all weights after 20 steps. Kernels round differently and Adam enlarges it: on a CPU alone, initial
# weights that are changed by 1e-6 give weights that differ by up to 1.0e-2.
TOLERANCE = 2e-2
LOSS_TOLERANCE = 2e-3  # relative, of every recorded loss
OF_A_CRITIC = 2e-2  # of InfoGAN: on a CPU alone, initial weights that are changed by 1e-6 move its losses by 3e-3
MODELS = [
    "beta_vae", "annealed_vae", "factor_vae", "beta_tcvae", "dip_vae_i", "dip_vae_ii", "deep_vae",
    "denoising_autoencoder", "score_function_vae", "ada_gvae", "bio_ae", "control_vae",
    "ada_ml_vae", "gvae", "ml_vae", "slow_vae",
    "hfs", "qlae", "infogan", "dc_ign",
]  # fmt: skip


def stack(name: str, seeds: Sequence[int], device: str, way: str = "grouped", poison: int | None = None) -> Stack:
    entry = yaml.safe_load((shipped.conf_dir() / "model" / f"{name}.yaml").read_text())
    swept = {entry["sweeps"]: entry["values"][2]} if entry["sweeps"] else {}
    hyper = [entry["hyper"] | swept for _ in seeds]
    if poison is not None:
        hyper[poison][entry["sweeps"]] = float("nan")
    data = at_size(load_data("noisy_dsprites"), 32)
    model = registry.load("models", name)((32, 32, 3), "small", 6, seeds, hyper, way).to(device)
    batches = Batches(images_on(torch.device(device), data), model, seeds, 16)
    return Stack(model, batches, 1e-3)


def trained(stacks: Sequence[Stack], steps: int = 20, precision: str = "float32") -> Fleet:
    set_precision(precision)
    fleet = Fleet(stacks, log_every=5)
    for step in range(steps):
        fleet.update(recorded=(step + 1) % 5 == 0)
    return fleet


def difference(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    first, second = (np.concatenate([w[n].ravel() for n in a]) for w in (a, b))
    return float(np.linalg.norm(first - second) / np.linalg.norm(first))


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_of_a_fleet_gives_the_weights_of_the_cpu(name: str) -> None:
    fleet = trained([stack(name, [s], "cuda") for s in (5, 0)])
    assert fleet.graph is not None
    assert fleet.graph.graph is not None
    tolerance = OF_A_CRITIC if name == "infogan" else LOSS_TOLERANCE
    for k, seed in enumerate((5, 0)):
        alone = trained([stack(name, [seed], "cpu")])
        np.testing.assert_allclose(fleet.losses()[:, k, 1], alone.losses()[:, 0, 1], rtol=tolerance)
        assert difference(alone.state(0), fleet.state(k)) < TOLERANCE


@pytest.mark.parametrize(
    "dataset", ["dsprites", "noisy_dsprites", "color_dsprites", "rooms3d", "xyobject", "xysquares"]
)
def test_compiled_inputs_are_those_of_the_cpu(dataset: str) -> None:
    torch.compiler.reset()
    read = {}
    model = registry.load("models", "beta_vae")((32, 32, 1), "small", 10, [3, 4], [{"beta": 1.0}] * 2)
    for device in ("cpu", "cuda"):
        batches = Batches(images_on(torch.device(device), load_data(dataset)), model, [3, 4], 16)
        step = torch.tensor([7], dtype=torch.int32, device=device)
        read[device] = (torch.compile(batches.read, fullgraph=True) if device == "cuda" else batches.read)(step)
    assert torch.equal(read["cuda"]["images"].cpu(), read["cpu"]["images"])
    assert (read["cuda"]["noise"].cpu() - read["cpu"]["noise"]).abs().max() < 1e-5


@pytest.mark.parametrize("rule", PAIRS)
def test_pairs_are_those_of_the_cpu(rule: str) -> None:
    torch.compiler.reset()
    hyper, data = [{"beta": 1.0, "changes": -1.0, "rate": rate} for rate in (1.0, -1.0)], load_data("dsprites")
    read = {}
    for device in ("cpu", "cuda"):
        model = registry.load("models", "gvae")((64, 64, 1), "locatello2019", 10, [3, 4], hyper, pairs=rule).to(device)
        batches = Batches(images_on(torch.device(device), data), model, [3, 4], 4096)
        steps = [torch.tensor([step], dtype=torch.int32, device=device) for step in range(20)]
        compiled = torch.compile(batches.index, fullgraph=True) if device == "cuda" else batches.index
        read[device] = torch.stack([compiled(step) for step in steps]).cpu()
    assert torch.equal(read["cuda"], read["cpu"])


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "correlated", "pairs": [["scale", "x"], ["shape", "y"]], "sigma": 0.1},
        {"kind": "correlated", "pairs": [["x", "all"]], "sigma": 0.2},
        {"kind": "held_out", "held_out": "extrapolation"},
        {"kind": "subset", "images": 1000},
    ],
)
def test_rows_of_a_sampling_are_those_of_the_cpu_in_a_graph(entry: dict[str, Any]) -> None:
    data = sampled(load_data("dsprites"), of_card(entry, card("dsprites")))
    model = registry.load("models", "beta_vae")((64, 64, 1), "locatello2019", 10, [3, 4], [{"beta": 1.0}] * 2)
    drawn = {d: Batches(images_on(torch.device(d), data), model, [3, 4], 4096) for d in ("cpu", "cuda")}
    clock = {d: torch.zeros(1, dtype=torch.int32, device=d) for d in drawn}
    graph = torch.cuda.CUDAGraph()
    drawn["cuda"].index(clock["cuda"])  # once before it is recorded
    with torch.cuda.graph(graph):
        recorded = drawn["cuda"].index(clock["cuda"])
    for step in range(20):
        clock["cpu"].fill_(step)
        clock["cuda"].fill_(step)
        graph.replay()
        assert torch.equal(recorded.cpu(), drawn["cpu"].index(clock["cpu"]))


@pytest.mark.parametrize("channels", [1, 3])
def test_kernels_give_the_layers_of_the_framework(channels: int) -> None:
    set_precision("float32")
    for inputs, outputs, kernel, size, transposed in (
        (channels, 32, 4, 64, False), (32, 32, 4, 32, False), (32, 64, 2, 16, False), (64, 64, 2, 8, False),
        (64, 64, 4, 4, True), (64, 32, 4, 8, True), (32, 32, 4, 16, True), (32, channels, 4, 32, True),
    ):  # fmt: skip
        rng = torch.Generator("cuda").manual_seed(0)
        shape = (3, inputs, outputs) if transposed else (3, outputs, inputs)
        x = torch.randn(3, 64, size, size, inputs, generator=rng, device="cuda").requires_grad_()
        w = torch.randn(*shape, kernel, kernel, generator=rng, device="cuda").requires_grad_()
        b = torch.randn(3, outputs, generator=rng, device="cuda").requires_grad_()
        results = []
        for name in ("triton", "grouped"):
            way = convolutions(name, 3)
            relu = inputs != channels
            y = way.leave((way.transpose if transposed else way.convolve)(way.enter(x), w, b, relu=relu))
            upstream = torch.randn(y.shape, generator=torch.Generator("cuda").manual_seed(1), device="cuda")
            results.append([y, *torch.autograd.grad((y * upstream).sum(), (x, w, b))])
        errors = [float((ours - theirs).norm() / theirs.norm()) for ours, theirs in zip(*results, strict=True)]
        # an output within rounding of zero may pass a ReLU on one side alone: two of 6 million change gradients by 1e-3
        limits = [1e-5, *[5e-3 if relu else 1e-5] * 3]
        assert all(e < limit for e, limit in zip(errors, limits, strict=True)), f"{inputs} to {outputs}: {errors}"


def test_measured_ways_of_kernels_change_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    measured = Choices(Gpu(torch.cuda.current_device()), tmp_path, [])
    for way in (lambda launch: launch.ways[0], measured.way):
        monkeypatch.setattr(kernel_choices, "choices", lambda _, way=way: SimpleNamespace(way=way))
        states.append(trained([stack("beta_vae", [3, 4], "cuda", "triton")], precision="tf32").state(1))
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])
    assert measured.file.exists()


@pytest.mark.parametrize("way", ["grouped", "matmul", "triton"])
def test_a_stack_gives_the_weights_of_branches(way: str) -> None:
    branches = trained([stack("beta_vae", [s], "cuda") for s in (3, 4)])
    together = trained([stack("beta_vae", [3, 4], "cuda", way)])
    for k in (0, 1):
        assert difference(branches.state(k), together.state(k)) < TOLERANCE


def test_a_poisoned_member_leaves_the_others_as_they_are() -> None:
    healthy, poisoned = (trained([stack("beta_vae", [0, 1, 2], "cuda", poison=p)]) for p in (None, 1))
    assert [int(b) for b in poisoned.stacks[0].first_bad] == [-1, 1, -1]
    for k in (0, 2):
        assert difference(healthy.state(k), poisoned.state(k)) < TOLERANCE


def test_a_killed_fleet_resumes_where_it_stood() -> None:
    undisturbed = trained([stack("beta_vae", [0], "cuda")], 20)
    half = trained([stack("beta_vae", [0], "cuda")], 10)
    again = stack("beta_vae", [0], "cuda")
    again.resume([half.progress(0)])
    assert difference(undisturbed.state(0), trained([again], 10).state(0)) < TOLERANCE
