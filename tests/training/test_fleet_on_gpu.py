"""On a CUDA device a fleet trains as on the CPU and as alone, within rounding; run by hand with -m gpu."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import yaml

from bench import registry, store
from bench.data import load_data
from bench.data.pooled import at_size
from bench.data.reader import images_on
from bench.training.batches import Batches
from bench.training.fleet import Fleet
from bench.training.stack import Stack

pytestmark = pytest.mark.gpu
TOLERANCE = 2e-3  # relative, of all weights after 20 steps: kernels round differently, and Adam enlarges it
MODELS = [
    "beta_vae", "annealed_vae", "factor_vae", "beta_tcvae", "dip_vae_i", "dip_vae_ii", "deep_vae",
    "denoising_autoencoder", "score_function_vae",
]  # fmt: skip


def stack(name: str, seeds: Sequence[int], device: str, way: str = "grouped", poison: int | None = None) -> Stack:
    entry = yaml.safe_load((store.conf_dir() / "model" / f"{name}.yaml").read_text())
    hyper = [entry["hyper"] | {entry["sweeps"]: entry["values"][2]} for _ in seeds]
    if poison is not None:
        hyper[poison][entry["sweeps"]] = float("nan")
    data = at_size(load_data("noisy_dsprites"), 32)
    model = registry.load("models", name)((32, 32, 3), "small", 6, seeds, hyper, way).to(device)
    return Stack(model, Batches(images_on(torch.device(device), data), seeds, 16, model.noise_dim), 1e-3)


def trained(stacks: Sequence[Stack], steps: int = 20) -> Fleet:
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
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
    for k, seed in enumerate((5, 0)):
        assert difference(trained([stack(name, [seed], "cpu")]).state(0), fleet.state(k)) < TOLERANCE


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
