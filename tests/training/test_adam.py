"""Adam is TensorFlow 1's: trajectories of the reference, epsilon outside the bias correction."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.training.adam import Adam, corrected_rates

ARRAYS = np.load(Path(__file__).parents[1] / "golden" / "loss_golden.npz")
START = [1.0, -2.0, 0.5, 0.001]


@pytest.mark.parametrize(("name", "betas"), [("adam_traj_vae", (0.9, 0.999)), ("adam_traj_discriminator", (0.5, 0.9))])
def test_trajectory_is_the_references(name: str, betas: tuple[float, float]) -> None:
    w = torch.nn.Parameter(torch.tensor(START))
    adam = Adam([w], lr=1e-4, betas=betas)
    walked = []
    for step, gradient in enumerate(ARRAYS["adam_grads"]):
        w.grad = torch.from_numpy(gradient.copy())
        adam.update(torch.tensor([step], dtype=torch.int32))
        walked.append(w.detach().numpy().copy())
    np.testing.assert_allclose(np.array(walked), ARRAYS[name], rtol=2e-7, atol=1e-9)


def test_the_bias_correction_ends_at_the_learning_rate() -> None:
    rates = corrected_rates(1e-4, 0.9, 0.999)
    assert rates[0] == pytest.approx(1e-4 * 0.001**0.5 / 0.1)
    assert rates[-1] == np.float32(1e-4)


def test_a_gradient_of_another_memory_layout_is_refused() -> None:
    w = torch.nn.Parameter(torch.zeros(3, 4))
    w.grad = torch.ones(4, 3).t()
    with pytest.raises(ValueError, match="strides"):
        Adam([w], lr=1.0).update(torch.zeros(1, dtype=torch.int32))


GOLDEN = Path(__file__).parents[1] / "golden"
ENTRY = json.loads((GOLDEN / "objectives.json").read_text())["entries"]["qlae/clip_applies_to"]
OBJECTIVES = np.load(GOLDEN / "objectives.npz")


def stacked(value: float = 2.0, members: int = 2) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.full((members, 3), value))


@pytest.mark.parametrize(
    ("limit", "array"),
    [(ENTRY["constants"]["clip"], "update_weight_without_decay"), (None, "update_bias")],
)
def test_elements_of_a_gradient_are_clipped_as_the_reference_does_where_a_limit_is_given(
    limit: float | None, array: str
) -> None:
    w, walked = stacked(0.0, 1), [0.0]
    limits = [None if limit is None else torch.tensor([limit])]
    adam = Adam([{"params": [w], "limits": limits}], lr=ENTRY["constants"]["learning_rate"])
    for step, gradient in enumerate(OBJECTIVES[ENTRY["arrays"]["gradient"]]):
        w.grad = torch.full_like(w, float(gradient))
        adam.update(at(step))
        walked.append(w[0, 0].item())
    np.testing.assert_allclose(np.diff(walked), OBJECTIVES[ENTRY["arrays"][array]], rtol=2e-5, atol=1e-9)


def at(step: int) -> torch.Tensor:
    return torch.tensor([step], dtype=torch.int32)


def test_decoupled_decay_takes_its_share_of_a_weight_whatever_the_gradient_and_spares_the_exempt() -> None:
    decaying, exempt = stacked(), stacked()
    adam = Adam([{"params": [decaying, exempt], "decays": [torch.tensor([0.1, 0.5]), None]}], lr=0.01)
    for step in range(3):
        decaying.grad, exempt.grad = torch.zeros_like(decaying), torch.zeros_like(exempt)
        adam.update(at(step))
    expected = 2.0 * (1 - 0.01 * torch.tensor([0.1, 0.5])) ** 3
    torch.testing.assert_close(decaying.detach(), expected[:, None].expand(2, 3))
    assert torch.equal(exempt.detach(), torch.full((2, 3), 2.0))


def test_decay_is_that_of_the_frameworks_adamw() -> None:
    ours, theirs = stacked(), stacked()
    adam = Adam([{"params": [ours], "decays": [torch.tensor([0.3, 0.3])]}], lr=0.01)
    framework = torch.optim.AdamW([theirs], lr=0.01, weight_decay=0.3)
    for step in range(5):
        gradient = torch.tensor([[1.0, -2.0, 0.5]] * 2) * (step + 1)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        adam.update(at(step))
        framework.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)


@pytest.mark.parametrize("poison", ["gradient", "decay", "limit"])
def test_what_is_not_a_number_in_one_member_never_touches_another(poison: str) -> None:
    def updated(bad: float) -> torch.Tensor:
        w, values = stacked(), {name: torch.tensor([0.5, 0.5]) for name in ("gradient", "decay", "limit")}
        values[poison][0] = bad
        adam = Adam([{"params": [w], "decays": [values["decay"]], "limits": [values["limit"]]}], lr=0.01)
        for step in range(3):
            w.grad = values["gradient"][:, None].expand_as(w).clone()
            adam.update(at(step))
        return w.detach()

    healthy, poisoned = updated(0.25), updated(float("nan"))
    assert poisoned[0].isnan().all()
    assert torch.equal(healthy[1], poisoned[1])


def test_a_group_with_a_period_is_updated_at_every_nth_step_as_if_there_were_no_others() -> None:
    seldom, often = stacked(), stacked()
    decays = [torch.tensor([0.1, 0.5])]
    adam = Adam([{"params": [seldom], "decays": decays, "every": 3}], lr=0.01)
    plain = Adam([{"params": [often], "decays": decays}], lr=0.01)
    for step in range(9):
        before = seldom.detach().clone()
        seldom.grad = torch.full_like(seldom, float(step))
        adam.update(at(step))
        if step % 3 == 2:
            often.grad = torch.full_like(often, float(step))
            plain.update(at(step // 3))
            assert torch.equal(seldom, often)
        else:
            assert torch.equal(seldom, before)
