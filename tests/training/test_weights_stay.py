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
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from bench import registry
from bench.data.reader import images_on
from bench.models.parts.stacked import Stacked
from bench.store.shipped import conf_dir
from bench.study import grid
from bench.study.run import TRAINING
from bench.training.batches import Batches
from bench.training.stack import Stack
from bench.training.train import new_learner, training_images

VALUES = Path(__file__).parents[1] / "golden" / "training.json"
PAIRS = ("resampled", "dlib")  # rules beside "paper", of which "uniform" is one case, and SlowVAE's "laplace"
DSPRITES = ("dataset=dsprites", "trainer.architecture=small", "trainer.image_size=32")
NOISY = ("dataset=noisy_dsprites", "trainer.architecture=locatello2019", "trainer.image_size=64")


def _models() -> list[str]:
    """All that are trained by updates."""
    return [name for name in registry.names("models") if issubclass(registry.load("models", name), Stacked)]


RUNS = {
    **{f"{model}-small-dsprites": (f"model={model}", *DSPRITES) for model in _models()},
    "beta_vae-locatello2019-noisy_dsprites": ("model=beta_vae", *NOISY),
    **{f"ada_gvae-{rule}-dsprites": ("model=ada_gvae", f"model.ada_gvae.pairs={rule}", *DSPRITES) for rule in PAIRS},
}


def trained(words: tuple[str, ...]) -> dict[str, Any]:
    """Losses of five updates, and the length of all weights."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config: Any = OmegaConf.to_container(compose("config", [*words, "strength=[2]", "seed=[7]"]), resolve=True)
    (run,) = grid.plan(config).runs
    learner = new_learner([run])
    assert isinstance(learner, Stacked)
    source = images_on(torch.device("cpu"), training_images(run))
    stack = Stack(learner, Batches(source, learner, [7], 8), 1e-3)
    for _ in range(5):
        stack.update(curves=True)
    weights = np.concatenate([w.ravel() for w in stack.model.member(0).values()])
    return {
        "training": TRAINING,
        "versions": [run.version, run.networks_version],
        "losses": stack.losses()[:, 0, 1].tolist(),
        "weights": float(np.linalg.norm(weights)),
    }


@pytest.mark.parametrize("run", RUNS)
def test_weights_and_losses_are_those_of_this_version(run: str) -> None:
    now, then = trained(RUNS[run]), json.loads(VALUES.read_text()).get(run, {})
    if any(now[key] != then.get(key) for key in ("training", "versions")):
        pytest.fail("a version was raised, or a model is new: write the golden values, as the top of this file says")
    np.testing.assert_allclose(now["losses"], then["losses"], rtol=1e-4)
    assert now["weights"] == pytest.approx(then["weights"], rel=1e-5)


if __name__ == "__main__":
    torch.set_num_threads(1)
    VALUES.write_text(json.dumps({name: trained(words) for name, words in RUNS.items()}, indent=1) + "\n")
    sys.exit()
