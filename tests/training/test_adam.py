"""Adam is TensorFlow 1's: trajectories of the reference, epsilon outside the bias correction."""

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
