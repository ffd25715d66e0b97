"""ControlVAE's controller walks as its authors' code does; its state is a member's own and outlives a kill."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data import load_data
from bench.data.pooled import at_size
from bench.data.reader import images_on
from bench.models.control_vae import ControlVAE
from bench.models.parts.vae import Latent
from bench.store.files import read_arrays, write_arrays
from bench.training.batches import Batches
from bench.training.stack import Progress, Stack

GOLDEN = Path(__file__).parents[1] / "golden"
ARRAYS = np.load(GOLDEN / "objectives.npz")
ENTRIES = json.loads((GOLDEN / "objectives.json").read_text())["entries"]
HYPER = {"c_max": 18.0, "kp": 0.01, "ki": -0.001, "period": 5000.0}


def at(step: int) -> torch.Tensor:
    return torch.tensor([step], dtype=torch.int32)


def new(seeds: tuple[int, ...] = (0,), **hyper: float) -> ControlVAE:
    return ControlVAE((32, 32, 1), "small", 10, seeds, (HYPER | hyper,) * len(seeds))


@pytest.mark.parametrize(
    ("entry", "hyper"),
    [
        ("disentangling/C_stepping", {"period": 10.0, "c_max": 2.0}),
        ("disentangling/freeze_and_thaw", {}),
        ("disentangling/Kp1_Ki-0.1_C3", {"kp": 1.0, "ki": -0.1}),
    ],
)
def test_the_controller_walks_as_the_references_does(entry: str, hyper: dict[str, float]) -> None:
    golden = ENTRIES[f"controlvae/{entry}"]
    expected = {name: ARRAYS[array] for name, array in golden["arrays"].items()}
    model = new(**hyper).double()
    if "stepping" not in entry:
        model.target = lambda step: torch.from_numpy(expected["C"])[step.long()]
    betas, states = [], []
    for step, kl in enumerate(ARRAYS[golden["inputs"][0]]):
        assert model.target(at(step)).item() == pytest.approx(expected["C"][step], rel=1e-6)
        betas.append(model.control(torch.tensor([kl]), at(step)).item())
        states.append([model.integral.item(), model.unclamped.item()])
    walked = np.array([betas, *zip(*states, strict=True)])
    # hyper-parameters are float32
    np.testing.assert_allclose(walked, [expected[n] for n in ("beta", "I", "W_unclamped")], rtol=1e-5, atol=1e-7)


def test_the_first_step_has_the_references_beta_and_gradients() -> None:
    golden = ENTRIES["controlvae/first_step"]
    mean, logvar = (torch.from_numpy(ARRAYS[n])[None].requires_grad_() for n in ("mu1", "lv1"))
    terms = new().objective(Latent(mean, logvar, mean), at(0))
    assert terms["beta"].item() == pytest.approx(golden["values"]["beta"], rel=1e-6)
    assert terms["regulariser"].item() == pytest.approx(
        golden["values"]["beta"] * golden["values"]["kl_loss"], rel=1e-5
    )
    terms["regulariser"].sum().backward()
    for tensor, part in ((mean, "mu1"), (logvar, "lv1")):
        gradient = ARRAYS[golden["arrays"][f"grad_{part}"]]
        np.testing.assert_allclose(tensor.grad[0].numpy(), gradient, rtol=0, atol=2e-5 * np.abs(gradient).max())


def test_the_target_rises_by_steps_to_its_end() -> None:
    model = new()
    targets = [model.target(at(iteration - 1)).item() for iteration in (1, 4999, 5000, 9999, 10_000, 590_000)]
    assert targets == pytest.approx([0.5, 0.5, 0.65, 0.65, 0.8, 18.0])


def stack(*seeds: int) -> Stack:
    source = images_on(torch.device("cpu"), at_size(load_data("mnist"), 32))
    model = new(seeds, kp=1.0, ki=-0.1)
    return Stack(model, Batches(source, model, seeds, 8), 1e-3)


def updated(one: Stack, steps: int) -> Stack:
    for _ in range(steps):
        one.update(curves=True)
    return one


def test_what_is_kept_resumes_bit_for_bit_and_finds_its_slot_in_another_stack(tmp_path: Path) -> None:
    saved = {}
    for seed in (3, 4):
        progress = updated(stack(seed), 6).progress(0)
        write_arrays(tmp_path / f"{seed}.safetensors", progress.arrays)
        saved[seed] = Progress(progress.step, read_arrays(tmp_path / f"{seed}.safetensors")[0])
    again = stack(3)
    again.resume([saved[3]])
    undisturbed, resumed = updated(stack(3), 12), updated(again, 6)
    np.testing.assert_array_equal(undisturbed.losses(), resumed.losses())
    for name, array in undisturbed.model.member(0).items():
        np.testing.assert_array_equal(resumed.model.member(0)[name], array)
    together = stack(4, 3)
    together.resume([saved[4], saved[3]])
    kept = [saved[seed].arrays["kept/integral"] for seed in (4, 3)]
    assert kept[0] != kept[1]
    np.testing.assert_array_equal(together.model.integral.numpy(), kept)


def test_what_is_not_a_number_in_one_member_never_touches_the_state_of_another() -> None:
    model = new((0, 1))
    model.control(torch.tensor([float("nan"), 2.0]), at(0))
    assert model.integral.isnan().tolist() == model.unclamped.isnan().tolist() == [True, False]
    alone = new((1,))
    alone.control(torch.tensor([2.0]), at(0))
    assert torch.equal(model.integral[1:], alone.integral)


def test_what_is_kept_is_stored_with_the_weights() -> None:
    trained, fresh = updated(stack(3), 3).model, new((5,))
    fresh.load(trained.state())
    assert torch.equal(fresh.integral, trained.integral)
    assert {"integral", "unclamped"} == trained.saved_buffers().keys()
