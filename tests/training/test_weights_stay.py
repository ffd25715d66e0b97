"""Training makes of every model what it made before, or the version of what was changed is raised.

The golden values are this code's own: losses of five updates and the length of the weights after them. A change that
moves them changes what a run id stands for: raise `TRAINING` in `bench/study/run.py` (batches, noise, optimiser: all
models), or the version of the networks or the model, and write the values anew:
`python tests/training/test_weights_stay.py`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from bench import registry
from bench.data import load_data
from bench.data.pooled import at_size
from bench.data.reader import images_on
from bench.models.parts.stacked import Stacked
from bench.store.shipped import conf_dir
from bench.study.run import TRAINING
from bench.training.batches import Batches
from bench.training.stack import Stack

VALUES = Path(__file__).parents[1] / "golden" / "training.json"
SIX = ("beta_vae", "annealed_vae", "factor_vae", "beta_tcvae", "dip_vae_i", "dip_vae_ii")
RUNS = [*((model, "small", "dsprites") for model in SIX), ("beta_vae", "locatello2019", "noisy_dsprites")]


def trained(model: str, networks: str, dataset: str) -> dict[str, Any]:
    """Losses of five updates, and the length of all weights."""
    entry = yaml.safe_load((conf_dir() / "model" / f"{model}.yaml").read_text())
    hyper = [entry["hyper"] | {entry["sweeps"]: entry["values"][2]}]
    size = {"small": 32, "locatello2019": 64}[networks]
    data = at_size(load_data(dataset), size)
    learner: Stacked = registry.load("models", model)(data.card.image_shape, networks, 10, [7], hyper)
    source = images_on(torch.device("cpu"), data)
    stack = Stack(learner, Batches(source, learner, [7], 8), 1e-3)
    for _ in range(5):
        stack.update(curves=True)
    weights = np.concatenate([w.ravel() for w in stack.model.member(0).values()])
    return {
        "training": TRAINING,
        "versions": [entry["version"], registry.load("networks", networks).network.version],
        "losses": stack.losses()[:, 0, 1].tolist(),
        "weights": float(np.linalg.norm(weights)),
    }


@pytest.mark.parametrize("run", RUNS, ids="-".join)
def test_weights_and_losses_are_those_of_this_version(run: tuple[str, str, str]) -> None:
    now, then = trained(*run), json.loads(VALUES.read_text())["-".join(run)]
    if (now["training"], now["versions"]) != (then["training"], then["versions"]):
        pytest.fail("a version was raised: write the golden values anew, as the top of this file says")
    np.testing.assert_allclose(now["losses"], then["losses"], rtol=1e-4)
    assert now["weights"] == pytest.approx(then["weights"], rel=1e-5)


if __name__ == "__main__":
    torch.set_num_threads(1)
    VALUES.write_text(json.dumps({"-".join(run): trained(*run) for run in RUNS}, indent=1) + "\n")
    sys.exit()
